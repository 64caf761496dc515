"""What somebody pasted is read as what it is; what it states about itself counts unless something else is stated."""

from typing import Any

import msgspec
import pytest

from tiercel.domain.errors import CallerError
from tiercel.gateway.explaining import Pasted, asked, form_of

USER = {"role": "user", "content": "Hi"}
TOOL: dict[str, Any] = {"name": "look", "input_schema": {"type": "object"}}


def parts(part: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ({"messages": [USER]}, "openai_chat"),
        (parts({"type": "text", "text": "Hi"}), "openai_chat"),
        (parts({"type": "image_url", "image_url": {"url": "data:,"}}), "openai_chat"),
        ({"messages": [USER], "tools": [{"type": "function", "function": TOOL}]}, "openai_chat"),
        ({"messages": "none"}, "openai_chat"),
        ({"messages": [USER], "system": "Be brief."}, "anthropic"),
        ({"messages": [USER], "tools": [TOOL]}, "anthropic"),
        ({"messages": [USER], "thinking": {"type": "adaptive"}}, "anthropic"),
        (parts({"type": "image", "source": {"type": "base64"}}), "anthropic"),
        (parts({"type": "tool_result", "tool_use_id": "1"}), "anthropic"),
        ({"input": "Hi"}, "openai_responses"),
        ({"contents": []}, "gemini"),
    ],
)
def test_a_body_tells_its_format(body: dict[str, Any], form: Pasted) -> None:
    assert form_of(b"\n " + msgspec.json.encode(body)) == form


@pytest.mark.parametrize("text", [b"Say hello", b"", b"[1, 2]", b"say {this}"])
def test_everything_else_is_a_prompt(text: bytes) -> None:
    assert form_of(text) == "prompt"


@pytest.mark.parametrize("text", [b"{", b'{"a": 1}', b'{"input": 1, "input": 2}', b'{"a":' * 9_999])
def test_what_begins_like_an_object_and_is_no_request_is_refused(text: bytes) -> None:
    with pytest.raises(CallerError):
        form_of(text)


def test_an_object_may_be_a_prompt_where_that_is_said() -> None:
    request, _ = asked(b'{"a": 1}', form="prompt")
    assert request.model == "auto"


def test_gemini_names_its_model_elsewhere() -> None:
    body = b'{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}'
    assert asked(body, model="fast")[0].model == "fast"


def test_what_is_stated_counts_before_metadata_which_leaves_the_request() -> None:
    metadata = {"tiercel.task": "coding", "tiercel.risk": "high", "team": "search"}
    body = msgspec.json.encode({"model": "auto", "messages": [USER], "metadata": metadata})
    request, hints = asked(body, stated={"task": ("summary", "--task")})
    assert (hints.task, hints.risk) == ("summary", "high")
    assert request.metadata == {"team": "search"}


def test_a_hint_that_is_none_names_where_it_stood() -> None:
    with pytest.raises(CallerError, match=r"--risk: 'extreme' is not one of"):
        asked(b"Hi", stated={"risk": ("extreme", "--risk")})
