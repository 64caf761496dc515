"""What a request may still spend, asked before each call of its climb; who grants it is the gateway's business."""

from collections.abc import Sequence
from typing import Protocol

from tiercel.domain.climb import ASIDE, Attempt, Call, Plan
from tiercel.domain.record import AttemptRecord
from tiercel.ladder.reactions import REACTIONS
from tiercel.routing.cost import CORRECTION_TOKENS, most_nano

NONE: frozenset[int] = frozenset()


class Allowance(Protocol):
    """The money of one request. All amounts are nano-dollars."""

    @property
    def most(self) -> tuple[int, ...]:
        """What one plain call of each rung of the plan costs at most; empty where nothing is bounded."""
        ...

    def room(self) -> float:
        """The most that a call may cost now; infinite where there is no limit."""
        ...

    def covers(self, nano: int) -> bool:
        """Whether a call that costs this at most may be made now."""
        ...

    def reserve(self, call: int, nano: int) -> None:
        """Set this aside for the call of this number."""
        ...

    def settle(self, record: AttemptRecord) -> None:
        """A call has ended, and cost this: what was set aside for it is free again."""
        ...


def unaffordable(plan: Plan, attempts: Sequence[Attempt], allowance: Allowance) -> frozenset[int]:
    """The rungs whose next call might cost more than is left, as `Plan.rung_at` counts them.

    The rung that was called last may be called again with more room for its answer, and shown its answer.
    """
    if not allowance.most:
        return NONE
    room = allowance.room()
    closed = NONE
    if room < max(allowance.most):
        closed = frozenset([index for index, nano in enumerate(allowance.most) if nano > room])
    for attempt in reversed(attempts):
        if attempt.call.why in ASIDE:
            continue
        boost = attempt.call.output_boost
        if attempt.failure is not None:
            boost *= REACTIONS[attempt.failure.kind].boost
        again = _most_again(plan, attempt.call.rung, boost)
        return closed if again is not None and again <= room else closed | {attempt.call.rung}
    return closed


def reserve_for(allowance: Allowance, plan: Plan, call: Call) -> None:
    """Set aside what this call may cost at most; nothing where nothing is bounded."""
    if not allowance.most:
        return
    nano: int | None = allowance.most[call.rung]
    if (
        call.output_boost > 1
        or call.corrects is not None
        or (call.about is not None and call.why not in ASIDE)
    ):
        nano = _most_again(plan, call.rung, call.output_boost)
    allowance.reserve(call.number, nano or 0)


def covers_advice(allowance: Allowance | None, plan: Plan, call: Call) -> bool:
    """Whether a call that begins an answer may be given the means to ask for advice: where there is money for it and to
    go on from it. Who could not go on had better never ask."""
    if allowance is None or not allowance.most or call.about is not None:
        return True
    again = _most_again(plan, call.rung, call.output_boost)
    return again is not None and allowance.covers(allowance.most[call.rung] + again)


def _most_again(plan: Plan, rung: int, boost: int) -> int | None:
    """What another call of this rung costs at most, shown what it said: once, or as often as it may ask for advice."""
    if plan.advisor is None:
        return most_nano(plan.rung_at(rung), plan.facts, boost=boost, answers_shown=1)
    return most_nano(
        plan.rung_at(rung),
        plan.facts,
        boost=boost,
        answers_shown=plan.advisor.max_uses + 1,
        reply_tokens=max(CORRECTION_TOKENS, 2 * plan.advisor.max_tokens),
    )
