"""Before the first copy: how many pairs a run would need, at the least and usually. Plain Python."""

import msgspec

from tiercel.evals.statistics.planning import pairs_needed
from tiercel.measure.betting import Bet, Claim, settle

USUAL_DISCORDANCE = 0.10
"""On how many requests a cheap and a dear model usually differ, until pairs of your own have shown it. A guess."""


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """`least` pairs show *not worse* where the two never differ; no run decides it with fewer. `usual` is about what it
    takes, half of the time, where an equally good candidate differs on a tenth of the requests."""

    least: int
    usual: int


def needed(margin: float, alpha: float) -> Needed:
    """What *not worse by more than `margin`* takes. Raises `ValueError` for a margin or alpha not in (0, 1)."""
    usual = pairs_needed(margin, USUAL_DISCORDANCE, alpha=alpha)
    claim, bet, least = Claim(side="above", than=-margin), Bet(), 0
    while not bet.proves(alpha):
        bet = settle(bet, claim, 0.0)
        least += 1
    return Needed(least=least, usual=max(least, round(1.2 * usual)))
