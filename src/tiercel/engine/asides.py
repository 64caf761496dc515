"""What a climb does with the opinions that it asked for: once all are in, it has them compared.

Who is asked and when is decided elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from tiercel.checks.check import Ask, Opinion
from tiercel.checks.run import compare
from tiercel.domain.catalog import Model
from tiercel.domain.climb import Attempt, Plan, Rung, Verdict
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.engine.attempt import Finding, Machinery
from tiercel.engine.weighed import weighed
from tiercel.ladder.asides import awaiting_opinions
from tiercel.ladder.gates import missed_gate, with_verdict


async def compare_opinions(
    machinery: Machinery,
    plan: Plan,
    request: ModelRequest,
    attempts: Sequence[Attempt],
    findings: Mapping[int, Finding],
    ask_for: Callable[[Rung, int], Ask],
) -> Finding | None:
    """The answer that waited for opinions, with their verdict, once all have ended; `None` where none waits.

    `ask_for` gives the means to call models about an answer of a rung, for the gate at a place.
    """
    waiting = awaiting_opinions(plan, attempts)
    if waiting is None:
        return None
    answer, place = waiting
    finding = findings[answer.call.number]
    assert finding.response is not None, "an answer that was given"
    gate, rung = plan.gates[place], plan.rung_at(answer.call.rung)
    model = rung.deployment.model
    opinions = [
        opinion_of(plan, attempt, _answer_in(findings.get(attempt.call.number)), model)
        for attempt in attempts
        if attempt.call.why == "opinion"
    ]
    verdict = await compare(
        gate,
        request,
        finding.response,
        opinions,
        registry=machinery.registry,
        by=model,
        has_voice=missed_gate(plan, answer) is None,
        ask=None if gate.embed is None else ask_for(rung, place),
    )
    return with_late_verdict(finding, plan, place, verdict)


def with_late_verdict(finding: Finding, plan: Plan, place: int, verdict: Verdict) -> Finding:
    """What came of an attempt, with a verdict that was measured after the others."""
    verdicts = with_verdict(plan, finding.attempt.verdicts, place, verdict)
    recorded = with_verdict(plan, finding.record.verdicts, place, verdict)
    attempt = replace(finding.attempt, verdicts=verdicts)
    record = weighed(plan, attempt, replace(finding.record, verdicts=recorded))
    return replace(finding, attempt=attempt, record=record)


def opinion_of(plan: Plan, attempt: Attempt, response: ModelResponse | None, answered_by: Model) -> Opinion:
    """What this attempt said, where it may be compared: an answer that misses a gate is no opinion."""
    model = plan.rung_at(attempt.call.rung).deployment.model
    number = attempt.call.number
    if attempt.state != "answered" or response is None:
        why = attempt.failure.kind if attempt.failure is not None else "no answer"
        return Opinion(attempt=number, by=model, absent="late" if why == "cancelled" else why)
    if model.name == answered_by.name:
        return Opinion(attempt=number, by=model, absent="the same model")
    missed = missed_gate(plan, attempt)
    if missed is not None:
        return Opinion(attempt=number, by=model, absent=f"missed {missed[0].check}")
    if attempt.refused or len(response.choices) != 1:
        return Opinion(attempt=number, by=model, absent="declined" if attempt.refused else "several answers")
    return Opinion(attempt=number, by=model, choice=response.choices[0])


def _answer_in(finding: Finding | None) -> ModelResponse | None:
    return None if finding is None else finding.response
