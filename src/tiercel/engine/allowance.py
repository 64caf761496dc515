"""What a request may still spend, asked before each call of its climb; who grants it is the gateway's business."""

from collections.abc import Sequence
from typing import Protocol

from tiercel.domain.climb import Attempt, Call, Plan
from tiercel.domain.record import AttemptRecord
from tiercel.ladder.reactions import REACTIONS
from tiercel.routing.cost import most_nano


class Allowance(Protocol):
    """The money of one request. All amounts are nano-dollars."""

    @property
    def bounded(self) -> bool:
        """Whether there is any limit."""
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
    """The rungs whose next call might cost more than is left.

    The rung that was called last may be called again with more room for its answer, and shown its answer.
    """
    last = attempts[-1] if attempts else None
    closed = []
    for index, rung in enumerate(plan.rungs):
        boost, shown = 1, 0
        if last is not None and last.call.rung == index:
            boost = last.call.output_boost
            if last.failure is not None:
                boost *= REACTIONS[last.failure.kind].boost
            shown = 1
        nano = most_nano(rung, plan.facts, boost=boost, answers_shown=shown)
        if nano is None or not allowance.covers(nano):
            closed.append(index)
    return frozenset(closed)


def reserve_for(allowance: Allowance, plan: Plan, call: Call) -> None:
    """Set aside what this call may cost at most; nothing where nothing is bounded."""
    if not allowance.bounded:
        return
    shown = 0 if call.corrects is None else 1
    nano = most_nano(plan.rungs[call.rung], plan.facts, boost=call.output_boost, answers_shown=shown)
    allowance.reserve(call.number, nano or 0)
