"""The figures: what each is called, medians and spreads over rounds, and the table. Arithmetic only."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

Subject: TypeAlias = Literal["tiercel", "keyed", "nginx", "direct"]
"""What was measured; `keyed` is Tiercel with a key, its limits and budgets, `direct` the upstream without anything
before it."""

SUBJECTS: tuple[Subject, ...] = ("tiercel", "keyed", "nginx", "direct")
UNKNOWN = "–"


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """At most so much, or at most so many times what nginx has in the same run."""

    at_most: float
    times_nginx: bool = False


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. `of` says what the sample size of a round counts."""

    key: str
    title: str
    unit: str
    of: str
    digits: int = 1
    aim: Aim | None = None
    compared: bool = True
    """Whether so many times nginx's says something."""


FIGURES: tuple[Figure, ...] = (
    Figure(
        key="cpu_per_request",
        title="CPU per request",
        unit="µs",
        of="requests",
        aim=Aim(at_most=4.5, times_nginx=True),
    ),
    Figure(key="requests_per_second", title="requests/s on one core", unit="1/s", of="requests", digits=0),
    Figure(
        key="cpu_per_chunk",
        title="CPU per streamed chunk, saturated",
        unit="µs",
        of="chunks",
        digits=2,
        aim=Aim(at_most=2.0, times_nginx=True),
    ),
    Figure(
        key="cpu_per_paced_chunk", title="CPU per streamed chunk, paced", unit="µs", of="chunks", digits=2
    ),
    Figure(key="stall_free", title="stall-free streams", unit="%", of="streams", compared=False),
    Figure(key="largest_gap", title="largest gap between tokens", unit="ms", of="streams", digits=0),
    Figure(key="added_p50", title="added latency p50, 150 requests/s", unit="ms", of="requests", digits=2),
    Figure(
        key="added_p99",
        title="added latency p99, 150 requests/s",
        unit="ms",
        of="requests",
        digits=2,
        aim=Aim(at_most=4.0, times_nginx=True),
    ),
    Figure(key="latency_p50", title="latency p50, 150 requests/s", unit="ms", of="requests", digits=2),
    Figure(key="latency_p99", title="latency p99, 150 requests/s", unit="ms", of="requests", digits=2),
    Figure(key="memory_idle", title="memory, idle", unit="MB", of="starts", aim=Aim(at_most=70.0)),
    Figure(key="memory_loaded", title="memory, loaded", unit="MB", of="requests"),
    Figure(key="ready", title="time to readiness", unit="s", of="starts", digits=3, aim=Aim(at_most=0.7)),
    Figure(key="cpu_per_record", title="CPU per ingested record", unit="µs", of="records"),
)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one round gave, and from how many."""

    value: float
    n: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over all rounds: the middle, both ends, and the things counted in all of them together."""

    median: float
    low: float
    high: float
    rounds: int
    n: int


def summarise(samples: Sequence[Sample]) -> Summary | None:
    """`None` where nothing was measured."""
    if not samples:
        return None
    values = [sample.value for sample in samples]
    return Summary(
        median=statistics.median(values),
        low=min(values),
        high=max(values),
        rounds=len(values),
        n=sum(sample.n for sample in samples),
    )


class Results:
    """Samples by figure and subject, in the order of the rounds."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, Subject], list[Sample]] = {}

    def add(self, key: str, subject: Subject, value: float, n: int) -> None:
        """Note what a round gave. Raises `KeyError` for a figure that is not in the table."""
        if key not in {figure.key for figure in FIGURES}:
            raise KeyError(key)
        self._samples.setdefault((key, subject), []).append(Sample(value=value, n=n))

    def summary(self, key: str, subject: Subject) -> Summary | None:
        return summarise(self._samples.get((key, subject), ()))

    def as_json(self) -> list[dict[str, object]]:
        """Every sample with its figure, for a machine to read."""
        return [
            {
                "figure": figure.key,
                "title": figure.title,
                "unit": figure.unit,
                "subject": subject,
                "samples": [msgspec.structs.asdict(sample) for sample in samples],
                "n_of": figure.of,
                **msgspec.structs.asdict(summary),
            }
            for figure in FIGURES
            for subject in SUBJECTS
            if (samples := self._samples.get((figure.key, subject)))
            and (summary := summarise(samples)) is not None
        ]


def times_nginx(results: Results, key: str, subject: Subject = "tiercel") -> float | None:
    """The subject's median in nginx's; `None` without both, or where nginx's is not above zero."""
    ours, theirs = results.summary(key, subject), results.summary(key, "nginx")
    if ours is None or theirs is None or theirs.median <= 0:
        return None
    return ours.median / theirs.median


