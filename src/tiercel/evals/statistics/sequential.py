"""May the candidate take over, asked again after every pair: registered first, then looked at as often as you like.

Register margin, alpha and start before the first pair; then fold each pair into the evidence; read the verdict at any
time. Everything is a frozen value and a pure function, so the evidence can be journalled after each pair and gone on
with after a crash. Plain Python: a server that shadows traffic can run it.

Pairs of one conversation are not independent: hand in one mean difference for each conversation.
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from tiercel.evals.statistics.betting import confidence_sequence, mean_not_below
from tiercel.evals.statistics.interval import between, dollars, points, require_share
from tiercel.measure.betting import BOLDEST, Bet, Claim, require_difference, settle

SequentialVerdict = Literal["better", "not worse", "worse", "undecided"]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked before any pair was seen: whether `candidate` is worse than `baseline` by more than `margin`.

    `metric` names the score in [0, 1] that is compared; `margin` is a share (0.03 are three points); `alpha` is the
    probability of a wrong verdict that is put up with; `started_at` is Unix seconds, and older pairs do not count.
    Raises `ValueError` for a margin or alpha not in (0, 1).
    """

    candidate: str
    baseline: str
    metric: str
    margin: float
    alpha: float = 0.05
    started_at: float

    def __post_init__(self) -> None:
        require_share("margin", self.margin)
        require_share("alpha", self.alpha)

    @property
    def not_worse(self) -> Claim:
        """That the candidate is not worse by the margin or more."""
        return Claim(side="above", than=-self.margin)

    @property
    def too_bad(self) -> Claim:
        """That the candidate is worse by more than the margin: what an audit after adoption looks for."""
        return Claim(side="below", than=-self.margin)


FAR = 10_000_000
"""More pairs than this are no outlook."""

BETTER = Claim(side="above", than=0.0)
WORSE = Claim(side="below", than=0.0)


class RegistrationChangedError(ValueError):
    """Evidence was gathered under one registration and asked for under another: its guarantee would be void."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the pairs so far have shown: three bets on the same differences, candidate minus baseline, in [-1, 1].

    It carries its registration, so no function can read it under another margin or alpha.
    """

    registration: Registration
    not_worse: Bet = Bet()
    better: Bet = Bet()
    worse: Bet = Bet()

    @property
    def n(self) -> int:
        """Pairs that were seen."""
        return self.not_worse.n

    @property
    def difference(self) -> float | None:
        """The mean difference so far; `None` before the first pair, and beyond ten million."""
        return self.better.gains / self.n if self.n else None


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """After adoption: one bet, on audit samples, that the candidate is worse than the margin allows after all."""

    registration: Registration
    too_bad: Bet = Bet()

    @property
    def n(self) -> int:
        """Audit samples that were seen."""
        return self.too_bad.n


def observe(evidence: Evidence, difference: float, at: float) -> Evidence:
    """The evidence with one more pair: its difference, candidate minus baseline, seen at the Unix second `at`.

    Raises `ValueError` for a pair from before the start, or a difference outside [-1, 1].
    """
    _require_pair(evidence.registration, difference, at)
    return Evidence(
        registration=evidence.registration,
        not_worse=settle(evidence.not_worse, evidence.registration.not_worse, difference),
        better=settle(evidence.better, BETTER, difference),
        worse=settle(evidence.worse, WORSE, difference),
    )


def require_unchanged(kept: Evidence | Audit, registration: Registration) -> None:
    """Raise `RegistrationChangedError` where what was `kept` began under another registration than this one."""
    if kept.registration != registration:
        raise RegistrationChangedError(
            f"the registration of {kept.registration.candidate!r} against {kept.registration.baseline!r} was changed "
            "after it began; register anew, which starts without evidence"
        )


def verdict(evidence: Evidence) -> SequentialVerdict:
    """What is shown so far, at the registered alpha, whenever it is asked.

    *not worse* (by more than the margin) is tested at alpha; *better* and *worse* than no difference at alpha / 2
    each. *better* is said only where *not worse* holds too, so whatever the truth, a false verdict at any time has at
    most the probability alpha:

    | true difference | which verdicts are false | probability at most |
    |---|---|---|
    | -margin or less | not worse (and so better) | alpha |
    | between -margin and 0 | better | alpha / 2 |
    | 0 | better, worse | alpha / 2 + alpha / 2 |
    | above 0 | worse | alpha / 2 |

    A candidate shown to be a little worse may later be shown to be within the margin, and *not worse* is then said:
    that is what was asked. `is_below_baseline` keeps the rest of the truth.
    """
    alpha = evidence.registration.alpha
    if evidence.not_worse.proves(alpha):
        return "better" if evidence.better.proves(alpha / 2) else "not worse"
    return "worse" if is_below_baseline(evidence) else "undecided"


def is_below_baseline(evidence: Evidence) -> bool:
    """Whether the candidate is shown to be worse than the baseline, be it by more or less than the margin."""
    return evidence.worse.proves(evidence.registration.alpha / 2)


