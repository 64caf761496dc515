"""Short ways to an answer and to what a scorer makes of it."""

from typing import Any

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse
from tiercel.evals.evaluation import Candidate, Expectation, Item
from tiercel.evals.results import Score
from tiercel.evals.scorers.registry import ScorerRegistry
from tiercel.evals.scorers.run import Measured, score_answer
from tiercel.evals.scorers.scorer import Answer
from tiercel.wire.registry import CODECS


def answer(
    text: str,
    *expectations: Expectation,
    calls: tuple[ToolCall, ...] = (),
    finish: FinishReason = "stop",
    asked: str = "What is 2 + 2?",
    fields: JsonObject | None = None,
    target: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
    **known: Any,
) -> Answer:
    """An answer of this text, or of these calls, to an item with these expectations."""
    body = {"messages": [{"role": "user", "content": asked}], **(fields or {})}
    texts = (Text(text=text),) if text else ()
    return Answer(
        item=Item(id="q", body=body, target=target, choices=choices, expectations=expectations),
        candidate=Candidate(id="a", address="a"),
        request=CODECS["openai_chat"].decode_request(msgspec.json.encode({"model": "a", **body})),
        response=ModelResponse(choices=(Choice(parts=(*texts, *calls), finish=Finish(reason=finish)),)),
        **known,
    )


def call(name: str, **arguments: Json) -> ToolCall:
    return ToolCall(id="c", name=name, arguments=msgspec.json.encode(arguments).decode())


async def measured(scorers: ScorerRegistry, found: Answer) -> Measured:
    """All its expectations."""
    return await score_answer(found, scorers)


async def score(
    scorers: ScorerRegistry,
    text: str,
    scorer: str,
    value: Json = None,
    options: JsonObject | None = None,
    **about: Any,
) -> Score:
    """What one scorer makes of a text."""
    fields = {name: about.pop(name) for name in ("threshold", "negated", "judge") if name in about}
    expectation = Expectation(scorer=scorer, value=value, options=options or {}, **fields)
    return (await measured(scorers, answer(text, expectation, **about))).scores[0]
