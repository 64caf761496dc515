"""Runs an item's scorers on an answer, and contains whatever a scorer may do wrong.

One that crashes, overruns or gives nonsense leaves a score that says so; it never counts against the candidate.
"""

import asyncio
import math
from typing import Protocol

import msgspec

from tiercel.domain.errors import CheckError
from tiercel.evals.evaluation import Expectation
from tiercel.evals.results import Score
from tiercel.evals.scorers.scorer import Answer, Scored, Scorer, ScorerError, ScorerInfo


class Scorers(Protocol):
    """Where scorers are found."""

    def get(self, expectation: Expectation) -> Scorer | None:
        """Who measures this expectation."""
        ...


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """All scores of an answer, in the order of its expectations, and the flaws that its misses were called."""

    scores: tuple[Score, ...]
    flaws: tuple[str, ...] = ()

    @property
    def unmeasured(self) -> str | None:
        """Why it cannot be said what the answer is worth, if one that counts could not be measured."""
        return next((f"{s.name}: {s.unmeasured}" for s in self.scores if s.unmeasured and s.weight > 0), None)

    @property
    def passed(self) -> bool:
        """Whether every expectation that counts is met."""
        return all(score.met for score in self.scores if score.weight > 0)

    @property
    def score(self) -> float:
        """The weighted mean, 0 to 1; 1 where nothing is expected."""
        counting = [score for score in self.scores if score.weight > 0]
        weight = math.fsum(score.weight for score in counting)
        return math.fsum(score.value * score.weight for score in counting) / weight if counting else 1.0

    @property
    def misses(self) -> str:
        """What was missed, in words."""
        return "; ".join(f"{s.name}: {s.reason}" for s in self.scores if not s.met and s.weight > 0)


async def score_answer(answer: Answer, scorers: Scorers) -> Measured:
    """Measure the answer for each of its item's expectations. Never raises for what a scorer does."""
    found = [await _score(answer, expectation, scorers) for expectation in answer.item.expectations]
    return Measured(scores=tuple(score for score, _ in found), flaws=tuple(flaw for _, flaw in found if flaw))


async def _score(answer: Answer, expectation: Expectation, scorers: Scorers) -> tuple[Score, str]:
    scorer = scorers.get(expectation)
    if scorer is None:
        return _unmeasured(expectation, f"no scorer {expectation.scorer!r}"), ""
    scored = await contained(scorer, answer, expectation)
    if isinstance(scored, ScorerError):
        unmeasured = _unmeasured(expectation, str(scored))
        took = {
            "cost_nano": scored.cost_nano,
            "calls": scored.calls,
            "unpriced_calls": scored.unpriced_calls,
        }
        return msgspec.structs.replace(unmeasured, **took), ""
    if scored.pending:
        return msgspec.structs.replace(_unmeasured(expectation, scored.reason), weight=0.0), ""
    return as_score(expectation, scorer.info, scored)


async def contained(scorer: Scorer, answer: Answer, expectation: Expectation) -> Scored | ScorerError:
    """What the scorer measured, or why it could not. In a task of its own, whose end is looked at: so that
    whatever it raises stays there."""
    task = asyncio.ensure_future(scorer.score(answer, expectation))
    try:
        await asyncio.wait((task,), timeout=scorer.info.seconds)
    finally:
        if not task.done():
            task.cancel()
    if not task.done() or task.cancelled():
        return ScorerError(f"took longer than {scorer.info.seconds:g} s")
    error = task.exception()
    if isinstance(error, ScorerError):
        return error
    if error is not None:
        known = isinstance(error, CheckError)
        return ScorerError(str(error) if known else f"crashed with {type(error).__name__}: {error}")
    return _plausible(task.result())


def as_score(expectation: Expectation, info: ScorerInfo, scored: Scored) -> tuple[Score, str]:
    """The score as it counts for this expectation, and the flaw if it is missed."""
    value, asked = scored.value, None if info.own_threshold else expectation.threshold
    met = scored.met if asked is None else None
    if met is None:
        met = value >= (info.threshold if asked is None else asked) - 1e-9
    if expectation.negated:
        met, value = not met, 1 - value
    score = Score(
        name=expectation.name,
        value=value,
        met=met,
        weight=expectation.weight,
        reason=scored.reason,
        repaired=scored.repaired and met,
        by=scored.by,
        cost_nano=scored.cost_nano,
        calls=scored.calls,
        unpriced_calls=scored.unpriced_calls,
        both_orders=scored.both_orders,
        flips=scored.flips,
    )
    return score, "" if met or expectation.weight <= 0 else scored.flaw


def _plausible(scored: object) -> Scored | ScorerError:
    if not isinstance(scored, Scored):
        return ScorerError(f"gave a {type(scored).__name__} and not a Scored")
    if not 0 <= scored.value <= 1:
        return ScorerError(f"gave the score {scored.value!r}, which is none from 0 to 1")
    return scored


def _unmeasured(expectation: Expectation, why: str) -> Score:
    return Score(name=expectation.name, weight=expectation.weight, unmeasured=why)
