"""What a check gets to have models called with: a question in words, a probability, vectors of texts.

Each call goes to whom routing found for the gate, and is limited, paid for and recorded as an attempt of the climb like
all others. Whatever keeps it from being made, or from being answered, is an error of the check.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from tiercel.checks.check import COUNTED_SECONDS, Embedded, Likelihood, Question, Reply
from tiercel.domain.catalog import Deployment
from tiercel.domain.climb import AsideRole, Call, Conditions, Plan, Rung
from tiercel.domain.embedding import EmbeddingRequest
from tiercel.domain.errors import CallerError, CheckError
from tiercel.domain.failure import Failure
from tiercel.domain.request import Message, ModelRequest, ResponseFormat, Text
from tiercel.domain.response import Usage
from tiercel.domain.tokens import TokenEstimate, estimate_tokens
from tiercel.engine.attempt import AttemptRunner, Finding, Machinery
from tiercel.engine.errand import Occasion, decision_errand, embedding_errand
from tiercel.routing.asides import ROLES, embedding_window
from tiercel.routing.cost import embedding_prices

ERRAND_SECONDS = COUNTED_SECONDS - 1.0
"""Less than the check has, so that a call which never ends counts against whom it went to."""

LATE = Failure(kind="cancelled", message="it was not waited for any longer")

CALLED: dict[AsideRole, str] = {
    "judge": "the judge",
    "confidence": "the model that is asked",
    "decision": "the model that decides",
    "embedding": "the model that embeds",
}


class Runner(Protocol):
    """One call: made by `run`, and told of by `stopped` where it was cancelled."""

    call: Call

    @property
    def lost(self) -> tuple[str, ...]:
        """What the deployment cannot carry, as far as it is known."""
        ...

    async def run(self) -> Finding:
        """Make it."""
        ...

    def stopped(self, failure: Failure) -> Finding:
        """What is known of it so far."""
        ...


class Climbing(Protocol):
    """The climb on whose behalf models are called. `received` is the clock's reading at the request's receipt."""

    machinery: Machinery
    plan: Plan
    received: float

    @property
    def next_number(self) -> int:
        """The number of the call that is made next."""
        ...

    def conditions_beside(self) -> Conditions:
        """What the world looks like now, with what is being called counted as paid for."""
        ...

    async def call_beside(self, runner: Runner) -> Finding:
        """Make this call, as one more attempt."""
        ...


class Asker:
    """Calls the models of the gate at `place` about an answer of the rung `answered`; see `checks.check.Ask`."""

    def __init__(self, climb: Climbing, place: int, answered: Rung) -> None:
        self._climb = climb
        self._plan = climb.plan
        self._place = place
        self._answered = answered

    async def __call__(self, question: Question, /) -> Reply:
        """What the model that the gate asks says."""
        call = self._call(ROLES[self._plan.gates[self._place].asks])
        finding = await self._made(question_runner(self._climb, question, call))
        if finding.response is None:
            raise CheckError(f"{_called(call)} did not answer: nothing came")
        return Reply(text=finding.response.text, by=self._plan.rung_at(call.rung).deployment.model)

    async def decide(self, question: Question, /) -> Likelihood:
        """How likely it is that what `system` states is true of `prompt`."""
        call = self._call("decision")
        rung = self._plan.rung_at(call.rung)
        errand = decision_errand(
            self._climb.machinery,
            (question.system, question.prompt),
            call,
            rung,
            self._occasion(),
        )
        await self._made(errand)
        if errand.found is None or errand.found.probability is None:
            raise CheckError(f"{_called(call)} declined to say")
        return Likelihood(probability=errand.found.probability, by=rung.deployment.model)

    async def embed(self, texts: Sequence[str], /) -> Embedded:
        """The vectors of these texts, each cut to what the model takes."""
        index = self._index("embedding")
        rung = self._plan.rung_at(index)
        fitting = [_cut(text, embedding_window(rung.deployment)) for text in texts]
        call = self._call("embedding", _embedding_nano(rung.deployment, fitting))
        model = rung.deployment.model
        try:
            errand = embedding_errand(
                self._climb.machinery,
                EmbeddingRequest(model=model.name, texts=tuple(fitting)),
                call,
                rung,
                self._occasion(),
            )
        except CallerError as error:
            raise CheckError(str(error)) from error
        await self._made(errand)
        assert errand.found is not None, "vectors, or it would not have been answered"
        cut = sum(len(whole) > len(text) for whole, text in zip(texts, fitting, strict=True))
        return Embedded(vectors=errand.found.vectors, by=model, cut=cut)

    async def _made(self, runner: Runner) -> Finding:
        """The end of this call. Raises `CheckError` where it brought no answer."""
        finding = await self._climb.call_beside(runner)
        if finding.attempt.state != "answered":
            failure = finding.attempt.failure
            why = failure.kind if failure else "nothing came"
            raise CheckError(f"{_called(runner.call)} did not answer: {why}")
        return finding

    def _call(self, role: AsideRole, nano: int | None = None) -> Call:
        """The call to make. `nano` is what it is expected to cost, where that is known better than beforehand.

        Raises `CheckError` where it may not be made: no model judges its own answer.
        """
        index = self._index(role)
        rung, conditions = self._plan.rung_at(index), self._climb.conditions_beside()
        if role == "judge" and rung.deployment.model.name == self._answered.deployment.model.name:
            raise CheckError("the judge would judge its own answer")
        if rung.deployment.name in conditions.resting:
            raise CheckError(f"{CALLED[role]} failed too often a moment ago")
        expected = (rung.estimated_nano if nano is None else nano) or 0
        cap = self._plan.limits.max_cost_nano
        dear = cap is not None and conditions.spent_nano + expected > cap
        if dear or index in conditions.unaffordable:
            raise CheckError(f"no money is left for {CALLED[role]}")
        return Call(number=self._climb.next_number, rung=index, why=role)

    def _index(self, role: AsideRole) -> int:
        """The rung that this gate has called in this role, as `Plan.rung_at` counts."""
        for offset, aside in enumerate(self._plan.asides):
            if (aside.gate, aside.role) == (self._place, role) and aside.of in (None, self._answered.name):
                return len(self._plan.rungs) + offset
        raise CheckError(f"{CALLED[role]} may not be called here")

    def _occasion(self) -> Occasion:
        received = self._climb.received
        left_seconds = self._plan.limits.deadline_seconds - (self._climb.machinery.clock() - received)
        return Occasion(
            received=received,
            seconds=max(0.001, min(ERRAND_SECONDS, left_seconds)),
            asked_by=self._plan.gates[self._place].check,
        )


class SecondRunner:
    """The call of a reviewer or an advisor, no longer than `wait_seconds`; see `Runner`. Who is stopped then has not
    failed: others may have the time."""

    def __init__(self, climb: Climbing, question: Question, call: Call, *, wait_seconds: float) -> None:
        self.call = call
        self._wait_seconds = wait_seconds
        self._runner = question_runner(climb, question, call)

    @property
    def lost(self) -> tuple[str, ...]:
        return self._runner.lost

    def stopped(self, failure: Failure) -> Finding:
        """What is known of it so far."""
        return self._runner.stopped(failure)

    async def run(self) -> Finding:
        """Ask, and wait no longer than that."""
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._runner.run()
        except TimeoutError:
            return self.stopped(LATE)


def question_runner(climb: Climbing, question: Question, call: Call) -> AttemptRunner:
    """The call that puts this question to the model of its rung. No client gets its answer as it is: nothing is
    measured, and nobody else is asked."""
    return AttemptRunner(
        climb.machinery,
        question_request(question, climb.plan.rung_at(call.rung).deployment.model.name),
        replace(climb.plan, gates=(), review=None, advisor=None),
        call,
        delivery=None,
        received=climb.received,
    )


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


def _called(call: Call) -> str:
    return next(words for role, words in CALLED.items() if role == call.why)


def _embedding_nano(deployment: Deployment, texts: Sequence[str]) -> int | None:
    tokens = sum(map(estimate_tokens, texts))
    return embedding_prices(deployment).cost(Usage(uncached=tokens))


def _cut(text: str, window: int) -> str:
    """As much of the beginning as surely fits."""
    upper = TokenEstimate(estimate_tokens(text)).upper
    while upper > window:
        text = text[: min(len(text) - 1, len(text) * window // upper)]
        upper = TokenEstimate(estimate_tokens(text)).upper
    return text
