"""Hidden turns: what a stream shows is what the whole answer says, however it is cut, and never a hidden call."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.events import Fold, StreamEvent, unfold
from tiercel.domain.request import Part, Reasoning, Text, ToolCall
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.engine.hidden_turns import (
    NOT_CARRIED_OUT,
    TOGETHER,
    Veil,
    joined,
    turn,
    without_calls,
    words_of,
)

TOOL = "ask_advisor"
WORDS = st.text(alphabet="ab \n", max_size=6)
THOUGHTS = st.builds(
    Reasoning,
    text=WORDS,
    signature=st.sampled_from(("sig", None)),
    source=st.sampled_from(("anthropic", None)),
)


def call(number: int, name: str) -> ToolCall:
    return ToolCall(id=f"call_{number}", name=name, arguments='{"a": 1}')


def answer(parts: tuple[Part, ...], **usage: Any) -> ModelResponse:
    reason: Any = "tool_calls" if any(isinstance(part, ToolCall) for part in parts) else "stop"
    choice = Choice(parts=parts, finish=Finish(reason=reason))
    return ModelResponse(choices=(choice,), usage=Usage(**usage))


@st.composite
def turns(draw: st.DrawFn, *, asks: bool) -> ModelResponse:
    """Thinking, words and calls, as models give them."""
    parts: list[Part] = [draw(THOUGHTS)] if draw(st.booleans()) else []
    words = draw(WORDS)
    if words:
        parts.append(Text(text=words))
    names = draw(st.lists(st.just("look"), max_size=2))
    if asks:
        names.insert(draw(st.integers(0, len(names))), TOOL)
    calls = tuple(call(n, name) for n, name in enumerate(names))
    after = Text(text=draw(WORDS))
    return answer((*parts, *calls, *((after,) if after.text and calls else ())))


def shown(hidden: list[ModelResponse], last: ModelResponse, pieces: int) -> ModelResponse:
    """What a client adds up of the streams of these turns."""
    fold = Fold()
    for place, one in enumerate([*hidden, last]):
        veil = Veil(TOOL, hidden[:place], may_ask=place < len(hidden))
        events = split(unfold(one), pieces)
        for event in events:
            for seen in veil.pass_on([event]):
                fold.add(seen)
    return fold.response()


def shown_late(hidden: list[ModelResponse], last: ModelResponse) -> ModelResponse:
    """The same where nothing had gone out before the last turn."""
    fold = Fold()
    veil = Veil(TOOL, hidden, may_ask=False)
    for event in [*words_of(hidden), *veil.pass_on(unfold(last))]:
        fold.add(event)
    return fold.response()


def split(events: list[StreamEvent], pieces: int) -> list[StreamEvent]:
    """The events with their texts in so many pieces."""
    found: list[StreamEvent] = []
    for event in events:
        text = getattr(event, "text", "")
        if not text or getattr(event, "signature", None) is not None:
            found.append(event)
            continue
        size = -(-len(text) // pieces)
        found += [
            msgspec.structs.replace(event, text=text[at : at + size]) for at in range(0, len(text), size)
        ]
    return found


def said(response: ModelResponse) -> tuple[str, list[tuple[str, str, str]]]:
    choice = response.choices[0]
    return choice.text.strip(), [(c.id, c.name, c.arguments) for c in choice.tool_calls]


@given(
    hidden=st.lists(turns(asks=True), max_size=3),
    last=turns(asks=False) | turns(asks=True),
    pieces=st.integers(1, 3),
)
def test_a_stream_shows_what_the_whole_answer_says(
    hidden: list[ModelResponse], last: ModelResponse, pieces: int
) -> None:
    whole = joined(hidden, without_calls(last, TOOL))
    seen = shown(hidden, last, pieces)
    assert said(seen) == said(shown_late(hidden, last)) == said(whole)
    assert TOOL not in [c.name for c in seen.choices[0].tool_calls]


def test_an_answer_without_words_leaves_only_what_anthropic_sealed() -> None:
    sealed = Reasoning(text="hm", signature="sig", source="anthropic")
    other = Reasoning(text="hm", signature="sig", source="openai_responses")
    last = answer((Text(text="Left."),))
    assert joined([answer((sealed, call(1, TOOL)))], last).choices[0].parts == (sealed, Text(text="Left."))
    assert joined([answer((other, call(1, TOOL)))], last).choices[0].parts == (Text(text="Left."),)


def test_usage_is_what_was_sent_and_all_that_was_written() -> None:
    first = answer((call(1, TOOL),), uncached=10, cached=90, visible=20, reasoning=5)
    last = answer((Text(text="Left."),), uncached=40, cached=100, visible=7)
    assert joined([first], last).usage == Usage(uncached=10, cached=90, visible=27, reasoning=5)


def test_every_call_of_a_hidden_turn_has_a_result() -> None:
    asked = answer((Text(text="Hm."), call(1, "look"), call(2, TOOL), call(3, TOOL)))
    assistant, *results = turn(asked, TOOL, "Left.")
    assert assistant.parts == asked.choices[0].parts
    given_back = [(part.call_id, part.parts[0].text) for m in results for part in m.parts]  # type: ignore[union-attr]  # results of text
    assert given_back == [("call_1", NOT_CARRIED_OUT), ("call_2", "Left."), ("call_3", TOGETHER)]
