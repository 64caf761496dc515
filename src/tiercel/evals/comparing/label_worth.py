"""What the labels made so far say, and what more of them would bring: whether it is worth to go on."""

from collections.abc import Sequence

import msgspec

from tiercel.evals.comparing.answers import Answers, Measured, answers_of
from tiercel.evals.comparing.figure import clusters_of
from tiercel.evals.comparing.labelled import Side, labelled, said_of
from tiercel.evals.statistics.score import score

MORE = 20
"""Labels that the outlook is about: a quarter of an hour of somebody's time."""


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """A rate as people see it, by `labels` so far, and its interval's half width now and after `more` of them, as
    many as are left, up to `MORE`.

    `what` is "passed" (the share that is right) or "preferred" (how often the answer is the better one of two).
    `judged` is the number of verdicts that stand beside the labels, 0 where labels stand alone. `value` is `None`
    where labels are too few, and `why` says so.
    """

    name: str
    what: Side
    labels: int
    judged: int = 0
    value: float | None = None
    low: float = 0.0
    high: float = 1.0
    half_width: float = 0.5
    more: int = 0
    half_width_after: float = 0.5
    why: str = ""


def worth_of_labels(
    run: Measured, candidates: Sequence[str], *, in_pairs: bool, confidence: float = 0.95
) -> tuple[Worth, ...]:
    """For each candidate of those labelled one by one; of a pair, how its first one does beside the second."""
    evaluation = run.manifest.evaluation
    sides = {one.id: answers_of(run, one) for one in evaluation.candidates}
    if not in_pairs:
        return tuple(_worth(run, sides[name], None, confidence) for name in candidates)
    first, second = candidates
    # verdicts are the candidate's against the baseline
    name, other = (second, first) if first == evaluation.baseline else (first, second)
    return (_worth(run, sides[name], other, confidence),)


def _worth(run: Measured, answers: Answers, other: str | None, confidence: float) -> Worth:
    what: Side = "passed" if other is None else "preferred"
    said = said_of(answers, run.labels, other)
    left = {row.item for row in answers.answered if row.repeat == 1} - {item for item, _ in said}
    worth = Worth(name=answers.name, what=what, labels=len(said), more=min(MORE, len(left)))
    found = next(
        (
            one
            for one in labelled(answers, run.manifest.evaluation.baseline, run.labels, confidence)
            if one.what == what and other in (None, run.manifest.evaluation.baseline)
        ),
        None,
    )
    if found is not None and found.estimate is not None:
        estimate = found.estimate
        half = (estimate.interval.high - estimate.interval.low) / 2
        return msgspec.structs.replace(
            worth,
            judged=estimate.judged,
            value=estimate.value,
            low=estimate.interval.low,
            high=estimate.interval.high,
            half_width=half,
            half_width_after=half * estimate.narrowed(worth.more),
        )
    items = [answers.items[item] for item, _ in said]
    if len({item.cluster or item.id for item in items}) < 2:
        return msgspec.structs.replace(worth, why="two labelled items are needed")
    alone = score(list(said.values()), clusters=clusters_of(items), confidence=confidence)
    half = (alone.interval.high - alone.interval.low) / 2
    n = len(said)
    return msgspec.structs.replace(
        worth,
        value=alone.value,
        low=alone.interval.low,
        high=alone.interval.high,
        half_width=half,
        half_width_after=half * (n / (n + worth.more)) ** 0.5,
    )
