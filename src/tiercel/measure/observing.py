"""From pairs to observations: what one bet is placed on.

Pairs of one session are no independent evidence, so they make one observation, the mean of their differences. It counts
only when its time is over: what was counted is then never changed by a pair that comes later, and looking again at the
same moment, or daily, gives the same answer.
"""

from collections.abc import Iterable

import msgspec

from tiercel.domain.record import PairedAnswer, ShadowPair
from tiercel.measure.betting import Bet, Claim, settle

ANSWER_SECONDS = 600.0
"""How long the pair of a request without a session waits for those that came before it and are not answered yet."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One session, or one request: the mean of candidate minus delivered, in [-1, 1], which counts from `at` on."""

    at: float
    difference: float
    pairs: int


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """The `observations` of some pairs in the order in which they count, and the `pairs` they are made of. `waiting` is
    how many pairs do not count yet, `late` how many came after their session's time, `cut_off` how many were ended by
    the gateway itself."""

    observations: tuple[Observation, ...]
    pairs: tuple[ShadowPair, ...]
    waiting: int = 0
    late: int = 0
    cut_off: int = 0

    @property
    def differences(self) -> list[float]:
        return [one.difference for one in self.observations]


def observed(pairs: Iterable[ShadowPair], *, now: float, window_seconds: float) -> Observed:
    """What may be bet on at the Unix second `now`.

    A session's observation is made of the pairs that came within `window_seconds` of its first.
    """
    groups: dict[str, list[ShadowPair]] = {}
    cut_off = 0
    for pair in sorted(pairs, key=lambda pair: (pair.received_at, pair.record_id)):
        if pair.shadow.failure == "cancelled":
            cut_off += 1
        else:
            groups.setdefault(pair.cluster, []).append(pair)
    counted: list[tuple[float, list[ShadowPair]]] = []
    waiting = late = 0
    for group in groups.values():
        first = group[0]
        within = [pair for pair in group if pair.received_at <= first.received_at + window_seconds]
        wait = window_seconds if first.session else min(window_seconds, ANSWER_SECONDS)
        late += len(group) - len(within)
        if first.received_at + wait > now:
            waiting += len(within)
        else:
            counted.append((first.received_at + wait, within))
    counted.sort(key=lambda entry: (entry[0], entry[1][0].record_id))
    return Observed(
        observations=tuple(
            Observation(at=at, difference=sum(map(difference, group)) / len(group), pairs=len(group))
            for at, group in counted
        ),
        pairs=tuple(pair for _, group in counted for pair in group),
        waiting=waiting,
        late=late,
        cut_off=cut_off,
    )


def difference(pair: ShadowPair) -> float:
    """Candidate minus delivered: 1 where only the candidate passed, -1 where only what was delivered did."""
    return _value(pair.shadow) - _value(pair.live)


def suspicion(found: Observed, margin: float) -> Bet:
    """After adoption, where the delivered answers are the new model's and the copies the old one's: the bet that the
    new one is worse by more than `margin` after all."""
    claim = Claim(side="below", than=-margin)
    bet = Bet()
    for one in found.observations:
        bet = settle(bet, claim, -one.difference)
    return bet


def _value(answer: PairedAnswer) -> float:
    return float(answer.passed)
