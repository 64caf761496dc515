"""Scripted answers of every format, which nobody's codec wrote, are read by that format's codec."""

from typing import get_args

import pytest

from tiercel.domain.catalog import Target
from tiercel.domain.events import Fold
from tiercel.domain.request import Format
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.testing.replies import Called, Said, good_answer
from tiercel.testing.scripted import ScriptedProvider
from tiercel.wire.registry import CODECS

SAID = Said(
    text="two words",
    reasoning="hm, hm",
    calls=(Called(name="look", arguments='{"at":1}'), Called(name="look", arguments='{"at":2}', id="call_2")),
    finish="tool_calls",
    cached_tokens=3,
    reasoning_tokens=2,
)
cases = pytest.mark.parametrize("format", get_args(Format))
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def read(said: Said, format: Format, *, stream: bool) -> ModelResponse:
    target = Target(deployment=ScriptedProvider(format=format).deployment(), stream=stream)
    body = b"".join(good_answer(said, format, stream=stream).pieces)
    if not stream:
        return CODECS[format].decode_response(body, target)
    decoder, fold = CODECS[format].stream_decoder(target), Fold()
    for event in (*decoder.feed(body), *decoder.close()):
        fold.add(event)
    assert (fold.failure, fold.ended) == (None, True)
    return fold.response()


def only(response: ModelResponse) -> Choice:
    (choice,) = response.choices
    return choice


@cases
@both_ways
def test_text_thinking_and_calls_are_what_was_said(format: Format, stream: bool) -> None:
    choice = only(read(SAID, format, stream=stream))
    assert (choice.text, choice.reasoning) == ("two words", "hm, hm")
    assert [(call.name, call.arguments) for call in choice.tool_calls] == [
        ("look", '{"at":1}'),
        ("look", '{"at":2}'),
    ]
    assert choice.finish.reason == "tool_calls"


@cases
@both_ways
def test_tokens_are_counted_as_each_format_counts(format: Format, stream: bool) -> None:
    usage = read(SAID, format, stream=stream).usage
    assert usage is not None
    assert (usage.input, usage.output) == (10, 5)
    assert usage.cached == (0 if format == "ollama" else 3)
    whole = format in ("anthropic", "ollama")  # these have no place for thinking apart
    assert usage == Usage(
        uncached=10 - usage.cached,
        cached=usage.cached,
        visible=5 if whole else 3,
        reasoning=0 if whole else 2,
    )


@cases
@both_ways
@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_was_stopped_says_so(format: Format, stream: bool, finish: str) -> None:
    said = Said(text="so far", finish="length" if finish == "length" else "content_filter")
    read_as: Finish = only(read(said, format, stream=stream)).finish
    # Ollama has no filter, so none of its words means one
    assert read_as.reason == ("stop" if (format, finish) == ("ollama", "content_filter") else finish)
