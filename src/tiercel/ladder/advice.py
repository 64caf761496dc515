"""Advice in the middle of an answer: the model that answers calls a tool, another model is asked, and it goes on.

1. An answer that calls the advisor is none yet: the advisor is asked, and then the same rung again, shown what it said
   so far and what came back. All these calls are one climbed attempt to the rest of the ladder, which counts them once.
2. The advisor is asked `max_uses` times in a request at most, and never where it rests, or money does not allow it.
   Whoever asks all the same is told that there is none to be had, once; an answer that then still asks is taken as it
   is without the question, and as an empty one where nothing else is in it.
3. Who advises is offered nothing to ask with, so advice is never nested. A re-ask gets no advice: it is about the form
   of an answer that is there.
4. What was streamed stays. A call that fails behind it is made again at the same rung where nothing of it went out;
   else the stream breaks, as everywhere.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from tiercel.domain.climb import ASIDE, Attempt, Call, Cancel, Conditions, GiveUp, Plan, Start, Step
from tiercel.domain.request import ModelRequest


def offers_advice(plan: Plan, call: Call, request: ModelRequest) -> bool:
    """Whether the model of this call is given the means to ask: where it takes tools, may choose to call one, and is
    not the advisor itself. Gemini's own tools and functions do not go together."""
    index = plan.aside_of("advisor") if plan.advisor is not None else None
    if index is None or call.why in ASIDE or call.corrects is not None:
        return False
    model = plan.rung_at(call.rung).deployment.model
    if not model.capabilities.tools or model.name == plan.rung_at(index).deployment.model.name:
        return False
    if request.tool_choice is not None and request.tool_choice.mode not in ("auto", "required"):
        return False
    return not any(tool.raw is not None and tool.source == "gemini" for tool in request.tools)


def may_ask(plan: Plan, attempts: Sequence[Attempt], call: Call) -> bool:
    """Whether an answer of this call that asks is gone on from: with advice, or, once, with word that there is none."""
    if plan.advisor is None:
        return False
    gone_on = sum(attempt.call.why == "advised" for attempt in attempts) + (call.why == "advised")
    return gone_on <= plan.advisor.max_uses


def as_one(climbed: Sequence[Attempt]) -> list[Attempt]:
    """The climbed attempts with each that took advice once: as its last call, for the reason of its first, and in
    flight as long as advice is awaited."""
    by_number = {attempt.call.number: attempt for attempt in climbed}
    gone_on = {attempt.call.about for attempt in climbed}
    return [_as_last(attempt, by_number) for attempt in climbed if attempt.call.number not in gone_on]


def last_of(attempts: Sequence[Attempt], number: int) -> int:
    """The number of the last call that goes on from this attempt; its own where none does."""
    of_it = {number}
    for attempt in attempts:
        if attempt.call.about in of_it and attempt.call.why not in ASIDE:
            number = attempt.call.number
            of_it.add(number)
    return number


def with_advice(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions, step: Step) -> Step:
    """The step in place of the one that the ladder wants to take, where an answer asks for advice."""
    pending = _pending(attempts)
    if pending is None:
        return step
    flying = tuple(attempt.call.number for attempt in attempts if attempt.state == "in_flight")
    if isinstance(step, Cancel):
        return (
            Cancel(calls=flying)
            if flying
            else _given_up(conditions, "deadline", "the request's deadline passed")
        )
    about = pending.call.number
    advice = next((a for a in attempts if a.call.why == "advisor" and a.call.about == about), None)
    if advice is not None and advice.state == "in_flight":
        return step
    left_seconds = plan.limits.deadline_seconds - conditions.elapsed_seconds
    number = len(attempts) + 1
    index = _advisor(plan, attempts, conditions) if advice is None else None
    if index is not None:
        call = Call(number=number, rung=index, why="advisor", about=about)
    elif not _affordable(plan, pending.call.rung, conditions):
        return _given_up(conditions, "cost_cap", "no money is left to go on from what was begun")
    else:
        last = pending.call
        call = Call(number=number, rung=last.rung, why="advised", about=about, unsealed=last.unsealed)
    return Start(calls=(call,), wake_after_seconds=left_seconds)


def _as_last(attempt: Attempt, by_number: dict[int, Attempt]) -> Attempt:
    call = attempt.call
    if call.why == "advised":
        first = attempt
        while first.call.about is not None:
            first = by_number[first.call.about]
        call = replace(call, why=first.call.why)
    return replace(attempt, call=call, state="in_flight" if attempt.seeks_advice else attempt.state)


def _pending(attempts: Sequence[Attempt]) -> Attempt | None:
    """The answer that asks for advice and has not been gone on from."""
    for attempt in reversed(attempts):
        if attempt.call.why not in ASIDE:
            return attempt if attempt.seeks_advice else None
    return None


def _advisor(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions) -> int | None:
    """The rung of the advisor, where it may be asked now."""
    index = plan.aside_of("advisor")
    assert plan.advisor is not None, "or nobody could have asked"
    asked = sum(attempt.call.why == "advisor" for attempt in attempts)
    if index is None or asked >= plan.advisor.max_uses:
        return None
    if plan.rung_at(index).deployment.name in conditions.resting:
        return None
    return index if _affordable(plan, index, conditions) else None


def _affordable(plan: Plan, index: int, conditions: Conditions) -> bool:
    cap = plan.limits.max_cost_nano
    expected = plan.rung_at(index).estimated_nano or 0
    if index in conditions.unaffordable:
        return False
    return cap is None or conditions.spent_nano + expected <= cap


def _given_up(conditions: Conditions, reason: Literal["deadline", "cost_cap"], message: str) -> GiveUp:
    return GiveUp(reason=reason if conditions.committed is None else "broken", message=message)
