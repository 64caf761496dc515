"""Climbs over recorded answers: the product's ladder says what is called, its checks say what an answer is worth.

Nothing is decided here. `next_step` decides, `run_checks` and `compare` measure, and each call that the ladder starts
is answered by what the model once said, and charged what that cost. Latency, retries and failures are not played.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from bench.cascade_rows import Query, RecordedCall
from tiercel.checks.registry import Registry
from tiercel.checks.run import Checked, compare, run_checks
from tiercel.domain.catalog import Deployment, Model, Provider
from tiercel.domain.climb import (
    Aside,
    Attempt,
    Call,
    Conditions,
    Deliver,
    GiveUp,
    Plan,
    Rung,
    Start,
    Why,
)
from tiercel.domain.facts import Facts
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Gate
from tiercel.domain.request import Message, ModelRequest, ResponseFormat, Text
from tiercel.domain.response import Choice, Finish, ModelResponse
from tiercel.engine.asides import opinion_of
from tiercel.ladder.asides import awaiting_opinions
from tiercel.ladder.gates import missed_gate, with_verdict
from tiercel.ladder.step import next_step

RECORDED = Provider(name="recorded", format="openai_chat", base_url="http://127.0.0.1:1/v1")
ANSWER_FORMAT = ResponseFormat(
    kind="json_schema",
    name="answer",
    schema={"type": "object", "properties": {"answer": {}}, "required": ["answer"]},
)
"""What the recorded calls asked for in words: an object whose `answer` stands beside its reasoning."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A ladder from the cheap to the strong model, with whom it asks beside the first and what it takes to stay below.

    `at_least` is the share of the opinions that must agree with the answer; `elect` says whether the majority's answer
    is delivered in place of one that is outvoted, which otherwise goes up too.
    """

    opinions: tuple[str, ...] = ()
    at_least: float = 1.0
    elect: bool = True

    @property
    def name(self) -> str:
        """In words, for a table."""
        if not self.opinions:
            return "checks of form only"
        if len(self.opinions) == 1:
            return f"{self.opinions[0]} agrees"
        agreeing = round(self.at_least * len(self.opinions))
        outvoted = ", the majority's answer" if self.elect else ""
        return f"{agreeing} of {len(self.opinions)} agree{outvoted}"


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One call, and what it cost in nano-dollars."""

    model: str
    why: Why
    nano: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one climb ended: how right the delivered answer is, whose it is ("" where there is none), and every call."""

    score: float
    model: str
    charges: tuple[Charge, ...]

    @property
    def nano(self) -> int:
        """What all calls cost together."""
        return sum(charge.nano for charge in self.charges)


def plan_of(cheap: str, strong: str, setting: Setting, registry: Registry) -> Plan:
    """The plan that routing would make of a policy with this ladder and these gates."""
    gates = [Gate(check="finished"), Gate(check="json_schema")]
    if setting.opinions:
        # nobody to compare with goes up, as a tie does
        gates.append(
            Gate(
                check="agreement",
                at_least=setting.at_least,
                ask=setting.opinions,
                options={"elect": setting.elect},
                on_error="closed",
            )
        )
    return Plan(
        facts=Facts(),
        rule="recorded",
        stages=(cheap, strong),
        rungs=(_rung(cheap, 0), _rung(strong, 1)),
        gates=tuple(map(registry.resolve, gates)),
        asks=bool(setting.opinions),
        asides=tuple(Aside(gate=len(gates) - 1, rung=_rung(name, -1)) for name in setting.opinions),
    )


def request_of(query: Query, *, strict_json: bool) -> ModelRequest:
    """The question as a client would put it; with `strict_json` asking for JSON not only in words."""
    return ModelRequest(
        format="openai_chat",
        model="auto",
        messages=(Message(role="user", parts=(Text(text=query.prompt),)),),
        response_format=ANSWER_FORMAT if strict_json else None,
    )


class Climber:
    """Climbs over recorded answers. What the checks say of one answer is kept: no ladder changes it."""

    def __init__(self, registry: Registry, *, strict_json: bool) -> None:
        self._registry = registry
        self._strict_json = strict_json
        self._checked: dict[tuple[str, str], Checked] = {}

    async def climb(self, plan: Plan, query: Query) -> Outcome:
        """One question's way up the ladder of `plan`."""
        request = request_of(query, strict_json=self._strict_json)
        attempts: dict[int, Attempt] = {}
        responses: dict[int, ModelResponse] = {}
        charges: list[Charge] = []
        while True:
            await self._compare_opinions(plan, request, attempts, responses)
            spent_nano = sum(charge.nano for charge in charges)
            step = next_step(plan, list(attempts.values()), Conditions(spent_nano=spent_nano))
            match step:
                case Deliver(attempt=number):
                    model = plan.rung_at(attempts[number].call.rung).deployment.model.name
                    return Outcome(score=query.calls[model].score, model=model, charges=tuple(charges))
                case GiveUp():
                    return Outcome(score=0.0, model="", charges=tuple(charges))
                case Start(calls=calls) if calls:
                    for call in calls:
                        model = plan.rung_at(call.rung).deployment.model.name
                        charges.append(Charge(model=model, why=call.why, nano=query.calls[model].nano))
                        await self._answer(plan, request, query, call, attempts, responses)
                case _:
                    raise AssertionError(f"nothing is in flight, and still: {step}")

    async def _answer(
        self,
        plan: Plan,
        request: ModelRequest,
        query: Query,
        call: Call,
        attempts: dict[int, Attempt],
        responses: dict[int, ModelResponse],
    ) -> None:
        """The call as it ended once: with an answer and what the checks say of it, or with nothing to read."""
        model = plan.rung_at(call.rung).deployment.model
        recorded = query.calls[model.name]
        if not recorded.text.strip():
            failure = Failure(kind="empty", message="nothing readable was recorded")
            attempts[call.number] = Attempt(call=call, state="failed", failure=failure)
            return
        key = (query.id, model.name)
        if key not in self._checked:
            self._checked[key] = await run_checks(
                plan.gates, request, _response(recorded), registry=self._registry, by=model
            )
        checked = self._checked[key]
        responses[call.number] = checked.response
        finish = checked.response.choices[0].finish.reason
        attempts[call.number] = Attempt(call=call, state="answered", finish=finish, verdicts=checked.verdicts)

    async def _compare_opinions(
        self,
        plan: Plan,
        request: ModelRequest,
        attempts: dict[int, Attempt],
        responses: dict[int, ModelResponse],
    ) -> None:
        waiting = awaiting_opinions(plan, list(attempts.values()))
        if waiting is None:
            return
        answer, place = waiting
        model = plan.rung_at(answer.call.rung).deployment.model
        opinions = [
            opinion_of(plan, attempt, responses.get(number), model)
            for number, attempt in attempts.items()
            if attempt.call.why == "opinion"
        ]
        response = responses[answer.call.number]
        verdict = await compare(
            plan.gates[place],
            request,
            response,
            opinions,
            registry=self._registry,
            by=model,
            has_voice=missed_gate(plan, answer) is None,
        )
        verdicts = with_verdict(plan, answer.verdicts, place, verdict)
        attempts[answer.call.number] = replace(answer, verdicts=verdicts)


async def climb_all(climber: Climber, plan: Plan, queries: Sequence[Query]) -> tuple[Outcome, ...]:
    """Every question's way up the same ladder."""
    return tuple([await climber.climb(plan, query) for query in queries])


def _rung(name: str, stage: int) -> Rung:
    deployment = Deployment(name=name, model=Model(name=name), provider=RECORDED, upstream_name=name)
    return Rung(deployment=deployment, stage=stage)


def _response(recorded: RecordedCall) -> ModelResponse:
    finish = Finish(reason="length" if recorded.cut else "stop")
    return ModelResponse(choices=(Choice(parts=(Text(text=recorded.text),), finish=finish),))
