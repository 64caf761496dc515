"""What a climb does for its gates that need others: has opinions compared, and asks a judge what a check wants to know.

Who is asked and when is decided elsewhere; here the calls are made like all others, so that each is limited, paid for
and recorded as an attempt.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from tiercel.checks.check import Opinion, Question, Reply
from tiercel.checks.run import compare
from tiercel.domain.catalog import Model
from tiercel.domain.climb import Attempt, Conditions, Plan, Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.request import Message, ModelRequest, ResponseFormat, Text
from tiercel.domain.response import ModelResponse
from tiercel.engine.attempt import Finding, Machinery
from tiercel.engine.weighed import weighed
from tiercel.ladder.asides import awaiting_opinions
from tiercel.ladder.gates import missed_gate, with_verdict


async def compare_opinions(
    machinery: Machinery,
    plan: Plan,
    request: ModelRequest,
    attempts: Mapping[int, Attempt],
    findings: Mapping[int, Finding],
) -> Finding | None:
    """The answer that waited for opinions, with their verdict, once all have ended; `None` where none waits."""
    waiting = awaiting_opinions(plan, list(attempts.values()))
    if waiting is None:
        return None
    answer, place = waiting
    finding = findings[answer.call.number]
    assert finding.response is not None, "an answer that was given"
    model = plan.rung_at(answer.call.rung).deployment.model
    opinions = [
        opinion_of(plan, attempt, _answer_in(findings.get(number)), model)
        for number, attempt in attempts.items()
        if attempt.call.why == "opinion"
    ]
    verdict = await compare(
        plan.gates[place],
        request,
        finding.response,
        opinions,
        registry=machinery.registry,
        by=model,
        has_voice=missed_gate(plan, answer) is None,
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


def judge_of(plan: Plan, place: int, answered_by: str, conditions: Conditions) -> int:
    """The rung that the gate at `place` asks about an answer of the model `answered_by`.

    Raises `CheckError` where nobody may be asked: no model judges its own answer.
    """
    offset = next((i for i, aside in enumerate(plan.asides) if aside.gate == place), None)
    if offset is None:
        raise CheckError("the model that it asks may not be asked here")
    rung = plan.asides[offset].rung
    index = len(plan.rungs) + offset
    if rung.deployment.model.name == answered_by:
        raise CheckError("the judge would judge its own answer")
    if rung.deployment.name in conditions.resting:
        raise CheckError("the judge failed too often a moment ago")
    cap = plan.limits.max_cost_nano
    dear = cap is not None and conditions.spent_nano + (rung.estimated_nano or 0) > cap
    if dear or index in conditions.unaffordable:
        raise CheckError("no money is left for the judge")
    return index


def reply_of(finding: Finding, by: Model) -> Reply:
    """What the model said. Raises `CheckError` where it said nothing."""
    if finding.response is None or finding.attempt.state != "answered":
        failure = finding.attempt.failure
        raise CheckError(f"the judge did not answer: {failure.kind if failure else 'nothing came'}")
    return Reply(text=finding.response.text, by=by)


def question_request(question: Question, name: str) -> ModelRequest:
    """A check's question as a request of its own; it has no raw form, so it is written for whoever is asked."""
    wanted = None
    if question.schema is not None:
        wanted = ResponseFormat(
            kind="json_schema", name=question.schema_name, schema=question.schema, strict=True
        )
    return ModelRequest(
        format="openai_chat",
        model=name,
        messages=(
            Message(role="system", parts=(Text(text=question.system),)),
            Message(role="user", parts=(Text(text=question.prompt),)),
        ),
        response_format=wanted,
        max_output_tokens=question.max_output_tokens,
    )
