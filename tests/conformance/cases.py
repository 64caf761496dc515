"""The nine things every client does with every upstream. Each holds what the SDK read against what the lab said."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.bench import Bench, Upstream
from tests.conformance.dialogue import (
    Answer,
    Ask,
    Client,
    RefusedError,
    Result,
    Results,
    Said,
    ToolDefinition,
    Turn,
    User,
)
from tiercel.domain.request import Format, ToolCall
from tiercel.testing.fault_kinds import FAULT_KINDS
from tiercel.testing.faults import Fault
from tiercel.testing.lab.thoughts import THOUGHT
from tiercel.testing.provider_errors import too_long
from tiercel.wire.provenance import seals_in

CITY: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = ToolDefinition(name="weather", description="The weather in a city.", parameters=CITY)
TRAINS = ToolDefinition(name="trains", description="The next train to a city.", parameters=CITY)
PERSON: Any = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "address": CITY,
        "tags": {"type": "array", "items": {"type": "string", "enum": ["new", "old"]}},
        "boss": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["name", "age", "address", "tags", "boss"],
    "additionalProperties": False,
}
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SYSTEM = "Answer as a railway clerk would."
LONG_TURNS = 15
"""User's turns of the long conversation; with the model's there are twice as many, and more where tools are used."""

OVERFLOWS = ("prompt is too long", "exceed", "maximum context length")
"""How the providers say that a prompt does not fit; their clients' programs look for these words."""


class Cell:
    """One client before one upstream; how streams are asked for is the case's business."""

    def __init__(self, bench: Bench, client: Client, wrong_key: Client, upstream: Upstream) -> None:
        self.bench = bench
        self.client = client
        self.wrong_key = wrong_key
        self.upstream = upstream

    def ask(self, *turns: Turn, **more: Any) -> Answer:
        """The client's answer, after it was held against what the lab said."""
        answer = self.client.ask(Ask(model=self.upstream.name, turns=turns, **more))
        self.hold_against_the_lab(answer)
        return answer

    def hold_against_the_lab(self, answer: Answer) -> None:
        """Content, finish and usage are the upstream's, to the letter."""
        said = self.bench.last_answer()
        choice, usage = said.choices[0], said.usage
        assert usage is not None
        calls = [(call.name, json.loads(call.arguments)) for call in choice.tool_calls]
        assert (answer.text, answer.finish) == (choice.text, choice.finish.reason)
        assert [(call.name, call.arguments) for call in answer.calls] == calls
        assert len({call.id for call in answer.calls}) == len(calls)
        assert (answer.input_tokens, answer.output_tokens) == (usage.input, usage.output)

    def calls_given_back(self) -> list[tuple[str, Any]]:
        """The calls of the history that reached the upstream last."""
        return [
            (part.name, json.loads(part.arguments))
            for message in self.bench.last_request().messages
            for part in message.parts
            if isinstance(part, ToolCall)
        ]

    def seals(self) -> list[str]:
        """The seals of what the lab said last: signatures, encrypted thinking, OpenRouter's details."""
        return [seal for seal, _ in seals_in(self.bench.last_answer())]


def text(cell: Cell) -> None:
    answer = cell.ask(User(text="Say hello"), system=SYSTEM)
    assert f'Its instructions begin with "{SYSTEM}"' in answer.text


def stream(cell: Cell) -> None:
    answer = cell.ask(User(text="Say hello"), system=SYSTEM, stream=True)
    assert f'Its instructions begin with "{SYSTEM}"' in answer.text
    called = cell.ask(User(text="Ask weather x2."), tools=(WEATHER,), stream=True)
    assert [call.name for call in called.calls] == ["weather", "weather"]


def tools(cell: Cell) -> None:
    loop(cell, "Ask weather.", ("sunny",), stream=False)
    loop(cell, "Ask weather.", ("sunny",), stream=True)


def parallel_tools(cell: Cell) -> None:
    loop(cell, "Ask weather, then trains.", ("sunny", "at noon"), stream=False)
    loop(cell, "Ask weather, then trains.", ("sunny", "at noon"), stream=True)


def loop(cell: Cell, prompt: str, returned: tuple[str, ...], **more: Any) -> Answer:
    """A whole tool loop: the calls, their results, the last words, which repeat the results in their order."""
    more = {"tools": (WEATHER, TRAINS)} | more
    asked = User(text=prompt)
    called = cell.ask(asked, **more)
    assert len(called.calls) == len(returned)
    said = cell.ask(asked, Said(answer=called), results(called, returned), **more)
    assert tools_returned(said.text, returned)
    assert cell.calls_given_back() == [(call.name, call.arguments) for call in called.calls]
    return called


def tools_returned(text: str, words: tuple[str, ...]) -> bool:
    """Whether the lab says that its tools returned these, in this order. Some clients wrap them, in JSON say."""
    _, _, listed = text.partition("The tools returned: ")
    quoted = listed.split(" | ")
    return len(quoted) == len(words) and all(word in said for word, said in zip(words, quoted, strict=True))


def results(called: Answer, returned: tuple[str, ...]) -> Results:
    pairs = zip(called.calls, returned, strict=True)
    return Results(results=tuple(Result(call=call, text=word) for call, word in pairs))


