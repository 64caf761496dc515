"""What people would say of all answers, from labels on a few and verdicts on all; and how far to trust the verdicts.

A judge's mean is a precise figure about the judge. Labels on a random part of the items say how far it is off.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Literal

import msgspec

from tiercel.evals.comparing.answers import Answers
from tiercel.evals.comparing.figure import Figure, share
from tiercel.evals.labels import Label
from tiercel.evals.results import Result
from tiercel.evals.statistics.prediction_powered import LabelledEstimate, prediction_powered_mean

PAIRWISE = "pairwise"
"""The scorer whose value is how the candidate's answer compares with the baseline's."""


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate's answers as people see them: "passed" is the share that is right, "preferred" how often its answer
    is the better one beside the baseline's, ties counting half.

    `agreement` is the share of labelled answers on which verdict and people say the same. `estimate` is `None` where
    labels or verdicts are too few, and `why` says so.
    """

    name: str
    what: Literal["passed", "preferred"]
    labels: int
    agreement: Figure
    estimate: LabelledEstimate | None
    why: str = ""


def labelled(
    answers: Answers, baseline: str | None, labels: Sequence[Label], confidence: float
) -> tuple[Labelled, ...]:
    """What labels make of one candidate; empty without any on its answers."""
    name = answers.candidate.id
    right = _by_answer(
        (label.item, label.repeat, float(label.label))
        for label in labels
        if label.candidate == name and not isinstance(label.label, str)
    )
    better = _by_answer(
        (label.item, label.repeat, _win(label, name))
        for label in labels
        if label.pair is not None and baseline != name and set(label.pair) == {name, baseline}
    )
    found = (
        _labelled(answers, "passed", right, lambda row: float(row.state == "passed"), confidence),
        _labelled(answers, "preferred", better, _preferred, confidence),
    )
    return tuple(one for one in found if one is not None)


def _labelled(
    answers: Answers,
    what: Literal["passed", "preferred"],
    labels: dict[tuple[str, int], float],
    verdict: Callable[[Result], float | None],
    confidence: float,
) -> Labelled | None:
    verdicts = {
        (row.item, row.repeat): found for row in answers.answered if (found := verdict(row)) is not None
    }
    both = [key for key in labels if key in verdicts]
    if not both:
        return None
    alike = [float(_side(labels[key]) == _side(verdicts[key])) for key in both]
    # one answer of each other item: repeats would count as independent
    seen = {item for item, _ in both}
    others = [found for (item, repeat), found in verdicts.items() if item not in seen and repeat == 1]
    estimate, why = None, ""
    try:
        estimate = prediction_powered_mean(
            [labels[key] for key in both], [verdicts[key] for key in both], others, confidence=confidence
        )
    except ValueError as error:
        why = str(error)
    return Labelled(
        name=answers.name,
        what=what,
        labels=len(both),
        agreement=share(alike, [answers.items[item] for item, _ in both], confidence),
        estimate=estimate,
        why=why,
    )


def _by_answer(said: Iterable[tuple[str, int, float]]) -> dict[tuple[str, int], float]:
    """The mean of what several people said of one answer."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for item, repeat, label in said:
        found[item, repeat].append(label)
    return {key: fmean(values) for key, values in found.items()}


def _side(value: float) -> int:
    """For, against, or neither."""
    return (value > 0.5) - (value < 0.5)


def _win(label: Label, name: str) -> float:
    if label.label not in ("A", "B") or label.pair is None:
        return 0.5
    return float(label.pair["AB".index(label.label)] == name)


def _preferred(row: Result) -> float | None:
    return next(
        (score.value for score in row.scores if score.name == PAIRWISE and score.unmeasured is None), None
    )
