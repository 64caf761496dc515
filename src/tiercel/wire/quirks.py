"""How servers that speak the same format differ: dated data with a source, one entry per kind of server.

An entry describes a server, never a model: what a model can do stands in its `Capabilities`. A provider names its
entry in `quirks`; a name that is not here means the careful defaults of `generic`.
"""

from typing import Literal

import msgspec

from tiercel.domain.json import JsonObject


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """One server's deviations. The defaults are what most compatible servers take."""

    source: str
    date: str
    path: str = "/chat/completions"
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_options: bool = True
    """Whether it takes `stream_options.include_usage`; without it streams may carry no usage."""
    developer_role: bool = False
    """Whether it knows the role `developer`; elsewhere that is sent as `system`."""
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    """Where thinking may stand in an answer; the first that has text is read."""
    reasoning_echo: str | None = None
    """The field of an assistant message in which its thinking is sent back, `None` where it is not taken."""
    effort_field: Literal["reasoning_effort", "reasoning"] = "reasoning_effort"
    """`reasoning` is OpenRouter's object with an `effort` in it."""
    ends_with_done: bool = False
    """Whether a stream always ends in `[DONE]`, so that one without it was cut off."""
    tool_call_extra: JsonObject = {}
    """Fields that tool calls of the history must have, for those whose client did not give back the ones they had."""
    body: JsonObject = {}
    """Fields added to every call."""
    schema_body: JsonObject = {}
    """Fields added to calls with a JSON schema."""


GENERIC = Quirks(source="the intersection of the servers below", date="2026-11-20")

QUIRKS: dict[str, Quirks] = {
    "generic": GENERIC,
    "openai": Quirks(
        source="https://platform.openai.com/docs/api-reference/chat",
        date="2026-11-20",
        max_tokens_field="max_completion_tokens",
        developer_role=True,
        ends_with_done=True,
    ),
    "openrouter": Quirks(
        source="https://openrouter.ai/docs/api-reference/chat-completion",
        date="2026-11-20",
        reasoning_fields=("reasoning", "reasoning_content"),
        reasoning_echo="reasoning",
        effort_field="reasoning",
        ends_with_done=True,
        body={"usage": {"include": True}},
        schema_body={"provider": {"require_parameters": True}},
    ),
    "vllm": Quirks(
        source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        date="2026-11-20",
        reasoning_fields=("reasoning", "reasoning_content"),
        reasoning_echo="reasoning",
    ),
    "sglang": Quirks(
        source="https://docs.sglang.ai/basic_usage/openai_api_completions.html",
        date="2026-11-20",
        reasoning_echo="reasoning_content",
    ),
    "llamacpp": Quirks(
        source="https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        date="2026-11-20",
        reasoning_echo="reasoning_content",
    ),
    "ollama": Quirks(
        source="https://docs.ollama.com/api/openai-compatibility",
        date="2026-11-20",
        reasoning_fields=("reasoning", "reasoning_content"),
    ),
    "stepfun": Quirks(
        source="https://platform.stepfun.com/docs/en/api-reference/chat/chat-completion-create",
        date="2026-11-20",
        reasoning_fields=("reasoning", "reasoning_content"),
        reasoning_echo="reasoning",
    ),
    "gemini_compat": Quirks(
        source="https://ai.google.dev/gemini-api/docs/thought-signatures",
        date="2026-11-20",
        tool_call_extra={
            "extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}
        },
    ),
    "anthropic": Quirks(
        source="https://docs.anthropic.com/en/api/messages",
        date="2026-11-20",
        path="/messages",
    ),
}


def quirks_named(name: str) -> Quirks:
    """The entry of this name, else the careful defaults."""
    return QUIRKS.get(name, GENERIC)
