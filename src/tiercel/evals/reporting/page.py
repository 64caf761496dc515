"""A report's page in words: everything that its template places, and nothing that it would have to work out."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.comparing.contender import Contender
from tiercel.evals.comparing.differing import Beside
from tiercel.evals.comparing.guardrails import Guarded
from tiercel.evals.comparing.signals import Signals
from tiercel.evals.comparing.slices import Slice
from tiercel.evals.reporting import charts
from tiercel.evals.reporting.judge_words import judge_sentence
from tiercel.evals.reporting.shown import one_line, question, visible
from tiercel.evals.reporting.table import Cell, Row, signal_rows
from tiercel.evals.reporting.words import (
    Headline,
    bound,
    bounds_kept,
    detail_text,
    difference,
    form_of,
    group_titles,
    headline,
    left_out,
    meaning_of,
    metric_name,
    money,
    p_text,
    people,
    share,
    some,
    value_text,
)
from tiercel.evals.results import Result
from tiercel.measure import amounts
from tiercel.measure.message_words import Said, messages_of

MOST_ITEMS = 50
"""Items of each kind that are shown with their answers."""
MOST_DRAWN = 8
"""Items of each kind whose pictures are drawn, those that the page does not fold away: it is to stay light."""

MOST_PICTURE_CHARS = 200_000
"""Of a picture that is drawn, 150 kB."""

Tone = Literal["good", "bad", "open"]
TONES: dict[str, Tone] = {
    "better": "good",
    "not worse": "good",
    "worse": "bad",
    "cannot tell": "open",
    "met": "good",
    "broken": "bad",
}


class AnswerShown(msgspec.Struct, frozen=True, kw_only=True):
    """One answer as it is shown."""

    passed: bool
    facts: tuple[str, ...]
    reasons: tuple[str, ...]
    output: str


class ItemShown(msgspec.Struct, frozen=True, kw_only=True):
    """One item with both sides' answers, a pair for each repeat."""

    id: str
    title: str
    flips: bool
    asked: tuple[Said, ...]
    target: str
    answers: tuple[tuple[AnswerShown, AnswerShown], ...]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Items of one kind, the first of them shown; `is_first` opens its first item."""

    title: str
    meaning: str
    total: int
    items: tuple[ItemShown, ...]
    is_first: bool


class RailShown(msgspec.Struct, frozen=True, kw_only=True):
    """A guardrail in words."""

    metric: str
    meaning: str
    bound: str
    text: str
    detail: str
    state: str
    tone: Tone


class SliceShown(msgspec.Struct, frozen=True, kw_only=True):
    """A slice in words: baseline, candidate, difference."""

    key: str
    value: str
    n: str
    cells: tuple[Cell, Cell, Cell]


class ContenderShown(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate beside its baseline, in words."""

    name: str
    baseline: str
    verdict: str
    tone: Tone
    headline: Headline
    footnotes: tuple[str, ...]
    slices: tuple[SliceShown, ...]
    groups: tuple[Group, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the template places."""

    title: str
    description: str
    is_change: bool
    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    baseline_name: str
    level: str
    margin: str
    contenders: tuple[ContenderShown, ...]
    alone: tuple[str, ...]
    bounded: dict[str, tuple[RailShown, ...]]
    differences: charts.Bars | None
    plane: charts.Plane | None
    latencies: charts.Bars | None
    models: tuple[Signals, ...]
    rows: tuple[Row, ...]
    repeats: tuple[tuple[str, str, str], ...]
    people: tuple[str, ...]
    reading: tuple[tuple[str, str], ...]
    command: str
    foot: tuple[str, ...]


def page_of(assessment: Assessment, command: str) -> Page:
    """The report in words."""
    analysis = assessment.analysis
    level = f"{100 * (1 - analysis.alpha):.4g} %"
    return Page(
        title=assessment.title,
        description=assessment.runs[-1].evaluation.description,
        is_change=assessment.kind == "change",
        facts=_facts(assessment),
        warnings=assessment.warnings,
        baseline_name=assessment.baseline or "its own baseline",
        level=level,
        margin=f"{100 * analysis.margin:g} points",
        contenders=tuple(_contender(one, assessment) for one in assessment.contenders),
        alone=tuple(bounds_kept(one.name, one.guardrails) for one in assessment.alone if one.guardrails),
        bounded={name: tuple(_rail(rail) for rail in rails) for name, rails in assessment.bounded.items()},
        differences=charts.differences(assessment),
        plane=charts.price_and_quality(assessment.models),
        latencies=charts.latencies(assessment.models),
        models=assessment.models,
        rows=signal_rows(assessment.models),
        repeats=tuple(
            (name, found.words, some(tuple(flaky.item for flaky in found.flaky), 20))
            for name, found in assessment.repeats.items()
        ),
        people=(
            *(people(found) for found in assessment.labelled),
            *(judge_sentence(check) for check in assessment.judges),
        ),
        reading=_reading(assessment, level),
        command=command,
        foot=_foot(assessment),
    )


def _facts(assessment: Assessment) -> tuple[str, ...]:
    head = assessment.runs[-1]
    when = [
        datetime.fromtimestamp(run.started_at, UTC).strftime("%Y-%m-%d %H:%M UTC") for run in assessment.runs
    ]
    evaluation = head.evaluation
    return (
        " against ".join(reversed(when)),
        amounts.count_text(len(evaluation.items), "item"),
        amounts.count_text(len(evaluation.candidates), "candidate"),
        *((f"{evaluation.run.repeats} repeats",) if evaluation.run.repeats > 1 else ()),
        f"run {' against '.join(run.id for run in reversed(assessment.runs))}",
    )


def _foot(assessment: Assessment) -> tuple[str, ...]:
    head = assessment.runs[-1]
    versions = dict.fromkeys(version for model in assessment.models for version in model.versions)
    said = (
        ("Tiercel", head.tiercel),
        ("prices of", head.prices_of),
        ("evaluation", head.evaluation.hash),
        ("policy", head.policy_hash),
        ("models that answered:", ", ".join(versions)),
    )
    return tuple(f"{what} {value}" for what, value in said if value)


def _contender(one: Contender, assessment: Assessment) -> ContenderShown:
    return ContenderShown(
        name=one.name,
        baseline=one.baseline,
        verdict=one.verdict,
        tone=TONES[one.verdict],
        headline=headline(one, assessment),
        footnotes=_footnotes(one, assessment),
        slices=tuple(_slice(part) for part in one.slices),
        groups=_groups(one, assessment),
    )


def _footnotes(one: Contender, assessment: Assessment) -> tuple[str, ...]:
    notes = [f"Left out of the comparison: {said}." for said in left_out(one)]
    if one.comparison is not None and one.unpaired is not None:
        notes.append(
            f"Against no difference {p_text(one.comparison.difference.p_value)} in pairs; the same answers taken apart "
            f"would give {p_text(one.unpaired.p_value)}."
        )
    if len(assessment.contenders) > 1 and assessment.analysis.correction == "holm":
        notes.append(
            "The verdict is corrected for several candidates (Holm); the interval is this one's alone."
        )
    return tuple(notes)


def _rail(rail: Guarded) -> RailShown:
    form = form_of(rail)
    return RailShown(
        metric=metric_name(rail),
        meaning=meaning_of(rail),
        bound=bound(rail),
        text=value_text(rail.figure, form),
        detail=detail_text(rail.figure, form),
        state=rail.state,
        tone=TONES[rail.state],
    )


def _slice(part: Slice) -> SliceShown:
    rates = [
        Cell(text=value_text(figure, share), detail=detail_text(figure, share))
        for figure in (part.baseline, part.candidate)
    ]
    ends = (part.difference.low, part.difference.high)
    within = (
        ""
        if None in ends
        else " to ".join(difference(msgspec.structs.replace(part.difference, value=end)) for end in ends)
    )
    apart = Cell(text=difference(part.difference), detail=within or part.difference.why)
    return SliceShown(
        key=part.key, value=one_line(part.value), n=f"{part.n:,}", cells=(rates[0], rates[1], apart)
    )


def _groups(one: Contender, assessment: Assessment) -> tuple[Group, ...]:
    found = one.differing
    meanings = (
        f"What {one.name} would lose: read these before believing a verdict. Steady differences come first.",
        f"What {one.name} would win.",
        f"Prompts on which both failed; both were right on {found.both:,} others.",
    )
    parts = (found.only_baseline, found.only_candidate, found.neither)
    return tuple(
        Group(
            title=title,
            meaning=meaning,
            total=len(items),
            items=tuple(
                _item(beside, is_drawn=place < MOST_DRAWN) for place, beside in enumerate(items[:MOST_ITEMS])
            ),
            is_first=items is found.only_baseline,
        )
        for title, meaning, items in zip(group_titles(one, assessment), meanings, parts, strict=True)
    )


def _item(beside: Beside, *, is_drawn: bool) -> ItemShown:
    item = beside.item
    return ItemShown(
        id=one_line(item.id),
        title=one_line(question(item.body)),
        flips=beside.flips,
        asked=tuple(_said(one, is_drawn=is_drawn) for one in messages_of(item.body)),
        target=visible("\n".join(item.target)),
        answers=tuple(
            (_answer(before), _answer(after))
            for before, after in zip(beside.baseline, beside.candidate, strict=True)
        ),
    )


def _said(one: Said, *, is_drawn: bool) -> Said:
    pictures = [url for url in one.pictures if is_drawn and len(url) <= MOST_PICTURE_CHARS]
    return msgspec.structs.replace(one, text=visible(one.text), pictures=tuple(pictures))


def _answer(row: Result) -> AnswerShown:
    facts = (
        "" if row.cost_nano is None else money(row.cost_nano),
        "from the cache" if row.cached else "" if row.seconds is None else amounts.duration(row.seconds),
        "" if row.finish in (None, "stop") else f"ended by {row.finish}",
        f"{len(row.calls)} calls" if len(row.calls) > 1 else "",
        "simulated" if row.simulated else "",
    )
    return AnswerShown(
        passed=row.state == "passed",
        facts=tuple(fact for fact in facts if fact),
        reasons=tuple(visible(fault, 400) for fault in row.faults),
        output=visible(row.said) or "(nothing)",
    )


def _reading(assessment: Assessment, level: str) -> tuple[tuple[str, str], ...]:
    analysis = assessment.analysis
    margin = f"{100 * analysis.margin:g} points"
    return (
        (
            "Verdict",
            f"not worse: a candidate that is worse by {margin} or more would look like this in at most "
            f"{100 * analysis.alpha:.3g} % of cases. better, worse: a difference was shown. cannot tell: neither.",
        ),
        ("Interval", f"catches the true value in {level} of all samples. It is about prompts like these."),
        (
            "n",
            "pairs, answers or items that a number was taken from. Errors say nothing of a model and are not in it.",
        ),
        (
            "Pair",
            "one prompt answered by both. Prompts differ more than models do, so each is compared with itself.",
        ),
        (
            "Cost",
            "that of the answer with all its calls, by the price table named below; what judging cost is apart.",
        ),
        ("Latency", "from when the request was due, waiting included; cached answers have none."),
    )
