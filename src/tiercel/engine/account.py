"""From a climb to its record: the outcome in one word, the clocks, what was delivered."""

import msgspec

from tiercel.domain.climb import Deliver, GiveUp, Plan
from tiercel.domain.errors import ProblemKind
from tiercel.domain.failure import FailureKind
from tiercel.domain.keys import ANYBODY, AccessKey
from tiercel.domain.record import AttemptRecord, Outcome, Record
from tiercel.engine.climb import Climbed

FAILURE_PROBLEMS: dict[FailureKind, ProblemKind] = {
    "unreachable": "upstream_unreachable",
    "reset": "upstream_unreachable",
    "timeout": "timeout",
    "rate_limited": "rate_limit",
    "overloaded": "overloaded",
    "server_error": "upstream_error",
    "quota": "quota",
    "auth": "upstream_auth",
    "model_gone": "upstream_error",
    "context_too_long": "context_length",
    "content_policy": "content_policy",
    "seal_refused": "invalid_request",
    "parameter_refused": "invalid_request",
    "bad_request": "invalid_request",
    "bad_response": "upstream_bad_response",
    "too_large": "upstream_bad_response",
    "empty": "upstream_bad_response",
    "empty_length": "upstream_bad_response",
    "truncated": "upstream_unreachable",
    "stream_error": "upstream_error",
    "cancelled": "upstream_error",
    "interrupted": "upstream_error",
}
"""What a client is told when everything failed."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """When a request came in: our id for it, Unix seconds, and the monotonic clock's reading; and with which key."""

    id: str
    started_at: float
    received: float
    key: AccessKey = ANYBODY


def _outcome(step: GiveUp) -> Outcome:
    """A climb that delivered nothing, in one word."""
    match step.reason:
        case "check_failed":
            return "withheld"
        case "broken":
            return "broken"
        case _:
            return "failed"


def problem_of(step: GiveUp) -> ProblemKind:
    """What kind of problem a client is told of."""
    match step.reason:
        case "check_failed":
            return "check_failed"
        case "cost_cap":
            return "cost_cap"
        case "no_rung":
            return "no_rung"
        case "deadline":
            return "timeout"
        case "broken" if step.failure is None:
            return "check_failed"
        case _:
            return FAILURE_PROBLEMS[step.failure.kind] if step.failure is not None else "upstream_error"


def start_record(
    receipt: Receipt, plan: Plan | None = None, *, format: str, model: str, stream: bool = False
) -> Record:
    """A record of what is known before any call, with what routing read and decided; without a plan, the whole record
    of a request that goes no further. `format` and `model` are the client's."""
    record = Record(
        id=receipt.id,
        started_at=receipt.started_at,
        seconds=0.0,
        outcome="rejected",
        format=format,
        stream=stream,
        model_requested=model,
        project=receipt.key.project,
        key_id=receipt.key.id,
    )
    if plan is None:
        return record
    facts, given = plan.facts, plan.assignment
    # a copy with these takes a third of the time that making it with all of them would
    record = msgspec.structs.replace(
        record,
        task=facts.task,
        complexity=facts.complexity,
        risk=facts.risk,
        latency=facts.latency,
        residency=facts.residency,
        session=facts.session,
        modalities=facts.modalities,
        strict_json=facts.strict_json,
        tokens_estimated=facts.size.tokens,
        stated=facts.stated,
        rule=plan.rule,
        ladder=plan.stages,
        why=plan.why,
        policy_hash=plan.policy_hash,
    )
    if given is None:
        return record
    return msgspec.structs.replace(
        record,
        split=given.split,
        arm=given.arm,
        propensity=given.propensity,
        split_unit=given.unit,
        arms_out=tuple(one.arm for one in given.out),
    )


def finish_record(
    record: Record, climbed: Climbed, *, seconds: float, first_content_seconds: float | None
) -> Record:
    """The record of a climb that ended. `seconds` and `first_content_seconds` count from the request's receipt."""
    step = climbed.step
    delivered = step.attempt if isinstance(step, Deliver) else None
    answer, simulated = None, False
    for attempt in climbed.attempts:
        simulated = simulated or attempt.simulated
        if attempt.number == delivered:
            answer = attempt
    if isinstance(step, Deliver):
        outcome: Outcome = "refused" if climbed.refused else "passed" if step.passed else "marked"
        verified = step.passed and answer is not None and _is_verified(answer, climbed.attempts)
        problem, message = None, step.reason
    else:
        outcome, verified = _outcome(step), False
        problem, message = problem_of(step), step.message
    ttft_seconds = None
    if answer is not None and first_content_seconds is not None:
        ttft_seconds = _first_token_seconds(answer, first_content_seconds)
    return msgspec.structs.replace(
        record,
        seconds=seconds,
        outcome=outcome,
        attempts=climbed.attempts,
        delivered=delivered,
        verified=verified,
        ttft_seconds=ttft_seconds,
        ttfa_seconds=first_content_seconds,
        problem=problem,
        message=message,
        simulated=simulated,
    )


def abandoned_record(
    record: Record, attempts: tuple[AttemptRecord, ...], *, seconds: float, message: str
) -> Record:
    """The record of a request that was stopped before its end."""
    return msgspec.structs.replace(
        record,
        seconds=seconds,
        outcome="cancelled",
        attempts=attempts,
        message=message,
        simulated=any(attempt.simulated for attempt in attempts),
    )


def _is_verified(answer: AttemptRecord, attempts: tuple[AttemptRecord, ...]) -> bool:
    """Whether a check beyond `finished` really measured this answer, or elected it."""
    for verdict in answer.verdicts:
        if verdict.check != "finished" and verdict.error is None:
            return True
    return answer.why == "opinion" and any(v.elects == answer.number for a in attempts for v in a.verdicts)


def _first_token_seconds(answer: AttemptRecord, first_content_seconds: float) -> float:
    """Reasoning counts as the first token, also where the client's format shows it only with the answer."""
    if answer.ttft_seconds is None:
        return first_content_seconds
    return min(first_content_seconds, answer.began_seconds + answer.ttft_seconds)