def more_pairs(evidence: Evidence) -> int | None:
    """About how many more pairs would bring a first verdict, going on as so far; 0 where there is one.

    The capital grows by about L m - L² s / 2 a pair, in logarithms, with m and s the mean gain and mean squared gain
    and L the stake; a candidate that looks better than the baseline is taken to be equal. An outlook, not a promise.
    `None` before the first pair, and beyond ten million.
    """
    registration = evidence.registration
    if verdict(evidence) != "undecided":
        return 0
    mean = evidence.difference
    if mean is None:
        return None
    variance = max(evidence.better.squares / evidence.n - mean * mean, 0.0)
    outlooks = (
        _pairs_left(evidence.not_worse, registration.not_worse, min(mean, 0.0), variance, registration.alpha),
        _pairs_left(evidence.worse, WORSE, mean, variance, registration.alpha / 2),
    )
    return min((pairs for pairs in outlooks if pairs is not None), default=None)


def _pairs_left(bet: Bet, claim: Claim, mean: float, variance: float, alpha: float) -> int | None:
    gain = claim.gain(mean)
    if gain <= 0:
        return None
    square = variance + gain * gain
    placed = min(gain / square, BOLDEST / claim.worst_loss)
    growth = placed * gain - placed * placed * square / 2
    left = -math.log(alpha) - bet.log_capital
    return max(1, math.ceil(left / growth)) if growth * FAR > left else None


def sentence(
    evidence: Evidence, differences: Sequence[float] | None = None, cost_per_pair_nano: int | None = None
) -> str:
    """The verdict as a person reads it, with what it rests on; with intervals where all `differences` come along.

    Raises `ValueError` where those are not as many as were observed.
    """
    registration, said = evidence.registration, verdict(evidence)
    candidate, baseline = registration.candidate, registration.baseline
    rest = _rest(evidence, differences)
    match said:
        case "better":
            return f"{candidate} is better than {baseline} ({rest}, e = {evidence.better.capital:.3g})."
        case "not worse":
            little = ", though a little worse" if is_below_baseline(evidence) else ""
            margin = f"{100 * registration.margin:g} points{little}"
            rest += f", e = {evidence.not_worse.capital:.3g}{_bound(evidence, differences)}"
            return f"{candidate} is not worse than {baseline} by more than {margin} ({rest})."
        case "worse":
            return f"{candidate} is worse than {baseline} ({rest}, e = {evidence.worse.capital:.3g})."
        case "undecided":
            return f"Cannot tell yet ({rest}){outlook(more_pairs(evidence), cost_per_pair_nano)}."


def outlook(more: int | None, cost_per_pair_nano: int | None) -> str:
    """`; about 430 more pairs (about $3.10) would decide`, and nothing where no number can be given."""
    if more is None:
        return ""
    price = f" (about {dollars(more * cost_per_pair_nano)})" if cost_per_pair_nano is not None else ""
    return f"; about {more:,} more pairs{price} would decide"


def _rest(evidence: Evidence, differences: Sequence[float] | None) -> str:
    if evidence.difference is None:
        return "no pair yet"
    within = ""
    if differences is not None:
        if len(differences) != evidence.n:
            raise ValueError(f"{len(differences)} differences were handed in, and {evidence.n} were observed")
        within = f", {between(confidence_sequence(differences, alpha=evidence.registration.alpha))}"
    return f"difference {points(evidence.difference)} points{within}, {evidence.n:,} pairs"


def _bound(evidence: Evidence, differences: Sequence[float] | None) -> str:
    """The one-sided end that decided; the two-sided interval reaches a little further."""
    if differences is None:
        return ""
    alpha, margin = evidence.registration.alpha, evidence.registration.margin
    # the margin itself was ruled out, be it between two points of the grid
    bound = max(mean_not_below(differences, alpha=alpha), -margin)
    return f"; at {100 * (1 - alpha):.4g} % confidence not below {points(bound)}"


def observe_audit(audit: Audit, difference: float, at: float) -> Audit:
    """The audit with one more audit sample. Raises as `observe` does."""
    _require_pair(audit.registration, difference, at)
    return Audit(
        registration=audit.registration,
        too_bad=settle(audit.too_bad, audit.registration.too_bad, difference),
    )


def is_alarmed(audit: Audit) -> bool:
    """Whether the capital on "worse than the margin allows" reached 1 / alpha, 20 at 5 %: ask the question again.

    However long one audits, a candidate within the margin raises it with a probability of at most alpha. One that got
    worse after a long good time is noticed late, because the stakes remember the good time: open a new audit monthly.
    """
    return audit.too_bad.proves(audit.registration.alpha)


def _require_pair(registration: Registration, difference: float, at: float) -> None:
    require_difference(difference)
    if not at >= registration.started_at:
        raise ValueError(f"a pair seen at {at} is older than the registration, {registration.started_at}")
