"""Second opinions beside the climb: when they are asked, how long an answer waits for them, and what they decide.

The climb itself does not see them: `step.py` decides as if they were not there, and this file looks at what it wants
to do before it is done.

1. With the first call the opinions are asked too, side by side, so that they cost no time but the slowest's. An opinion
   of the model that answers is none, and is left out; so is one whose deployment rests, or that money does not allow.
2. An answer of the first stage that passed every other gate waits for the opinions, `wait_seconds` from the moment the
   ladder would deliver it and never past the deadline. Who is late is stopped, and counts as having said nothing.
3. When all have ended, the engine has them compared; the verdict stands with the answer's others. Where it misses its
   gate and *elects* another's answer, which those who agree gave, that one is delivered; else the ladder escalates.
   An answer that misses a gate of form has no voice of its own, and two opinions that agree are delivered in its place,
   before it is asked for again or anybody dearer is.
4. As soon as opinions can decide nothing more (another stage is asked, a refusal is delivered), they are stopped.
5. Where nobody on the ladder answered, an opinion's answer is better than an error: it is delivered, and marked.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from tiercel.domain.climb import (
    ASIDE,
    Attempt,
    Call,
    Cancel,
    Conditions,
    Deliver,
    GiveUp,
    Plan,
    Start,
    Step,
)
from tiercel.domain.policy import Gate
from tiercel.ladder.advice import as_one
from tiercel.ladder.gates import missed_gate


def climbing(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts of the ladder itself; one that took advice is one."""
    climbed = [attempt for attempt in attempts if attempt.call.why not in ASIDE]
    return as_one(climbed) if any([attempt.seeks_advice for attempt in climbed]) else climbed


def with_asides(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions, step: Step) -> Step:
    """The step in place of the one that the ladder, without looking beside itself, wants to take."""
    opinions = [attempt for attempt in attempts if attempt.call.why == "opinion"]
    flying = tuple(a.call.number for a in opinions if a.state == "in_flight")
    beside = len(attempts) - len(climbing(attempts))
    match step:
        case Start(calls=()) | Cancel():
            return step
        case Start() if beside == len(attempts) == 0:
            return _with_opinions(plan, step, conditions)
        case Start():
            calls = tuple(replace(call, number=call.number + beside) for call in step.calls)
            if flying and any(plan.rungs[call.rung].stage > _first_stage(plan, attempts) for call in calls):
                return _wait(plan, attempts, conditions) or Cancel(calls=flying)
            return replace(step, calls=calls)
        case Deliver():
            return _awaited(plan, attempts, conditions, flying, step)
        case GiveUp(reason="failed") if opinions:
            if flying:
                return Start(wake_after_seconds=plan.limits.deadline_seconds - conditions.elapsed_seconds)
            return _next_best(plan, opinions, step)
        case GiveUp():
            return Cancel(calls=flying) if flying else step


def awaiting_opinions(plan: Plan, attempts: Sequence[Attempt]) -> tuple[Attempt, int] | None:
    """The answer whose verdict needs the opinions, with the place of the gate that compares them, once all of them have
    ended; `None` where nothing is to be compared now."""
    if any(a.call.why == "opinion" and a.state == "in_flight" for a in attempts):
        return None
    place = _comparing(plan)
    climbed = climbing(attempts)
    if place is None or not climbed:
        return None
    last = climbed[-1]
    return (last, place) if _unmeasured(plan, attempts, last, plan.gates[place]) else None


def in_flight_nano(plan: Plan, attempts: Sequence[Attempt]) -> int:
    """What the calls beside the ladder that have not ended are expected to cost."""
    flying = [a.call.rung for a in attempts if a.state == "in_flight" and a.call.why in ASIDE]
    return sum(plan.rung_at(index).estimated_nano or 0 for index in flying)


def _with_opinions(plan: Plan, step: Start, conditions: Conditions) -> Step:
    """The first call, and beside it the opinions that may be asked."""
    first = plan.rungs[step.calls[0].rung]
    place = _comparing(plan)
    calls = list(step.calls)
    cost = first.estimated_nano or 0
    cap = plan.limits.max_cost_nano
    for offset, aside in enumerate(plan.asides):
        rung, index = aside.rung, len(plan.rungs) + offset
        if aside.gate != place or aside.role != "opinion":
            continue
        if rung.deployment.model.name == first.deployment.model.name:
            continue
        if rung.deployment.name in conditions.resting or index in conditions.unaffordable:
            continue
        if cap is not None and cost + (rung.estimated_nano or 0) > cap:
            continue
        cost += rung.estimated_nano or 0
        calls.append(Call(number=len(calls) + 1, rung=index, why="opinion"))
    return replace(step, calls=tuple(calls))


def _awaited(
    plan: Plan, attempts: Sequence[Attempt], conditions: Conditions, flying: tuple[int, ...], step: Deliver
) -> Step:
    """Deliver, but not before the opinions on this answer are in."""
    if not flying:
        return step
    climbed = climbing(attempts)
    waited = _wait(plan, attempts, conditions) if step.attempt == climbed[-1].call.number else None
    return waited or Cancel(calls=flying)


def _wait(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions) -> Step | None:
    """Wait for the opinions on the last answer; `None` where they decide nothing any more, or were waited for."""
    place = _comparing(plan)
    last = climbing(attempts)[-1]
    if place is None or not _unmeasured(plan, attempts, last, plan.gates[place]):
        return None
    due_seconds = min(last.ended_seconds + plan.gates[place].wait_seconds, plan.limits.deadline_seconds)
    left_seconds = due_seconds - conditions.elapsed_seconds
    return Start(wake_after_seconds=left_seconds) if left_seconds > 0 else None


def _next_best(plan: Plan, opinions: Sequence[Attempt], step: GiveUp) -> Step:
    answered = [
        a for a in opinions if a.state == "answered" and not a.refused and missed_gate(plan, a) is None
    ]
    if not answered or plan.on_exhausted != "deliver":
        return step
    reason = f"{step.message}; a second opinion's answer in its place"
    return Deliver(attempt=answered[0].call.number, passed=False, reason=reason)


def _comparing(plan: Plan) -> int | None:
    """The place of the gate that compares opinions."""
    return next((place for place, gate in enumerate(plan.gates) if gate.asks == "opinions"), None)


def _first_stage(plan: Plan, attempts: Sequence[Attempt]) -> int:
    return plan.rungs[climbing(attempts)[0].call.rung].stage


def _unmeasured(plan: Plan, attempts: Sequence[Attempt], answer: Attempt, gate: Gate) -> bool:
    """Whether opinions are to be compared with this answer and have not been: it is of the stage beside which they
    were asked, and passed everything else; or missed a gate that calls nobody, and two opinions may outvote it."""
    missed = missed_gate(plan, answer)
    asked = sum(attempt.call.why == "opinion" for attempt in attempts)
    return (
        answer.state == "answered"
        and not answer.refused
        and answer.call.why not in ASIDE
        and plan.rungs[answer.call.rung].stage == _first_stage(plan, attempts)
        and all(verdict.check != gate.check for verdict in answer.verdicts)
        and (missed is None or (not missed[0].calls_models and asked > 1))
    )
