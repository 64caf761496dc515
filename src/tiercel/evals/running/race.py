"""A race of several candidates against one baseline, item by item in step: who is shown to lose is asked no more.

For each candidate there is one bet, on the differences from the baseline's scores in an order of items that was drawn
before anybody was asked: that it is worse by more than the margin. Were that false, its capital would ever reach
1 / alpha with a probability of at most alpha, however often one looks, so that of all candidates which are not worse by
more than the margin *any* is dropped with at most the probability alpha: each bets for its part of it.

What is decided is a function of the results in that order, whenever they came: a run that was killed and gone on with
decides alike.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from tiercel.evals.dropped import Dropped
from tiercel.evals.evaluation import Evaluation, Item
from tiercel.evals.results import Key, Result
from tiercel.evals.statistics.betting import STEP
from tiercel.measure.betting import Bet, Claim, is_proven, settle

ROUNDS = 3
"""A candidate may be ahead of the slowest by so many times the items that can be under way at once."""


class Pairs(msgspec.Struct, frozen=True):
    """The pairs of one group of items, which is one piece of evidence: differences, and what each counts. Weights sum
    up to 1 in the largest group, and to less in smaller ones."""

    differences: tuple[float, ...]
    weights: tuple[float, ...]

    def beside(self, mean: float) -> float:
        """One value in [-1, 1] that lies as far from `mean` as the pairs do, by weight."""
        weighed = zip(self.weights, self.differences, strict=True)
        return mean + math.fsum(weight * (difference - mean) for weight, difference in weighed)


class Race:
    """Of one run. `dropped` are the candidates that an earlier sitting dropped: what was shown once stays shown.

    Raises `ValueError` for an evaluation without a baseline.
    """

    def __init__(self, evaluation: Evaluation, dropped: Iterable[Dropped] = ()) -> None:
        if evaluation.baseline is None:
            raise ValueError("a race needs a baseline")
        self._evaluation = evaluation
        self._baseline = evaluation.baseline
        self._groups = groups_in_order(evaluation)
        self._place = {item.id: at for at, group in enumerate(self._groups) for item in group}
        self._heaviest = max((_weight(group) for group in self._groups), default=1.0)
        self._scores: dict[Key, float | None] = {}
        out = {one.candidate for one in dropped}
        self._racing = [one.id for one in evaluation.candidates if one.id not in out]
        self._known = dict.fromkeys(self._racing, 0)
        self._pairs: dict[str, list[Pairs | None]] = {name: [] for name in self._racing}
        self._bets = dict.fromkeys(self._racing, Bet())
        in_step = math.ceil(evaluation.run.concurrency / len(evaluation.candidates))
        self._lead = max(1, ROUNDS * in_step)

    @property
    def claim(self) -> Claim:
        """That a candidate is worse by more than the margin."""
        return Claim(side="below", than=-self._evaluation.analysis.margin)

    @property
    def alpha(self) -> float:
        """Each candidate's part of the error that is put up with."""
        return self._evaluation.analysis.alpha / max(1, len(self._evaluation.candidates) - 1)

    def may_begin(self, item: str) -> bool:
        """Whether nobody who is still in the race is too far behind for this item to be asked. Without the baseline
        there is no race, and nobody waits."""
        if self._baseline not in self._racing:
            return True
        return self._place[item] < min(self._known[name] for name in self._racing) + self._lead

    def leave(self, candidate: str) -> None:
        """It is asked no more, for a reason that has nothing to do with the race."""
        if candidate in self._racing:
            self._racing.remove(candidate)

    def learn(self, row: Result) -> list[Dropped]:
        """Take in one result; the candidates that are shown by it to be losers. Errors make no pair."""
        self._scores[row.key] = (
            None if row.state == "error" else row.value(self._evaluation.analysis.decided_by)
        )
        name = row.candidate
        if name not in self._racing or self._baseline not in self._racing:
            return []
        while self._known[name] < len(self._groups) and self._is_known(name):
            self._known[name] += 1
        rivals = [one for one in self._racing if one != self._baseline]
        found = [lost for one in (rivals if name == self._baseline else [name]) if (lost := self._bet(one))]
        for lost in found:
            self._racing.remove(lost.candidate)
        return found

    def _bet(self, name: str) -> Dropped | None:
        """Bet on every group that is known by now; what was shown, as soon as it is."""
        while len(self._pairs[name]) < min(self._known[name], self._known[self._baseline]):
            pairs = self._pairs_of(name, len(self._pairs[name]))
            self._pairs[name].append(pairs)
            if pairs is None:
                continue
            bet = settle(self._bets[name], self.claim, pairs.beside(self.claim.than))
            self._bets[name] = bet
            if bet.proves(self.alpha):
                return self._lost(name)
        return None

    def _is_known(self, name: str) -> bool:
        return all((item.id, name, repeat) in self._scores for item, repeat in self._asked(self._known[name]))

    def _asked(self, group: int) -> list[tuple[Item, int]]:
        repeats = range(1, self._evaluation.run.repeats + 1)
        return [(item, repeat) for item in self._groups[group] for repeat in repeats]

    def _pairs_of(self, name: str, group: int) -> Pairs | None:
        """The pairs of a group; `None` where there are none."""
        differences: list[float] = []
        weights: list[float] = []
        for item, repeat in self._asked(group):
            before = self._scores[item.id, self._baseline, repeat]
            after = self._scores[item.id, name, repeat]
            if before is not None and after is not None:
                differences.append(after - before)
                weights.append(item.weight / (self._heaviest * self._evaluation.run.repeats))
        return Pairs(tuple(differences), tuple(weights)) if differences else None

    def _lost(self, name: str) -> Dropped:
        seen = [pairs for pairs in self._pairs[name] if pairs is not None]
        analysis = self._evaluation.analysis
        return Dropped(
            candidate=name,
            baseline=self._baseline,
            items=len(self._pairs[name]),
            out_of=len(self._groups),
            pairs=sum(len(pairs.differences) for pairs in seen),
            difference=_mean(seen),
            not_above=min(mean_not_above(seen, self.alpha), -analysis.margin),
            e_value=self._bets[name].capital,
            margin=analysis.margin,
            alpha=self.alpha,
        )