def schema(cell: Cell) -> None:
    for streamed in (False, True):
        answer = cell.ask(User(text="Who is it?"), schema=PERSON, stream=streamed)
        assert set(json.loads(answer.text)) == set(PERSON["properties"])


def image(cell: Cell) -> None:
    for streamed in (False, True):
        answer = cell.ask(User(text="What is this?", picture=PICTURE), stream=streamed)
        assert "It was shown 1 image." in answer.text
        # Google's SDK writes the other alphabet of base64
        assert PICTURE.encode() in cell.bench.last_body().translate(bytes.maketrans(b"-_", b"+/"))


def reasoning(cell: Cell) -> None:
    """What the model thought and sealed before its call is given back with the result, and reaches it unharmed."""
    for streamed in (False, True):
        seals = thoughtful_loop(cell, streamed)
        body = cell.bench.last_body()
        if cell.upstream.format == "ollama":
            seals = [THOUGHT]
        assert seals
        assert [seal for seal in seals if seal.encode() not in body] == []


def unsealed_reasoning(cell: Cell) -> None:
    """Where the seal cannot come back, the loop goes on without it."""
    for streamed in (False, True):
        seals = thoughtful_loop(cell, streamed)
        body = cell.bench.last_body()
        assert [seal for seal in seals if seal.encode() in body] == []


def thoughtful_loop(cell: Cell, streamed: bool) -> list[str]:
    """A tool loop of a model that thinks; returns the seals of its first turn."""
    asked = User(text="Ask weather.")
    more: Any = {"tools": (WEATHER,), "thinks": True, "stream": streamed}
    called = cell.ask(asked, **more)
    seals = cell.seals()
    assert called.thought in (None, cell.bench.last_answer().choices[0].reasoning)
    said = cell.ask(asked, Said(answer=called), results(called, ("sunny",)), **more)
    assert tools_returned(said.text, ("sunny",))
    return seals


def long_conversation(cell: Cell) -> None:
    """Fifteen turns of the user, some with tools, some with a picture; what came is counted at the end."""
    turns: list[Turn] = []
    more: Any = {"system": SYSTEM, "tools": (WEATHER, TRAINS)}
    for number in range(1, LONG_TURNS + 1):
        streamed = number % 2 == 0
        words = f"Turn {number}." + (" Ask weather, then trains." if number % 3 == 0 else "")
        turns.append(User(text=words, picture=PICTURE if number % 5 == 0 else None))
        answer = cell.ask(*turns, **more, stream=streamed)
        turns.append(Said(answer=answer))
        if answer.calls:
            returned = (f"sunny {number}", f"at {number}")
            turns.append(results(answer, returned))
            answer = cell.ask(*turns, **more, stream=streamed)
            assert tools_returned(answer.text, returned)
            turns.append(Said(answer=answer))
    last = cell.ask(*turns, User(text="And?"), **more)
    counted = re.search(r'turn (\d+) of a conversation that began with "Turn 1\."', last.text)
    # Pydantic AI tells a model what it thought as a turn of the user, where the thinking came unsealed
    assert counted is not None
    assert int(counted[1]) >= LONG_TURNS + 1
    assert "It was shown 3 images." in last.text
    two = [("weather", {"city": "simulated"}), ("trains", {"city": "simulated"})]
    assert cell.calls_given_back() == two * (LONG_TURNS // 3)


def error(cell: Cell) -> None:
    """A refusal of the upstream, a prompt that is too long, a key of ours that is wrong, a stream that breaks."""
    asked = Ask(model=cell.upstream.name, turns=(User(text="Say hello there"),))
    streamed = Ask(model=cell.upstream.name, turns=(User(text="Say hello there"),), stream=True)
    refused = refusal(cell.client, asked, cell, Fault(status=400, message="No such field (simulated)."))
    assert refused.kind == "invalid_request"
    assert "No such field (simulated)." in refused.message
    unfit = refusal(cell.client, asked, cell, overflow(cell.upstream.format))
    assert unfit.kind == "invalid_request"
    assert any(words in unfit.message for words in OVERFLOWS), unfit.message
    assert refusal(cell.wrong_key, asked, cell).kind == "authentication"
    broken = refusal(cell.client, streamed, cell, FAULT_KINDS["cut"].fault)
    assert broken.kind == "server"
    assert cell.client.ask(asked).finish == "stop"


def overflow(format: Format) -> Fault:
    """The upstream's own words for a prompt that does not fit."""
    body = json.loads(too_long(format, 210_000, 200_000))["error"]
    if isinstance(body, str):
        return Fault(status=400, message=body)
    code = body.get("code")
    return Fault(status=400, message=body["message"], code=code if isinstance(code, str) else None)


def refusal(client: Client, ask: Ask, cell: Cell, *faults: Fault) -> RefusedError:
    cell.bench.lab.faults.add("*", *faults)
    with pytest.raises(RefusedError) as caught:
        client.ask(ask)
    return caught.value


CASES: dict[str, Callable[[Cell], None]] = {
    "text": text,
    "stream": stream,
    "tools": tools,
    "parallel tools": parallel_tools,
    "schema": schema,
    "image": image,
    "reasoning": reasoning,
    "long conversation": long_conversation,
    "error": error,
}
WITHOUT: dict[str, Callable[[Cell], None]] = {"reasoning": unsealed_reasoning}
"""What holds all the same where a case is not possible."""