def judged(results: Results, figure: Figure) -> str:
    """The aim, and whether it was met."""
    aim, ours = figure.aim, results.summary(figure.key, "tiercel")
    if aim is None:
        return ""
    limit = f"≤ {aim.at_most:g} ×" if aim.times_nginx else f"≤ {aim.at_most:g} {figure.unit}"
    value = times_nginx(results, figure.key) if aim.times_nginx else (ours.median if ours else None)
    if value is None:
        return f"{limit}: not known"
    return f"{limit}: {'met' if value <= aim.at_most else 'missed'}"


def table(results: Results) -> str:
    """All figures that were measured, as a Markdown table with aligned columns."""
    columns = _columns(results)
    measured = [
        figure for figure in FIGURES if any(results.summary(figure.key, subject) for subject in SUBJECTS)
    ]
    return markdown(
        [[heading for heading, _ in columns], *([cell(figure) for _, cell in columns] for figure in measured)]
    )


def _columns(results: Results) -> list[tuple[str, Callable[[Figure], str]]]:
    """Heading and cells, of those columns alone that have something to show."""
    has = {subject: any(results.summary(figure.key, subject) for figure in FIGURES) for subject in SUBJECTS}
    columns: list[tuple[str, Callable[[Figure], str], bool]] = [
        ("figure", lambda figure: f"{figure.title}, {figure.unit}", True),
        ("Tiercel", lambda figure: _summary_cell(results, figure, "tiercel"), True),
        ("with keys", lambda figure: _summary_cell(results, figure, "keyed"), has["keyed"]),
        ("nginx", lambda figure: _summary_cell(results, figure, "nginx"), has["nginx"]),
        ("times nginx", lambda figure: _ratio_cell(results, figure, "tiercel"), has["nginx"]),
        (
            "with keys, times nginx",
            lambda figure: _ratio_cell(results, figure, "keyed"),
            has["keyed"] and has["nginx"],
        ),
        ("direct", lambda figure: _summary_cell(results, figure, "direct"), True),
        ("aim", lambda figure: judged(results, figure), True),
        ("n, all rounds", lambda figure: _counted_cell(results, figure), True),
    ]
    return [(heading, cell) for heading, cell, is_shown in columns if is_shown]


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; the first is the heading, the first column stands left and all others right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    rule = "|".join("-" * (width + 1) + (":" if place else "-") for place, width in enumerate(widths))
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if place else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"


def _summary_cell(results: Results, figure: Figure, subject: Subject) -> str:
    summary = results.summary(figure.key, subject)
    if summary is None:
        return UNKNOWN
    middle = f"{summary.median:,.{figure.digits}f}"
    if summary.rounds == 1:
        return middle
    return f"{middle} ({summary.low:,.{figure.digits}f}–{summary.high:,.{figure.digits}f})"


def _ratio_cell(results: Results, figure: Figure, subject: Subject) -> str:
    ratio = times_nginx(results, figure.key, subject) if figure.compared else None
    if ratio is None:
        return UNKNOWN
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


def _counted_cell(results: Results, figure: Figure) -> str:
    counted = results.summary(figure.key, "tiercel")
    return UNKNOWN if counted is None else f"{counted.n:,} {figure.of}"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What a process held after so many requests."""

    requests: int
    resident_bytes: int
    open_files: int
    tasks: int
    threads: int


def growth(points: Sequence[Point]) -> float:
    """Bytes of memory per request, by the least squares line through the points."""
    line = statistics.linear_regression(
        [point.requests for point in points], [point.resident_bytes for point in points]
    )
    return float(line.slope)


def grown_in_each(points: Sequence[Point], requests: int) -> list[int]:
    """By how many bytes memory grew in each so many requests for which there are points."""
    at = {point.requests: point.resident_bytes for point in points}
    ends = range(requests, max(at, default=0) + 1, requests)
    return [at[end] - at[end - requests] for end in ends if end in at and end - requests in at]


def as_facts(facts: Mapping[str, str]) -> str:
    """The header above the table, one fact a line."""
    width = max(len(name) for name in facts)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())
