"""The ladder: from a plan, the attempts so far and the state of the world to the next step.

The rules, in order:

1. Once content has reached the client, its attempt is the answer: it is delivered, or the stream broke. Nobody else
   is asked.
2. While a call is in flight, wait for it, no longer than the deadline; at the deadline, cancel.
   Where the plan *hedges* and the call has become slower than 95 % of the measured ones, another deployment is called
   beside it, once in a climb. The first answer that may be delivered ends the other call. The hedge only adds a
   chance: its own failure ends nothing, and when both came to nothing, the climb goes on as if the better of the two
   had been the only one.
3. An answer whose verdicts pass every gate is delivered. So is a refusal, unless the policy takes refusals elsewhere.
   Where gates ask other models, `asides.py` says what that adds; where the rule does, `review.py` and `advice.py` do.
4. An answer that misses a gate (a *verdict*) is asked for again at the same rung with the validator's message, as often
   as that gate allows; then the ladder *escalates*: to the next stage, or where there is none to what is left of this.
5. A *failure* is retried at the same rung where that may help, else *falls back* to the next rung that may take it.
   Both draw on the process's retry budget, so that an outage is not multiplied.
6. Attempts, failures, money and time bound the whole climb. When nothing more may be tried, the last answer there
   was is delivered and marked, or withheld, as the policy says; without any answer the most telling failure is told.

Everything that decides lives in this file, in `asides.py` and in the table of `reactions.py`. The same function serves
live traffic, `explain`, the tests, and the replay of old records. Conditions have to be found out: what none of them
could change, `sure_step` tells beforehand.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from tiercel.domain.climb import (
    Attempt,
    Call,
    Cancel,
    Conditions,
    Deliver,
    GiveUp,
    Plan,
    Rung,
    Start,
    Step,
    Verdict,
    Why,
)
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Gate
from tiercel.ladder.advice import last_of, with_advice
from tiercel.ladder.asides import climbing, in_flight_nano, with_asides
from tiercel.ladder.backoff import MAX_ASKED_SECONDS, backoff_seconds
from tiercel.ladder.gates import missed_gate
from tiercel.ladder.reactions import PASSING, REACTIONS, TELLING, Reaction
from tiercel.ladder.review import with_review

ALL_PASSED = "every gate passed"


def next_step(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions) -> Step:
    """What to do now. Pure; a few microseconds."""
    if not plan.asks:
        return _climb(plan, attempts, conditions)
    spent_nano = conditions.spent_nano + in_flight_nano(plan, attempts)
    conditions = msgspec.structs.replace(conditions, spent_nano=spent_nano)
    if conditions.committed is not None:
        conditions = msgspec.structs.replace(conditions, committed=last_of(attempts, conditions.committed))
    step = with_asides(plan, attempts, conditions, _climb(plan, climbing(attempts), conditions))
    return with_review(plan, attempts, conditions, with_advice(plan, attempts, conditions, step))


def sure_step(plan: Plan, attempts: Sequence[Attempt]) -> Deliver | None:
    """The step that `next_step` would take under any conditions: the first answer passed every gate, as most do. `None`
    where it depends on them."""
    if len(attempts) != 1 or plan.asks:
        return None
    first = attempts[0]
    if first.state != "answered" or first.refused or missed_gate(plan, first) is not None:
        return None
    return Deliver(attempt=first.call.number, passed=True, reason=ALL_PASSED)


def _climb(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions) -> Step:
    """What the ladder itself wants to do."""
    if not attempts:
        return _first(plan, conditions)
    if conditions.committed is not None:
        return _after_commit(plan, attempts, conditions)
    for attempt in attempts:
        if attempt.state == "in_flight":
            return _while_in_flight(plan, attempts, conditions)
    last = _decisive(plan, attempts)
    if last.state == "answered":
        return _after_answer(plan, attempts, last, conditions)
    return _after_failure(plan, attempts, last, conditions)


def _first(plan: Plan, conditions: Conditions) -> Step:
    """The rung in whose tool loop or session we are, else the first that is not resting; if all are, the first one all
    the same: somebody has to find out. A conversation that stalled went up by it."""
    order = range(len(plan.rungs))
    resting: list[int] = []
    for rung in order if plan.keeps is None else (plan.keeps, *order):
        if not _affordable(plan, rung, conditions):
            continue
        if plan.rungs[rung].deployment.name not in conditions.resting:
            break
        resting.append(rung)
    else:
        if not resting:
            message = "no rung of the ladder is within the limits of this request"
            return GiveUp(reason="cost_cap" if plan.rungs else "no_rung", message=message)
        rung = min(resting)
    goes_up = plan.stalled and plan.rungs[rung].stage >= (plan.begins or 0)
    call = Call(number=1, rung=rung, why="escalation" if goes_up else "first")
    return _started(plan, (), call, conditions)


def _while_in_flight(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions) -> Step:
    in_flight = [attempt for attempt in attempts if attempt.state == "in_flight"]
    left_seconds = plan.limits.deadline_seconds - conditions.elapsed_seconds
    if left_seconds <= 0 or any(_settles(plan, attempt) for attempt in attempts):
        return Cancel(calls=tuple([attempt.call.number for attempt in in_flight]))
    hedge = _hedge(plan, attempts, conditions)
    if hedge is None:
        return Start(wake_after_seconds=left_seconds)
    call, due_seconds = hedge
    if due_seconds <= 0:
        return Start(calls=(call,), wake_after_seconds=left_seconds)
    return Start(wake_after_seconds=min(left_seconds, due_seconds))


def _hedge(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions) -> tuple[Call, float] | None:
    """The call to make beside the one in flight, and in how many seconds; `None` where there is to be none.

    Interchangeable rungs come first, then those above. A re-ask is not hedged: nobody else knows what was wrong. Inside
    a tool loop only the same model elsewhere will do.
    """
    if not plan.hedges or conditions.hedge_tokens < 1.0 or len(attempts) >= plan.limits.max_attempts:
        return None
    slow = attempts[-1]
    rung = plan.rungs[slow.call.rung]
    after_seconds = conditions.slow_after_seconds.get(rung.deployment.name)
    if after_seconds is None or slow.call.why == "re_ask" or any(a.call.why == "hedge" for a in attempts):
        return None
    for index in _open_rungs(plan, attempts, conditions):
        other = plan.rungs[index]
        if other.stage < rung.stage or other.deployment.name == rung.deployment.name:
            continue
        if plan.facts.in_tool_loop and other.deployment.model.name != rung.deployment.model.name:
            continue
        if _affordable(plan, index, conditions, attempts):
            due_seconds = slow.began_seconds + after_seconds - conditions.elapsed_seconds
            return Call(number=len(attempts) + 1, rung=index, why="hedge"), due_seconds
    return None


def _decisive(plan: Plan, attempts: Sequence[Attempt]) -> Attempt:
    """Whose end decides what comes next, now that nothing is in flight: the last call's, or of a hedge and the call it
    hedged the one that settles it, else an answer (the higher one), else the hedged call."""
    if attempts[-1].call.why != "hedge":
        return attempts[-1]
    pair = attempts[-2:]
    settling = next((attempt for attempt in pair if _settles(plan, attempt)), None)
    if settling is not None:
        return settling
    answered = [attempt for attempt in pair if attempt.state == "answered"]
    return max(answered, key=lambda attempt: plan.rungs[attempt.call.rung].stage, default=pair[0])


def _settles(plan: Plan, attempt: Attempt) -> bool:
    """Whether this end makes other calls pointless: an answer to be delivered, or a failure that nobody else may mend.

    Such a failure of a hedge settles nothing: the call that it hedged would have gone on without it. Nor does being
    stopped: that is how a call ends when another one settles it.
    """
    if attempt.state == "answered":
        return plan.on_refusal == "deliver" if attempt.refused else missed_gate(plan, attempt) is None
    failure = attempt.failure
    if failure is None or failure.kind == "cancelled" or attempt.call.why == "hedge":
        return False
    return _taken_by(plan, failure) == "none"


def _after_commit(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions) -> Step:
    others = [
        a.call.number for a in attempts if a.state == "in_flight" and a.call.number != conditions.committed
    ]
    if others:
        return Cancel(calls=tuple(others))
    attempt = next(a for a in attempts if a.call.number == conditions.committed)
    match attempt.state:
        case "in_flight":
            left_seconds = plan.limits.deadline_seconds - conditions.elapsed_seconds
            if left_seconds <= 0:
                return Cancel(calls=(attempt.call.number,))
            return Start(wake_after_seconds=left_seconds)
        case "answered":
            broke = _broke(plan, attempt)
            if broke is None:
                return _deliver(plan, attempt)
            message = f"the answer that had begun to go out did not pass its check ({broke})"
            return GiveUp(reason="broken", message=message)
        case _:
            broken = GiveUp(
                reason="broken", message="the stream broke after it had begun", failure=attempt.failure
            )
            return _again_unseen(plan, attempts, attempt, conditions) or broken


def _again_unseen(
    plan: Plan, attempts: Sequence[Attempt], last: Attempt, conditions: Conditions
) -> Step | None:
    """The same call once more, where nothing of it went out behind what had gone out before."""
    if not last.unseen or last.failure is None or conditions.retry_tokens < 1.0:
        return None
    reaction = REACTIONS[last.failure.kind]
    return None if reaction.retry == "never" else _retry(plan, attempts, last, reaction, conditions)


def _broke(plan: Plan, attempt: Attempt) -> str | None:
    """Why an answer that must be JSON, and goes out only as far as it is, may not be completed."""
    missed = missed_gate(plan, attempt, of_json=True) if plan.hold.mode == "incremental" else None
    return None if missed is None else _words(*missed)


def _after_answer(plan: Plan, attempts: Sequence[Attempt], last: Attempt, conditions: Conditions) -> Step:
    if last.refused:
        if plan.on_refusal == "deliver":
            return Deliver(attempt=last.call.number, passed=True, reason="the model declined")
        return _escalate(plan, attempts, last, conditions, "the model declined")
    missed = missed_gate(plan, last)
    if missed is None:
        return Deliver(attempt=last.call.number, passed=True, reason=ALL_PASSED)
    gate, verdict = missed
    for late in last.verdicts:
        if late.elects is not None:
            return Deliver(attempt=late.elects, passed=True, reason=f"{late.check}: {late.reason}")
    asked = sum(1 for a in attempts if a.call.rung == last.call.rung and a.call.why == "re_ask")
    if asked < gate.re_ask and verdict.error is None:
        call = Call(
            number=len(attempts) + 1,
            rung=last.call.rung,
            why="re_ask",
            corrects=last.call.number,
            correction=verdict.message or verdict.reason,
            output_boost=last.call.output_boost,
        )
        started = _start(plan, attempts, call, conditions)
        if started is not None:
            return started
    return _escalate(plan, attempts, last, conditions, _words(gate, verdict))


def _escalate(
    plan: Plan, attempts: Sequence[Attempt], last: Attempt, conditions: Conditions, reason: str
) -> Step:
    """Higher stages first; where there are none, what is left of this one."""
    stage = plan.rungs[last.call.rung].stage
    open_rungs = _open_rungs(plan, attempts, conditions)
    higher = [i for i in open_rungs if plan.rungs[i].stage > stage]
    same = [i for i in open_rungs if plan.rungs[i].stage == stage]
    return _start_one_of(plan, attempts, higher + same, "escalation", conditions) or _exhausted(
        plan, attempts, conditions, reason
    )


def _after_failure(plan: Plan, attempts: Sequence[Attempt], last: Attempt, conditions: Conditions) -> Step:
    failure = last.failure or Failure(kind="cancelled", message="cancelled")
    reaction = REACTIONS[failure.kind]
    if sum(attempt.state == "failed" for attempt in attempts) >= plan.limits.max_failures:
        return _exhausted(plan, attempts, conditions, failure.message)
    may_retry = conditions.retry_tokens >= 1.0
    if may_retry and reaction.retry == "always":
        retried = _retry(plan, attempts, last, reaction, conditions)
        if retried is not None:
            return retried
    if may_retry or failure.kind == "context_too_long":
        fallback = _fallback(plan, attempts, last, failure, conditions)
        if fallback is not None:
            return fallback
    if may_retry and reaction.retry == "last":
        retried = _retry(plan, attempts, last, reaction, conditions)
        if retried is not None:
            return retried
    return _exhausted(plan, attempts, conditions, failure.message)


def _retry(
    plan: Plan, attempts: Sequence[Attempt], last: Attempt, reaction: Reaction, conditions: Conditions
) -> Step | None:
    retries = sum(1 for a in attempts if a.call.rung == last.call.rung and a.call.why == "retry")
    if retries >= plan.limits.retries or (reaction.unseals and last.call.unsealed):
        return None
    asked_seconds = last.failure.retry_after_seconds if last.failure else None
    if asked_seconds is not None and asked_seconds > MAX_ASKED_SECONDS:
        return None
    delay_seconds = backoff_seconds(retries, conditions.draw)
    call = Call(
        number=len(attempts) + 1,
        rung=last.call.rung,
        why="retry",
        delay_seconds=0.0 if reaction.changes_the_call else max(delay_seconds, asked_seconds or 0.0),
        output_boost=last.call.output_boost * reaction.boost,
        corrects=last.call.corrects,
        correction=last.call.correction,
        about=last.call.about,
    )
    return _start(plan, attempts, call, conditions)


def _fallback(
    plan: Plan, attempts: Sequence[Attempt], last: Attempt, failure: Failure, conditions: Conditions
) -> Step | None:
    """The next rung of this stage or a higher one; never a lower one, whose answers did not pass before.

    Below a rung that was asked first for being in its tool loop or session nobody was asked yet; nor below the stage at
    which a stalled conversation begins, as long as nobody answered.
    """
    wanted = _taken_by(plan, failure)
    if wanted == "none":
        return None
    failed = plan.rungs[last.call.rung]
    unasked = plan.begins is not None and all(a.state != "answered" for a in attempts)
    least = 0 if unasked or last.call.rung == plan.keeps else failed.stage
    rungs = [i for i in _open_rungs(plan, attempts, conditions) if plan.rungs[i].stage >= least]
    if wanted == "larger":
        rungs = [i for i in rungs if _window(plan.rungs[i]) > _window(failed)]
    return _start_one_of(plan, attempts, rungs, "fallback", conditions)


def _taken_by(plan: Plan, failure: Failure) -> Literal["any", "larger", "none"]:
    """Which other rungs may take what failed."""
    if failure.kind == "content_policy" and plan.on_refusal == "escalate":
        return "any"
    return REACTIONS[failure.kind].fallback


def _window(rung: Rung) -> float:
    window = rung.deployment.model.capabilities.window
    return float("inf") if window is None else window


def _open_rungs(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions) -> list[int]:
    """Rungs not tried yet whose deployment neither rests nor has let us down in this climb."""
    tried = {attempt.call.rung for attempt in attempts}
    burned = {
        plan.rungs[a.call.rung].deployment.name
        for a in attempts
        if a.failure is not None and REACTIONS[a.failure.kind].burns
    }
    closed = burned | conditions.resting
    return [i for i, rung in enumerate(plan.rungs) if i not in tried and rung.deployment.name not in closed]


def _start_one_of(
    plan: Plan, attempts: Sequence[Attempt], rungs: Iterable[int], why: Why, conditions: Conditions
) -> Step | None:
    for rung in rungs:
        started = _start(plan, attempts, Call(number=len(attempts) + 1, rung=rung, why=why), conditions)
        if started is not None:
            return started
    return None


def _start(plan: Plan, attempts: Sequence[Attempt], call: Call, conditions: Conditions) -> Step | None:
    """Start this call if attempts, time and money allow it."""
    left_seconds = plan.limits.deadline_seconds - conditions.elapsed_seconds
    if len(attempts) >= plan.limits.max_attempts or call.delay_seconds >= left_seconds:
        return None
    if not _affordable(plan, call.rung, conditions):
        return None
    if any(a.failure is not None and REACTIONS[a.failure.kind].unseals for a in attempts):
        call = msgspec.structs.replace(call, unsealed=True)
    return _started(plan, attempts, call, conditions)


def _started(plan: Plan, attempts: Sequence[Attempt], call: Call, conditions: Conditions) -> Start:
    """Start this call, and wait for it until the deadline, or until its hedge is due."""
    wake_after_seconds = plan.limits.deadline_seconds - conditions.elapsed_seconds
    if plan.hedges:
        began = Attempt(call=call, began_seconds=conditions.elapsed_seconds + call.delay_seconds)
        hedge = _hedge(plan, (*attempts, began), conditions)
        if hedge is not None:
            wake_after_seconds = min(wake_after_seconds, hedge[1])
    return Start(calls=(call,), wake_after_seconds=wake_after_seconds)


def _affordable(plan: Plan, rung: int, conditions: Conditions, attempts: Sequence[Attempt] = ()) -> bool:
    """Whether the caller's budget covers this call, and the cap leaves room for it and for those of `attempts` whose
    cost is not known yet."""
    if rung in conditions.unaffordable:
        return False
    cap = plan.limits.max_cost_nano
    if cap is None:
        return True
    nano = conditions.spent_nano + (plan.rungs[rung].estimated_nano or 0)
    for attempt in attempts:
        if attempt.state == "in_flight":
            nano += plan.rungs[attempt.call.rung].estimated_nano or 0
    return nano <= cap


def _deliver(plan: Plan, attempt: Attempt) -> Deliver:
    missed = missed_gate(plan, attempt)
    reason = ALL_PASSED if missed is None else _words(*missed)
    return Deliver(attempt=attempt.call.number, passed=missed is None, reason=reason)


def _words(gate: Gate, verdict: Verdict) -> str:
    return f"{gate.check}: {verdict.error or verdict.reason}"


def _exhausted(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions, reason: str) -> Step:
    """Nothing more may be tried: the last answer there was, marked; or an error."""
    answered = [attempt for attempt in attempts if attempt.state == "answered"]
    if answered and plan.on_exhausted == "deliver" and _broke(plan, answered[-1]) is None:
        return Deliver(attempt=answered[-1].call.number, passed=False, reason=reason)
    if answered:
        return GiveUp(reason="check_failed", message=f"no answer passed its checks ({reason})")
    failures = [attempt.failure for attempt in attempts if attempt.failure is not None]
    telling = next(
        (f for kind in TELLING for f in failures if f.kind == kind), failures[-1] if failures else None
    )
    empty = _empty_answer(plan, attempts, telling)
    if empty is not None:
        return Deliver(attempt=empty.call.number, passed=False, reason=reason)
    if telling is not None and telling.kind in PASSING:
        soonest = _soonest_seconds(plan, attempts)
        telling = msgspec.structs.replace(telling, retry_after_seconds=soonest)
    if conditions.elapsed_seconds >= plan.limits.deadline_seconds:
        return GiveUp(reason="deadline", message="the request's deadline passed", failure=telling)
    return GiveUp(reason="failed", message=telling.message if telling else reason, failure=telling)


def _empty_answer(plan: Plan, attempts: Sequence[Attempt], telling: Failure | None) -> Attempt | None:
    """The last empty answer, where that is what there is to tell and it may go out as it is."""
    if telling is None or plan.on_exhausted == "refuse":
        return None
    delivered = REACTIONS[telling.kind].delivered
    if delivered == "never" or (delivered == "in_tool_loop" and not plan.facts.in_tool_loop):
        return None
    return next(a for a in reversed(attempts) if a.failure is not None and a.failure.kind == telling.kind)


def _soonest_seconds(plan: Plan, attempts: Sequence[Attempt]) -> float | None:
    """After how long one of those that failed may be asked again; what each said last counts."""
    said = {
        plan.rungs[attempt.call.rung].deployment.name: attempt.failure.retry_after_seconds
        for attempt in attempts
        if attempt.failure is not None and attempt.failure.kind in PASSING
    }
    return min((seconds for seconds in said.values() if seconds is not None), default=None)
