"""How many items will it take: asked before money is spent. Plain Python.

What decides is not how good two models are but on how many items they differ: the discordance. Pairs of strong and
cheap models differ on some 5 to 40 % of items; it is a guess until a first run has shown it, and the words call it so.
"""

import math
from statistics import NormalDist

import msgspec

from tiercel.evals.statistics.interval import dollars, percent, require_share

ALPHA = 0.05
POWER = 0.80


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What `n` pairs can show, at the discordance that was assumed, and what the question would take.

    `detectable` is the smallest true difference that is found with the probability `power`, two-sided at `alpha`.
    `needed` pairs show with that power, one-sided, that an equally good candidate is not worse by more than `margin`.
    `cost_nano` is that of the `n` pairs and `needed_nano` that of the needed ones; `None` where no price was given.
    """

    n: int
    discordance: float
    margin: float
    alpha: float
    power: float
    detectable: float
    needed: int
    cost_nano: int | None
    needed_nano: int | None

    @property
    def is_enough(self) -> bool:
        """Whether `n` reaches `needed`."""
        return self.n >= self.needed

    @property
    def words(self) -> str:
        """One sentence on what these pairs can show, and one on what the margin takes."""
        price = f" (about {dollars(self.cost_nano)})" if self.cost_nano is not None else ""
        needed_price = f" (about {dollars(self.needed_nano)})" if self.needed_nano is not None else ""
        return (
            f"Assuming that the two differ on {percent(self.discordance)} of items, {self.n:,} pairs{price} find a "
            f"difference of {100 * self.detectable:.1f} points with {percent(self.power)} probability. "
            f"'Not worse by more than {100 * self.margin:g} points' takes {self.needed:,} pairs{needed_price}."
        )


def minimum_detectable_effect(
    n: int, discordance: float, *, difference: float = 0.0, alpha: float = ALPHA, power: float = POWER
) -> float:
    """The smallest difference that `n` pairs find with probability `power`, two-sided at `alpha`.

    MDE = (z_{1-alpha/2} + z_power) · sqrt(discordance - difference²) / sqrt(n), 2.80 · … at 5 % and 80 %.
    `difference` is the one expected; 0 is on the safe side.
    Source: Miller (arXiv 2411.00640), section 5, with the variance of paired pass-or-fail scores.
    Assumes independent pairs, and enough that differ (some ten) for a normal distribution.
    Raises `ValueError` for n < 1, a discordance not in (0, 1], or one below |difference|.
    """
    if n < 1:
        raise ValueError(f"n is {n}: at least one pair is needed")
    return _reach(alpha / 2, power) * math.sqrt(_variance(discordance, difference) / n)


def pairs_needed(
    margin: float, discordance: float, *, difference: float = 0.0, alpha: float = ALPHA, power: float = POWER
) -> int:
    """How many pairs show "not worse by more than `margin`" with probability `power`, one-sided at `alpha`.

    n = (z_{1-alpha} + z_power)² · (discordance - difference²) / (margin + difference)², 6.18 · … at 5 % and 80 %, where
    `difference` is the true one, candidate minus baseline: 0 for one that is equally good.
    Half of all sequential runs stop within 5 to 25 % more, the more often the two differ.
    Assumptions and errors as above; also where the candidate is worse than the margin, which no n can hide.
    """
    if margin + difference <= 0:
        raise ValueError(
            f"a candidate that is worse by {-difference:g} can never be shown to be within {margin:g}"
        )
    return math.ceil(
        (_reach(alpha, power) / (margin + difference)) ** 2 * _variance(discordance, difference) - 1e-9
    )


def outlook(
    n: int,
    discordance: float,
    *,
    margin: float,
    alpha: float = ALPHA,
    power: float = POWER,
    cost_per_pair_nano: int | None = None,
) -> Outlook:
    """What `n` pairs would show and cost, said before they are run. Errors as above."""
    needed = pairs_needed(margin, discordance, alpha=alpha, power=power)
    return Outlook(
        n=n,
        discordance=discordance,
        margin=margin,
        alpha=alpha,
        power=power,
        detectable=minimum_detectable_effect(n, discordance, alpha=alpha, power=power),
        needed=needed,
        cost_nano=None if cost_per_pair_nano is None else n * cost_per_pair_nano,
        needed_nano=None if cost_per_pair_nano is None else needed * cost_per_pair_nano,
    )


def _reach(tail: float, power: float) -> float:
    """How many standard errors away a true difference must lie to be found with this power."""
    require_share("alpha", tail)
    require_share("power", power)
    normal = NormalDist()
    return normal.inv_cdf(1 - tail) + normal.inv_cdf(power)


def _variance(discordance: float, difference: float) -> float:
    if not abs(difference) <= discordance <= 1 or discordance <= 0:
        raise ValueError(
            f"a discordance of {discordance:g} is needed within (0, 1] and not below the difference, {difference:g}"
        )
    return discordance - difference * difference
