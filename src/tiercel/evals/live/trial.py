"""What the pairs of a registered run have shown so far. A pure function of the run, its pairs and the moment.

So it makes no difference how often one asks, whether the server was started again in between, or through which gateway
of several a request came: whoever asks at the same moment is told the same.
"""

from collections.abc import Iterable

import msgspec

from tiercel.domain.record import ShadowPair
from tiercel.domain.shadow import ShadowRun
from tiercel.evals.statistics.betting import confidence_sequence
from tiercel.evals.statistics.interval import Interval
from tiercel.evals.statistics.sequential import (
    Audit,
    Evidence,
    Registration,
    SequentialVerdict,
    is_alarmed,
    more_pairs,
    observe,
    sentence,
    verdict,
)
from tiercel.measure.amounts import count_text
from tiercel.measure.observing import Observed, observed, suspicion

ALLOWING: frozenset[SequentialVerdict] = frozenset(("better", "not worse"))


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its evidence. `every` are all its pairs, `observed` those that count by now."""

    run: ShadowRun
    evidence: Evidence
    observed: Observed
    every: tuple[ShadowPair, ...]

    @property
    def verdict(self) -> SequentialVerdict:
        return verdict(self.evidence)

    @property
    def spent_nano(self) -> int:
        """What all copies cost, as far as prices are known."""
        return sum(pair.cost_nano for pair in self.every)

    @property
    def cost_per_observation_nano(self) -> int | None:
        """What another observation is expected to cost; `None` before the first."""
        n = self.evidence.n
        return sum(pair.cost_nano for pair in self.observed.pairs) // n if n else None

    @property
    def interval(self) -> Interval:
        """The confidence sequence of the difference: it holds at every moment at once."""
        return confidence_sequence(self.observed.differences, alpha=self.run.alpha)

    @property
    def more(self) -> int | None:
        """About how many more observations would decide; `None` where nobody can tell."""
        return more_pairs(self.evidence)

    def words(self) -> str:
        """The verdict as a person reads it, with what it rests on. Takes a second for some thousand pairs."""
        return sentence(self.evidence, self.observed.differences, self.cost_per_observation_nano)


class AuditTrial(msgspec.Struct, frozen=True, kw_only=True):
    """The audit of an adopted candidate, by copies for the model that it took the place of."""

    run: ShadowRun
    audit: Audit
    observed: Observed
    every: tuple[ShadowPair, ...]

    @property
    def is_alarmed(self) -> bool:
        """Whether the question is open again."""
        return is_alarmed(self.audit)

    @property
    def difference(self) -> float | None:
        """Adopted minus former model, on average; `None` before the first observation."""
        values = self.observed.differences
        return 0.0 - sum(values) / len(values) if values else None

    def words(self) -> str:
        """Whether there is an alarm, and what it rests on."""
        points = f"{100 * self.run.margin:g} points"
        capital = f"e = {self.audit.too_bad.capital:.3g}, alarm at {1 / self.run.alpha:.4g}"
        seen = count_text(self.audit.n, "observation")
        name = self.run.terms.leader
        if self.difference is not None:
            seen = f"difference {100 * self.difference:+.1f} points, {seen}"
        if self.is_alarmed:
            return f"ALARM: {name} is worse by more than {points} after all ({seen}, {capital}): ask again."
        return f"No sign that {name} is worse by more than {points} ({seen}, {capital})."


def registration_of(run: ShadowRun) -> Registration:
    """What was asked before the first pair."""
    return Registration(
        candidate=run.candidate,
        baseline=delivered_by(run),
        metric=run.terms.metric,
        margin=run.margin,
        alpha=run.alpha,
        started_at=run.started_at,
    )


def delivered_by(run: ShadowRun) -> str:
    """What the candidate is held against, in words."""
    return f"what {run.rule} delivers" if run.rule else "what is delivered"


def tried(run: ShadowRun, pairs: Iterable[ShadowPair], now: float) -> Trial:
    """The evidence at the Unix second `now`. Raises `ValueError` for a pair from before the run."""
    every = tuple(pairs)
    found = observed(every, now=now, window_seconds=run.terms.window_seconds)
    evidence = Evidence(registration=registration_of(run))
    for one in found.observations:
        evidence = observe(evidence, one.difference, one.at)
    return Trial(run=run, evidence=evidence, observed=found, every=every)


def audited(run: ShadowRun, pairs: Iterable[ShadowPair], now: float) -> AuditTrial:
    """The audit at the Unix second `now`: the same bets that the server makes for its alarm."""
    every = tuple(pairs)
    found = observed(every, now=now, window_seconds=run.terms.window_seconds)
    audit = Audit(registration=registration_of(run), too_bad=suspicion(found, run.margin))
    return AuditTrial(run=run, audit=audit, observed=found, every=every)
