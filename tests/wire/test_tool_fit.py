"""Tools of any name and kind, made to fit the format of whoever is called, and calls of them turned back."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.events import ArgumentsDelta, End, Finished, Fold, ToolCallStart, unfold
from tiercel.domain.request import Format, Message, ModelRequest, Text, Tool, ToolCall, ToolChoice
from tiercel.domain.response import Choice, Finish, ModelResponse
from tiercel.wire.tool_fit import MAX_NAME, ToolFit, fit_tools, legal_name

PATCH: Any = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Changes files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}
DOTTED = "files.read"


def request(*tools: Tool, **more: Any) -> ModelRequest:
    said = Message(role="user", parts=(Text(text="go"),))
    fields: Any = {"format": "openai_responses", "model": "m", "messages": (said,), **more}
    return ModelRequest(tools=tools, **fields)


def fitted(
    asked: ModelRequest, format: Format, *, takes_custom: bool = False
) -> tuple[ModelRequest, ToolFit]:
    changed, fit = fit_tools(asked, format, takes_custom=takes_custom)
    assert fit is not None
    return changed, fit


def answer(*calls: ToolCall) -> ModelResponse:
    return ModelResponse(choices=(Choice(parts=calls, finish=Finish(reason="tool_calls")),))


@given(
    st.text(min_size=1, max_size=200),
    st.sampled_from(["openai_chat", "anthropic", "gemini", "openai_responses"]),
)
def test_every_name_becomes_a_legal_one(name: str, format: Any) -> None:
    """T48."""
    pattern = r"[a-zA-Z_][a-zA-Z0-9_.-]{0,63}" if format == "gemini" else r"[a-zA-Z0-9_-]{1,64}"
    assert re.fullmatch(pattern, legal_name(name, format))


@given(st.lists(st.text(alphabet="ab._/ ", min_size=1, max_size=70), min_size=2, max_size=6, unique=True))
def test_different_names_stay_different(names: list[str]) -> None:
    assert len({legal_name(name, "anthropic") for name in names}) == len(names)


def test_legal_names_stay_and_ollama_takes_any() -> None:
    assert legal_name("weather", "anthropic") == "weather"
    assert legal_name(DOTTED, "gemini") == DOTTED
    assert legal_name("läuft so", "ollama") == "läuft so"
    assert len(legal_name("x" * 65, "anthropic")) == MAX_NAME


def test_a_name_is_the_same_wherever_it_stands_and_comes_back_in_the_answer() -> None:
    """T48."""
    call = ToolCall(id="c1", name=DOTTED, arguments="{}")
    asked = request(
        Tool(name=DOTTED),
        messages=(Message(role="assistant", parts=(call,)),),
        tool_choice=ToolChoice(mode="named", names=(DOTTED,)),
    )
    sent, fit = fitted(asked, "anthropic", takes_custom=True)
    name = legal_name(DOTTED, "anthropic")
    assert sent.tools[0].name == name
    assert sent.messages[0].parts == (ToolCall(id="c1", name=name, arguments="{}"),)
    assert sent.tool_choice == ToolChoice(mode="named", names=(name,))
    restored = fit.restored(answer(ToolCall(id="c2", name=name, arguments="{}")))
    assert restored.choices[0].tool_calls[0].name == DOTTED


def test_nothing_changes_where_nothing_has_to() -> None:
    asked = request(Tool(name="weather"))
    assert fit_tools(asked, "anthropic", takes_custom=False) == (asked, None)
    own = request(Tool(name=DOTTED), format="openai_chat")
    assert fit_tools(own, "openai_chat", takes_custom=True) == (own, None)


def test_a_custom_tool_becomes_a_function_with_one_string() -> None:
    sent, _ = fitted(request(Tool(name="apply_patch", source="openai_responses", raw=PATCH)), "anthropic")
    tool = sent.tools[0]
    assert tool.raw is None
    assert tool.parameters is not None
    assert list(tool.parameters["properties"]) == ["input"]
    assert tool.description.startswith("Changes files.")
    assert "start: /.+/" in tool.description


def test_its_calls_travel_as_json_and_come_back_as_text() -> None:
    history = ToolCall(id="c1", name="apply_patch", arguments="*** Begin\n", kind="custom")
    asked = request(
        Tool(name="apply_patch", source="openai_responses", raw=PATCH),
        messages=(Message(role="assistant", parts=(history,)),),
    )
    sent, fit = fitted(asked, "gemini")
    (travelling,) = sent.messages[0].parts
    assert isinstance(travelling, ToolCall)
    assert (travelling.kind, json.loads(travelling.arguments)) == ("function", {"input": "*** Begin\n"})
    back = fit.restored(answer(travelling)).choices[0].tool_calls[0]
    assert (back.kind, back.arguments) == ("custom", "*** Begin\n")


@pytest.mark.parametrize("arguments", ["plain words", '{"other": 1}', '{"input": 3}', '{"input": "cut'])
def test_arguments_that_are_not_what_was_asked_are_taken_for_the_text(arguments: str) -> None:
    _, fit = fitted(request(Tool(name="apply_patch", source="openai_responses", raw=PATCH)), "anthropic")
    call = ToolCall(id="c", name="apply_patch", arguments=arguments)
    assert fit.restored(answer(call)).choices[0].tool_calls[0].arguments == arguments


def test_a_stream_says_the_same_as_the_whole_answer() -> None:
    calls = (
        ToolCall(id="c1", name="apply_patch", arguments='{"input": "a\\nb"}'),
        ToolCall(id="c2", name=legal_name(DOTTED, "anthropic"), arguments='{"x": 1}'),
        ToolCall(id="c3", name="apply_patch", arguments='{"input": ""}'),
    )
    tools = (Tool(name="apply_patch", source="openai_responses", raw=PATCH), Tool(name=DOTTED))
    _, whole = fitted(request(*tools), "anthropic")
    _, streaming = fitted(request(*tools), "anthropic")
    fold = Fold()
    for event in unfold(answer(*calls)):
        for restored in streaming.restored_events([event]):
            fold.add(restored)
    assert fold.response().choices[0].tool_calls == whole.restored(answer(*calls)).choices[0].tool_calls


def test_pieces_of_a_custom_input_wait_until_it_is_whole() -> None:
    _, fit = fitted(request(Tool(name="apply_patch", source="openai_responses", raw=PATCH)), "anthropic")
    start = ToolCallStart(index=0, id="c", name="apply_patch")
    pieces = [ArgumentsDelta(index=0, text='{"input": "a'), ArgumentsDelta(index=0, text='b"}')]
    assert fit.restored_events([start, *pieces]) == [
        ToolCallStart(index=0, id="c", name="apply_patch", kind="custom")
    ]
    last = fit.restored_events([Finished(finish=Finish(reason="tool_calls")), End()])
    assert last[0] == ArgumentsDelta(index=0, text="ab")
    assert [type(event) for event in last[1:]] == [Finished, End]