def is_race(evaluation: Evaluation) -> bool:
    """Whether losers are dropped: where that is wanted, and there is somebody to lose against."""
    return evaluation.analysis.drop_losers and evaluation.baseline is not None


def groups_in_order(evaluation: Evaluation) -> list[list[Item]]:
    """The items as they are asked in a race: shuffled, those of one cluster together. The lots are drawn from the
    evaluation's hash, so that the order is fixed before anybody is asked, and the same in every sitting."""
    groups: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in evaluation.items:
        groups[("item", item.id) if item.cluster is None else ("cluster", item.cluster)].append(item)
    return [groups[name] for name in sorted(groups, key=lambda name: _lot(evaluation.hash, *name))]


def mean_not_above(seen: Sequence[Pairs], alpha: float) -> float:
    """At the confidence 1 - alpha the true mean difference lies below this, whenever one looks; 1 where nothing is
    shown. Sought downwards on a grid, and rounded upwards."""
    reached = 1.0
    for turn in range(1, round(2 / STEP)):
        mean = 1 - turn * STEP
        if not is_proven((pairs.beside(mean) for pairs in seen), Claim(side="below", than=mean), alpha):
            break
        reached = mean
    return reached


def _mean(seen: Sequence[Pairs]) -> float:
    weighed = [pair for pairs in seen for pair in zip(pairs.weights, pairs.differences, strict=True)]
    return math.fsum(weight * one for weight, one in weighed) / math.fsum(weight for weight, _ in weighed)


def _weight(group: Sequence[Item]) -> float:
    return math.fsum(item.weight for item in group)


def _lot(*words: str) -> bytes:
    return hashlib.sha256("\0".join(words).encode()).digest()
