"""Two candidates on the same items: what can be held against each other, and what cannot.

A pair is one item in one repeat, answered by both. Repeats of an item are one cluster: they are worth less than items.
"""

from collections.abc import Hashable, Iterable

import msgspec

from tiercel.evals.comparing.answers import Answers
from tiercel.evals.comparing.figure import clusters_of, weights_of
from tiercel.evals.evaluation import DecidedBy, Item
from tiercel.evals.results import Result


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One item, answered by both."""

    item: Item
    baseline: Result
    candidate: Result


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """What makes no pair, as ids of items: those that one side does not have, and those on which one side only erred.

    `odd_repeats` counts answers whose item makes pairs in other repeats.
    """

    only_in_baseline: tuple[str, ...] = ()
    only_in_candidate: tuple[str, ...] = ()
    baseline_failed: tuple[str, ...] = ()
    candidate_failed: tuple[str, ...] = ()
    odd_repeats: int = 0


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs of a candidate with its baseline."""

    baseline: Answers
    candidate: Answers
    pairs: tuple[Pair, ...]
    left_out: LeftOut

    @property
    def items(self) -> list[Item]:
        return [pair.item for pair in self.pairs]

    @property
    def clusters(self) -> list[Hashable] | None:
        return clusters_of(self.items)

    @property
    def weights(self) -> list[float] | None:
        return weights_of(self.items)

    def scores(self, decided_by: DecidedBy) -> tuple[list[float], list[float]]:
        """The baseline's and the candidate's score of each pair."""
        return (
            [pair.baseline.value(decided_by) for pair in self.pairs],
            [pair.candidate.value(decided_by) for pair in self.pairs],
        )


def pair_up(baseline: Answers, candidate: Answers) -> Pairing:
    """All pairs, in the order of the baseline's items."""
    before = {(row.item, row.repeat): row for row in baseline.answered}
    after = {(row.item, row.repeat): row for row in candidate.answered}
    order = {item: at for at, item in enumerate(baseline.items)}
    both = sorted((key for key in before if key in after), key=lambda key: (order[key[0]], key[1]))
    return Pairing(
        baseline=baseline,
        candidate=candidate,
        pairs=tuple(
            Pair(item=baseline.items[key[0]], baseline=before[key], candidate=after[key]) for key in both
        ),
        left_out=_left_out(baseline, candidate, {item for item, _ in both}, before.keys() ^ after.keys()),
    )


def _left_out(baseline: Answers, candidate: Answers, paired: set[str], odd: set[tuple[str, int]]) -> LeftOut:
    def unpaired(items: Iterable[str]) -> tuple[str, ...]:
        return tuple(item for item in items if item not in paired)

    failed = [
        unpaired(dict.fromkeys(row.item for row in side.errors if row.item in other.items))
        for side, other in ((baseline, candidate), (candidate, baseline))
    ]
    return LeftOut(
        only_in_baseline=tuple(item for item in baseline.items if item not in candidate.items),
        only_in_candidate=tuple(item for item in candidate.items if item not in baseline.items),
        baseline_failed=failed[0],
        candidate_failed=failed[1],
        odd_repeats=sum(item in paired for item, _ in odd),
    )
