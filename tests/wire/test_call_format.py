"""A provider is called in the client's format where it knows that, and in Responses where only that will do."""

from typing import Any

import pytest

from tiercel.domain.catalog import Capabilities, Deployment, Model, Provider, Target
from tiercel.domain.request import Message, ModelRequest, Text, Tool
from tiercel.wire.call_format import call_format

BOTH: Any = ("openai_chat", "openai_responses")


def target(*, speaks: Any = BOTH, effort: Any = None, **capabilities: Any) -> Target:
    model = Model(name="m", capabilities=Capabilities(efforts=("low", "high"), **capabilities))
    provider = Provider(name="p", format="openai_chat", speaks=speaks, base_url="http://127.0.0.1:1/v1")
    deployment = Deployment(name="d", model=model, provider=provider, upstream_name="m")
    return Target(deployment=deployment, effort=effort)


def request(format: Any, *tools: Tool) -> ModelRequest:
    messages = (Message(role="user", parts=(Text(text="go"),)),)
    return ModelRequest(format=format, model="m", messages=messages, tools=tools)


@pytest.mark.parametrize(
    ("format", "speaks", "expected"),
    [
        ("openai_responses", BOTH, "openai_responses"),
        ("openai_chat", BOTH, "openai_chat"),
        ("anthropic", BOTH, "openai_chat"),
        ("openai_responses", (), "openai_chat"),
    ],
)
def test_the_clients_own_format_comes_first(format: Any, speaks: Any, expected: str) -> None:
    assert call_format(request(format), target(speaks=speaks)) == expected


@pytest.mark.parametrize(
    ("effort", "tools", "expected"),
    [
        ("high", (Tool(name="f"),), "openai_responses"),
        ("none", (Tool(name="f"),), "openai_chat"),
        (None, (Tool(name="f"),), "openai_chat"),
        ("high", (), "openai_chat"),
    ],
)
def test_tools_with_an_effort_go_by_responses_where_chat_refuses_them(
    effort: Any, tools: Any, expected: str
) -> None:
    """T42."""
    assert (
        call_format(request("openai_chat", *tools), target(effort=effort, tools_with_effort=False))
        == expected
    )


def test_where_responses_is_not_spoken_chat_has_to_do() -> None:
    deaf = target(speaks=(), effort="high", tools_with_effort=False)
    assert call_format(request("openai_chat", Tool(name="f")), deaf) == "openai_chat"
