"""Prometheus' text format (0.0.4), and the families that are folded from records.

Written here, because the official client would take some forty microseconds to count what `counters.py` counts in
three, on the path of every request.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.climb import ASIDE
from tiercel.domain.money import usd_text
from tiercel.records.counters import AttemptCell, Counters, Histogram, RequestCell

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Labels: TypeAlias = tuple[str, ...]
Value: TypeAlias = int | float | str
"""A number, or one that is already written out, such as dollars."""
TOKEN_KINDS = ("uncached", "cached", "written", "visible", "reasoning")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: its name, what it means, the names of its labels, and a value for each set of labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()
    values: Sequence[tuple[Labels, Value | Histogram]] = ()


def exposition(families: Iterable[Family]) -> bytes:
    """The page that Prometheus reads."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_help(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for labels, value in family.values:
            pairs = [f'{name}="{_escaped(label)}"' for name, label in zip(family.labels, labels, strict=True)]
            if isinstance(value, Histogram):
                lines += _histogram(family.name, pairs, value)
            else:
                lines.append(f"{family.name}{_braced(pairs)} {value}")
    return ("\n".join(lines) + "\n").encode("utf-8")


def gauge(name: str, help_text: str, value: Value) -> Family:
    """A gauge without labels."""
    return Family(name=name, kind="gauge", help=help_text, values=[((), value)])


def counted(counters: Counters) -> list[Family]:
    """Everything that is folded from records and feedback since the process began."""
    requests, attempts = counters.requests(), counters.attempts()
    return [
        Family(
            name="tiercel_requests_total",
            kind="counter",
            help="Client requests that ended; tier and model are the delivered answer's.",
            labels=("task", "rule", "tier", "model", "outcome"),
            values=[(labels, cell.count) for labels, cell in requests],
        ),
        Family(
            name="tiercel_requests_started_total",
            kind="counter",
            help="Client requests that were planned and sent out.",
            values=[((), counters.started)],
        ),
        _times("tiercel_request_seconds", "From a request's receipt to its answer's end.", requests, _whole),
        _times(
            "tiercel_request_ttft_seconds",
            "From a request's receipt to a stream's first token.",
            requests,
            _first,
        ),
        *_attempt_families(attempts),
        Family(
            name="tiercel_checks_total",
            kind="counter",
            help="What checks measured: a full, partial or zero score, repaired to full, or an error of the check.",
            labels=("check", "verdict"),
            values=list(counters.checks().items()),
        ),
        Family(
            name="tiercel_gates_missed_total",
            kind="counter",
            help="Answers that did not pass a gate, by the check of the first that they missed.",
            labels=("check",),
            values=[((check,), count) for check, count in counters.missed().items()],
        ),
        Family(
            name="tiercel_feedback_total",
            kind="counter",
            help="What users said of answers.",
            labels=("verdict",),
            values=[((verdict,), count) for verdict, count in counters.feedback().items()],
        ),
        gauge(
            "tiercel_records_unwritten",
            "Records that could not be written: they wait, or are lost.",
            counters.unrecorded,
        ),
    ]


def _attempt_families(attempts: Sequence[tuple[Labels, AttemptCell]]) -> list[Family]:
    counts: dict[Labels, int] = {}
    seconds: dict[Labels, Histogram] = {}
    ttfts: dict[Labels, Histogram] = {}
    tokens: dict[Labels, int] = {}
    for (deployment, _, model, why, failure, _), cell in attempts:
        place = (deployment, model)
        _plus(counts, (deployment, model, why, failure), cell.count)
        _merge(seconds, (deployment,), cell.seconds)
        _merge(ttfts, (deployment,), cell.ttft)
        for kind in TOKEN_KINDS:
            _plus(tokens, (*place, kind), getattr(cell, kind))
    return [
        Family(
            name="tiercel_attempts_total",
            kind="counter",
            help="Calls to models: why first, retry, fallback, re_ask, escalation, hedge, opinion or judge; "
            "failure none if answered.",
            labels=("deployment", "model", "why", "failure"),
            values=list(counts.items()),
        ),
        Family(
            name="tiercel_attempt_seconds",
            kind="histogram",
            help="From a call's sending to its end.",
            labels=("deployment",),
            values=list(seconds.items()),
        ),
        Family(
            name="tiercel_attempt_ttft_seconds",
            kind="histogram",
            help="From a call's sending to its stream's first token.",
            labels=("deployment",),
            values=list(ttfts.items()),
        ),
        Family(
            name="tiercel_tokens_total",
            kind="counter",
            help="Tokens of all attempts; no token is of two kinds.",
            labels=("deployment", "model", "kind"),
            values=list(tokens.items()),
        ),
        *_cost_families(attempts),
    ]


def _cost_families(attempts: Sequence[tuple[Labels, AttemptCell]]) -> list[Family]:
    costs: dict[Labels, int] = {}
    asides: dict[Labels, int] = {}
    unpriced: dict[Labels, int] = {}
    for (deployment, _, model, why, _, _), cell in attempts:
        place = (deployment, model)
        _plus(costs, place, cell.cost_nano)
        if why in ASIDE:
            _plus(asides, (*place, why), cell.cost_nano)
        _plus(unpriced, place, cell.unpriced)
    return [
        Family(
            name="tiercel_cost_dollars_total",
            kind="counter",
            help="What all attempts cost, as far as prices are known.",
            labels=("deployment", "model"),
            values=[(labels, usd_text(nano)) for labels, nano in costs.items()],
        ),
        Family(
            name="tiercel_asides_cost_dollars_total",
            kind="counter",
            help="Of that, what second opinions and judges cost.",
            labels=("deployment", "model", "why"),
            values=[(labels, usd_text(nano)) for labels, nano in asides.items()],
        ),
        Family(
            name="tiercel_attempts_unpriced_total",
            kind="counter",
            help="Attempts that used tokens whose price is unknown, and which the cost leaves out.",
            labels=("deployment", "model"),
            values=list(unpriced.items()),
        ),
    ]


def _times(
    name: str,
    help_text: str,
    requests: Iterable[tuple[Labels, RequestCell]],
    of: Callable[[RequestCell], Histogram],
) -> Family:
    """A histogram of requests by tier and outcome."""
    times: dict[Labels, Histogram] = {}
    for (_, _, tier, _, outcome), cell in requests:
        _merge(times, (tier, outcome), of(cell))
    return Family(
        name=name, kind="histogram", help=help_text, labels=("tier", "outcome"), values=list(times.items())
    )


def _whole(cell: RequestCell) -> Histogram:
    return cell.seconds


def _first(cell: RequestCell) -> Histogram:
    return cell.ttft


def _plus(sums: dict[Labels, int], labels: Labels, value: int) -> None:
    sums[labels] = sums.get(labels, 0) + value


def _merge(sums: dict[Labels, Histogram], labels: Labels, value: Histogram) -> None:
    known = sums.get(labels)
    sums[labels] = value if known is None else known.plus(value)


def _histogram(name: str, pairs: list[str], histogram: Histogram) -> list[str]:
    lines = []
    total = 0
    bounds = [*map(str, histogram.bounds), "+Inf"]
    for bound, count in zip(bounds, histogram.counts, strict=True):
        total += count
        lines.append(f"{name}_bucket{_braced([*pairs, _bound(bound)])} {total}")
    lines.append(f"{name}_sum{_braced(pairs)} {histogram.sum}")
    lines.append(f"{name}_count{_braced(pairs)} {total}")
    return lines


def _braced(pairs: list[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _bound(bound: str) -> str:
    return f'le="{bound}"'
