"""One candidate against the baseline: the verdict, and everything that stands beside it."""

import math
from collections.abc import Sequence

import msgspec

from tiercel.evals.comparing.differing import Differing, differing
from tiercel.evals.comparing.figure import Figure
from tiercel.evals.comparing.guardrails import Guarded, cost_ratio, guarded
from tiercel.evals.comparing.pairs import LeftOut, Pairing
from tiercel.evals.comparing.slices import Slice, slices_of
from tiercel.evals.dropped import Dropped, saved_nano
from tiercel.evals.evaluation import Analysis
from tiercel.evals.results import Result
from tiercel.evals.statistics.comparison import Comparison, Verdict, compare, corrected
from tiercel.evals.statistics.paired import UnpairedDifference, unpaired_difference


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate beside its baseline.

    `comparison` is `None` where there are too few pairs for any, and `why` says so. `unpaired` is what the same answers
    would say taken apart: it shows what pairing buys. `cost_ratio` is the candidate's cost per success in the
    baseline's. `cost_per_pair_nano` is what another pair costs, judges included. A candidate that was `dropped` while
    the run went on has the verdict that dropped it and no `comparison`, whose intervals would be those of a number of
    pairs fixed before; `saved_nano` is what it was not asked.
    """

    name: str
    baseline: str
    verdict: Verdict
    comparison: Comparison | None
    why: str
    unpaired: UnpairedDifference | None
    pairs: int
    left_out: LeftOut
    differing: Differing
    cost_ratio: Figure
    cost_per_pair_nano: int | None
    guardrails: tuple[Guarded, ...]
    slices: tuple[Slice, ...]
    dropped: Dropped | None = None
    saved_nano: int | None = None


def contenders(pairings: Sequence[Pairing], analysis: Analysis, seed: int) -> tuple[Contender, ...]:
    """All candidates against one baseline. Each is compared on the items that both answered; Holm's correction is over
    all of them, unless the analysis wants none."""
    prices = {pairing.candidate.name: _price(pairing) for pairing in pairings}
    alone = {
        pairing.candidate.name: _compared(pairing, analysis, prices[pairing.candidate.name])
        for pairing in pairings
        if _independent(pairing) > 1 and not _ended_early(pairing)
    }
    early = sum(bool(_ended_early(pairing)) for pairing in pairings)
    judged = corrected(alone, prices, early) if analysis.correction == "holm" else alone
    return tuple(
        _contender(pairing, judged.get(pairing.candidate.name), analysis, seed) for pairing in pairings
    )


def _contender(pairing: Pairing, comparison: Comparison | None, analysis: Analysis, seed: int) -> Contender:
    confidence = 1 - analysis.alpha
    side = pairing.candidate
    dropped = side.dropped if _was_dropped(pairing) else None
    return Contender(
        name=side.name,
        baseline=pairing.baseline.name,
        verdict="worse" if dropped else "cannot tell" if comparison is None else comparison.verdict,
        comparison=comparison,
        why="" if comparison else _why_not(pairing, dropped),
        unpaired=_unpaired(pairing, analysis),
        pairs=len(pairing.pairs),
        left_out=pairing.left_out,
        differing=differing(pairing),
        cost_ratio=cost_ratio(pairing, confidence, seed),
        cost_per_pair_nano=_price(pairing),
        guardrails=tuple(guarded(one, pairing, confidence, seed) for one in analysis.guardrails),
        slices=slices_of(pairing, analysis),
        dropped=dropped,
        saved_nano=None if dropped is None else saved_nano((*side.answered, *side.errors), side.expected),
    )


def _ended_early(pairing: Pairing) -> list[str]:
    """Whose answers end where they do because of what they were: no fair sample of what it would have answered."""
    return [side.name for side in (pairing.baseline, pairing.candidate) if side.asked_no_more]


def _was_dropped(pairing: Pairing) -> bool:
    """Whether it lost against this very baseline, and not against another one in an earlier run."""
    lost = pairing.candidate.dropped
    return lost is not None and (lost.candidate, lost.baseline) == (
        pairing.candidate.name,
        pairing.baseline.name,
    )


def _compared(pairing: Pairing, analysis: Analysis, price: int | None) -> Comparison:
    baseline, candidate = pairing.scores(analysis.decided_by)
    return compare(
        baseline,
        candidate,
        margin=analysis.margin,
        alpha=analysis.alpha,
        clusters=pairing.clusters,
        weights=pairing.weights,
        cost_per_pair_nano=price,
    )


def _unpaired(pairing: Pairing, analysis: Analysis) -> UnpairedDifference | None:
    """Without clusters or weights only, of which it knows nothing, and where both sides vary."""
    if pairing.clusters is not None or pairing.weights is not None or len(pairing.pairs) < 2:
        return None
    baseline, candidate = pairing.scores(analysis.decided_by)
    if 1 in (len({*baseline}), len({*candidate})):
        return None
    return unpaired_difference(baseline, candidate, confidence=1 - analysis.alpha)


def _independent(pairing: Pairing) -> int:
    clusters = pairing.clusters
    return len(pairing.pairs) if clusters is None else len(set(clusters))


def _why_not(pairing: Pairing, dropped: Dropped | None) -> str:
    if dropped is not None:
        return dropped.words
    early = _ended_early(pairing)
    if early:
        return (
            f"{' and '.join(early)} ended early because of the answers so far, which are no fair sample then"
        )
    if not pairing.pairs:
        return f"no item was answered by both {pairing.candidate.name} and {pairing.baseline.name}"
    return "both answered only one independent item, and two are the least that can be compared"


def _price(pairing: Pairing) -> int | None:
    """What a pair cost on average; `None` where a price is not known."""
    rows: list[Result] = [row for pair in pairing.pairs for row in (pair.baseline, pair.candidate)]
    costs = [row.cost_nano for row in rows]
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs) or any(row.judges_unpriced_calls for row in rows):
        return None
    return math.ceil((sum(known) + sum(row.judges_nano for row in rows)) / len(pairing.pairs))
