"""May the candidate take over, on a set of items that was fixed before: verdict, interval, and what more would cost.

One look at one set. To look again after adding items makes a false verdict likelier each time: for that register a
sequential run (`sequential`), or ask anew on fresh items.
"""

import math
from collections.abc import Mapping
from typing import Literal

import msgspec
from scipy import stats

from tiercel.evals.statistics.interval import dollars, points, require_share
from tiercel.evals.statistics.multiple import holm
from tiercel.evals.statistics.paired import PairedDifference, paired, paired_difference
from tiercel.evals.statistics.planning import POWER
from tiercel.evals.statistics.values import Labels, Numbers

FAR = 10_000_000
"""More pairs than this are no outlook."""

Verdict = Literal["better", "not worse", "worse", "cannot tell"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What one set of pairs says of a candidate against its baseline.

    `not_below` is the one-sided bound: at the confidence 1 - `alpha` the true difference lies above it. `p_not_worse`
    is the one-sided p-value against "worse by `margin` or more", `p_different` the two-sided one against "no
    difference"; both corrected where several candidates were compared. `more` is the number of further pairs that
    would decide with 80 % probability, and `more_nano` about what they cost; 0 where it is decided, `None` where no
    number can be given.
    """

    verdict: Verdict
    difference: PairedDifference
    margin: float
    alpha: float
    not_below: float
    p_not_worse: float
    p_different: float
    more: int | None
    more_nano: int | None

    @property
    def n(self) -> int:
        return self.difference.n

    def words(self, candidate: str, baseline: str) -> str:
        """The verdict as a person reads it, with what it rests on."""
        outlook = f"; {self.outlook}" if self.outlook else ""
        return f"{self.claim(candidate, baseline)} ({self.basis}){outlook}."

    def claim(self, candidate: str, baseline: str) -> str:
        """The verdict alone."""
        match self.verdict:
            case "better":
                return f"{candidate} is better than {baseline}"
            case "not worse":
                below = self.difference.value < 0 and self.p_different <= self.alpha
                little = ", though a little worse" if below else ""
                return f"{candidate} is not worse than {baseline} by more than {100 * self.margin:g} points{little}"
            case "worse":
                return f"{candidate} is worse than {baseline}"
            case "cannot tell":
                return "Cannot tell"

    @property
    def basis(self) -> str:
        """What it rests on: the difference, and the bound that decides *not worse*."""
        if self.verdict != "not worse":
            return self.difference.words
        bound = f"at {100 * (1 - self.alpha):.4g} % confidence not below {points(self.not_below)}"
        return f"{self.difference.words}; {bound}"

    @property
    def outlook(self) -> str:
        """How many more pairs would decide, and about what they cost; empty where it is decided or cannot be said."""
        if not self.more:
            return ""
        price = f" (about {dollars(self.more_nano)})" if self.more_nano is not None else ""
        return f"about {self.more:,} more pairs{price} would decide"


def compare(
    baseline: Numbers,
    candidate: Numbers,
    *,
    margin: float,
    alpha: float = 0.05,
    clusters: Labels | None = None,
    weights: Numbers | None = None,
    cost_per_pair_nano: int | None = None,
) -> Comparison:
    """Compare two models by their scores in [0, 1] on the same items, in the same order.

    *not worse*: "worse by `margin` or more" is rejected one-sided at `alpha`. *better*: moreover "no difference" is
    rejected two-sided at `alpha`, upwards. *worse*: it is rejected downwards, and *not worse* does not hold. Else
    *cannot tell*. As for the sequential verdict, a wrong one has at most the probability `alpha`, whatever the truth.
    Tests are those of `paired`. Raises `ValueError` as they do, and for a margin or alpha not in (0, 1).
    """
    require_share("margin", margin)
    require_share("alpha", alpha)
    pairs = paired(baseline, candidate, clusters, weights)
    difference = paired_difference(
        baseline, candidate, clusters=clusters, weights=weights, confidence=1 - alpha
    )
    undecided = Comparison(
        verdict="cannot tell",
        difference=difference,
        margin=margin,
        alpha=alpha,
        not_below=pairs.bound(alpha),
        p_not_worse=pairs.p_above(-margin),
        p_different=difference.p_value,
        more=None,
        more_nano=None,
    )
    return _judged(undecided, cost_per_pair_nano)


def compare_all(
    baseline: Numbers,
    candidates: Mapping[str, Numbers],
    *,
    margin: float,
    alpha: float = 0.05,
    clusters: Labels | None = None,
    cost_per_pair_nano: int | None = None,
) -> dict[str, Comparison]:
    """Compare several candidates with one baseline: neither *any* wrong *not worse* nor *any* wrong *better* or *worse*
    has more than the probability `alpha`.

    Errors as for `compare`, correction as for `corrected`.
    """
    return corrected(
        {
            name: compare(
                baseline,
                scores,
                margin=margin,
                alpha=alpha,
                clusters=clusters,
                cost_per_pair_nano=cost_per_pair_nano,
            )
            for name, scores in candidates.items()
        },
        dict.fromkeys(candidates, cost_per_pair_nano),
    )


def corrected(
    alone: Mapping[str, Comparison], cost_per_pair_nano: Mapping[str, int | None], others: int = 0
) -> dict[str, Comparison]:
    """The comparisons of several candidates, each made alone and perhaps on items of its own, judged together.

    `others` are candidates that were compared by other means: none of their hypotheses is rejected here, and each still
    counts as one more try.

    Each of the two questions has its p-values corrected by Holm over the candidates; intervals, bounds and `more` stay
    those of each candidate alone.
    """
    unasked: dict[str | int, float] = dict.fromkeys(range(others), 1.0)
    not_worse = holm(unasked | {name: one.p_not_worse for name, one in alone.items()})
    different = holm(unasked | {name: one.p_different for name, one in alone.items()})
    return {
        name: _judged(
            msgspec.structs.replace(one, p_not_worse=not_worse[name], p_different=different[name]),
            cost_per_pair_nano[name],
        )
        for name, one in alone.items()
    }


def _judged(open_question: Comparison, cost_per_pair_nano: int | None) -> Comparison:
    verdict = _verdict(open_question)
    more = _more(open_question) if verdict == "cannot tell" else 0
    priced = None if more is None or cost_per_pair_nano is None else more * cost_per_pair_nano
    return msgspec.structs.replace(open_question, verdict=verdict, more=more, more_nano=priced)


def _verdict(found: Comparison) -> Verdict:
    differs = found.p_different <= found.alpha
    if found.p_not_worse <= found.alpha:
        return "better" if differs and found.difference.value > 0 else "not worse"
    return "worse" if differs and found.difference.value < 0 else "cannot tell"


def _more(found: Comparison) -> int | None:
    """Further pairs to *not worse* or to *worse*, whichever is nearer, going on as so far.

    A candidate that looks better is taken to be equal. The spread of one pair is that of the standard error, so that
    clusters are paid for.
    """
    spread = max(found.difference.standard_error**2 * found.n, 1 / found.n)
    value = found.difference.value
    needs = []
    if value + found.margin > 0:
        expected = min(value, 0.0)
        needs.append(_pairs(found.margin + expected, spread, found.alpha))
    if value < 0:
        needs.append(_pairs(-value, spread, found.alpha / 2))
    nearest = min(needs, default=math.inf)
    return max(1, math.ceil(nearest) - found.n) if nearest < FAR else None


def _pairs(distance: float, spread: float, tail: float) -> float:
    reach = float(stats.norm.ppf(1 - tail) + stats.norm.ppf(POWER))
    return reach * reach * spread / max(distance * distance, reach * reach * spread / FAR)
