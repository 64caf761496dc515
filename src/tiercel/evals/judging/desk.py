"""Where scorers ask a judge, or have texts embedded: one question to one model, paced, paid from the run's budget,
asked again on accidents."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from tiercel.checks.check import Question
from tiercel.checks.shown import bare_json
from tiercel.domain.embedding import Vector
from tiercel.domain.json import JsonObject
from tiercel.evals.asked import AskAndEmbed, Asked
from tiercel.evals.evaluation import Expectation, JudgeSettings, RunSettings
from tiercel.evals.running.budget import Budget
from tiercel.evals.running.failures import Failed, timed_out, why
from tiercel.evals.running.pacing import Pace
from tiercel.evals.scorers.scorer import ScorerError, judge_of

ROOM_TOKENS = 8_192
"""For a verdict and the thoughts before it: cut short, all of it is paid for nothing."""
FIRST_WAIT_SECONDS = 0.5

Estimate = Callable[[JsonObject, bool], int | None]
"""Nano-dollars that a request is expected to cost, helped or not; `None` where a price is unknown."""
Send = Callable[[], Awaitable[Asked]]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge said, as the JSON that it was to be, and what that took. `text` may be anything; `cost_nano` is
    `None` where the price is unknown."""

    text: str
    model: str
    cost_nano: int | None
    calls: int


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Where an embedding model places texts, and what that took; `cost_nano` is `None` where the price is unknown."""

    vectors: tuple[Vector, ...]
    cost_nano: int | None
    calls: int


class JudgeDesk:
    """Asks models that measure for a run."""

    def __init__(
        self,
        ask: AskAndEmbed,
        judges: Mapping[str, JudgeSettings],
        settings: RunSettings,
        *,
        budget: Budget,
        estimate: Estimate,
    ) -> None:
        self._ask = ask
        self._judges = judges
        self._settings = settings
        self._budget = budget
        self._estimate = estimate
        self._paces: dict[str, Pace] = {}

    def judge(self, expectation: Expectation) -> JudgeSettings:
        """Who judges. Raises `ScorerError` where nobody does."""
        judge = judge_of(expectation, self._judges)
        if judge is None:
            raise ScorerError(f"no judge {expectation.judge!r}" if expectation.judge else "no judge is named")
        return judge

    async def put(self, model: str, question: Question) -> Heard:
        """What this model says to the question. Raises `ScorerError` where it cannot be had."""
        body = judge_body(model, question)
        encoded = msgspec.json.encode(body)
        expected = self._estimate(body, False) or 0
        asked, cost, calls = await self._paid(
            f"judge {model}", expected, lambda: self._ask(encoded, helped=False)
        )
        assert asked.response is not None
        return Heard(text=bare_json(asked.response.text), model=model, cost_nano=cost, calls=calls)

    async def embed(self, model: str, texts: Sequence[str]) -> Placed:
        """Where this model places the texts, in one call. Raises `ScorerError` where that cannot be had."""
        body = msgspec.json.encode({"model": model, "input": texts})
        name = f"embedding by {model}"
        asked, cost, calls = await self._paid(
            name, self._budget.usual_nano(name), lambda: self._ask.embed(body)
        )
        if len(asked.vectors) != len(texts):
            raise ScorerError(f"{name}: {len(asked.vectors)} vectors for {len(texts)} texts")
        return Placed(vectors=asked.vectors, cost_nano=cost, calls=calls)

    async def _paid(self, name: str, expected: int, send: Send) -> tuple[Asked, int | None, int]:
        """What came, what it cost as far as that is known, and the calls that it took. Raises `ScorerError`."""
        if not await self._budget.room_for(expected):
            raise ScorerError(f"the budget has no room for the {name.partition(' ')[0]}")
        cost: int | None = 0
        try:
            asked, calls = await self._answered(name, send)
            record = asked.record
            cost = record.cost_nano if record is not None and record.cost_known else None
        finally:
            self._budget.settle(expected, cost, name)
        return asked, cost, calls

    async def _answered(self, name: str, send: Send) -> tuple[Asked, int]:
        """An answer, and the calls that it took. Raises `ScorerError`."""
        pace = self._pace(name)
        tried = 0
        while True:
            tried += 1
            async with pace.place():
                asked, failed = await self._once(send)
            if failed is None:
                return asked, tried
            if failed.then not in ("again", "slower") or tried >= self._settings.attempts:
                raise ScorerError(f"{name}: {failed.reason}")
            if failed.then == "slower":
                pace.slow_down(failed.wait_seconds)
            else:
                await asyncio.sleep(failed.wait_seconds or FIRST_WAIT_SECONDS * 2 ** (tried - 1))

    async def _once(self, send: Send) -> tuple[Asked, Failed | None]:
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                asked = await send()
        except TimeoutError:
            return Asked(), timed_out(self._settings.timeout_seconds)
        return asked, why(asked)

    def _pace(self, name: str) -> Pace:
        if name not in self._paces:
            settings = self._settings
            self._paces[name] = Pace(settings.concurrency, adaptive=settings.adaptive, clock=time.monotonic)
        return self._paces[name]


def judge_body(model: str, question: Question) -> JsonObject:
    """The question as a chat completions request with a forced schema, at temperature 0 where the model takes one."""
    schema = {"name": question.schema_name, "schema": question.schema, "strict": True}
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": question.system},
            {"role": "user", "content": question.prompt},
        ],
        "response_format": {"type": "json_schema", "json_schema": schema},
        "max_completion_tokens": ROOM_TOKENS,
        "temperature": 0,
    }
