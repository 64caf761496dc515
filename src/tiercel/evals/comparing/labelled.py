"""What people would say of all answers, from labels on a few and verdicts on all; and how far to trust the verdicts.

A judge's mean is a precise figure about the judge. Labels on a random part of the items say how far it is off.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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

Side = Literal["passed", "preferred"]


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate's answers as people see them: "passed" is the share that is right, "preferred" how often its answer
    is the better one beside the baseline's, ties counting half.

    `agreement` is the share of labelled answers on which verdict and people say the same. `estimate` is `None` where
    labels or verdicts are too few, and `why` says so.
    """

    name: str
    what: Side
    labels: int
    agreement: Figure
    estimate: LabelledEstimate | None
    why: str = ""


def labelled(
    answers: Answers, baseline: str | None, labels: Sequence[Label], confidence: float
) -> tuple[Labelled, ...]:
    """What labels make of one candidate; empty without any on its answers."""
    right = said_of(answers, labels)
    better = said_of(answers, labels, baseline) if baseline not in (None, answers.candidate.id) else {}
    passed = {(row.item, row.repeat): float(row.state == "passed") for row in answers.answered}
    preferred = {
        (row.item, row.repeat): value for row in answers.answered if (value := _preferred(row)) is not None
    }
    found = (
        labelled_estimate(answers, "passed", right, passed, confidence),
        labelled_estimate(answers, "preferred", better, preferred, confidence),
    )
    return tuple(one for one in found if one is not None)


def labelled_estimate(
    answers: Answers,
    what: Side,
    labels: Mapping[tuple[str, int], float],
    verdicts: Mapping[tuple[str, int], float],
    confidence: float,
) -> Labelled | None:
    """What labels make of these verdicts, both by item and repeat; `None` where they never meet."""
    both = [key for key in labels if key in verdicts]
    if not both:
        return None
    alike = [float(side(labels[key]) == side(verdicts[key])) for key in both]
    # one answer of each other item: repeats would count as independent
    seen = {item for item, _ in both}
    others = [found for (item, repeat), found in verdicts.items() if item not in seen and repeat == 1]
    estimate, why = None, ""
    try:
        if not others:
            raise ValueError(
                "no verdict is left that people did not label too, so there is nothing to correct"
            )
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


def said_of(
    answers: Answers, labels: Iterable[Label], other: str | None = None
) -> dict[tuple[str, int], float]:
    """What people said of each of the candidate's answers by itself, or beside the `other` candidate's: 1 for it, 0
    against, by item and repeat. Of several people the mean; of items that the run does not know nothing."""
    name = answers.candidate.id
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for label in labels:
        if label.item not in answers.items:
            continue
        if other is None and label.candidate == name and not isinstance(label.label, str):
            found[label.item, label.repeat].append(float(label.label))
        elif other is not None and label.pair is not None and set(label.pair) == {name, other}:
            found[label.item, label.repeat].append(win(label, name))
    return {key: fmean(values) for key, values in found.items()}


def side(value: float) -> int:
    """For, against, or neither."""
    return (value > 0.5) - (value < 0.5)


def win(label: Label, name: str) -> float:
    """1 where a label of a pair prefers this one, 0 where the other, a half where neither."""
    if label.label not in ("A", "B") or label.pair is None:
        return 0.5
    return float(label.pair["AB".index(label.label)] == name)


def _preferred(row: Result) -> float | None:
    return next(
        (score.value for score in row.scores if score.name == PAIRWISE and score.unmeasured is None), None
    )
