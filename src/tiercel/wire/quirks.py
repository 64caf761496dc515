"""How servers that speak the same format differ: dated data with a source, one entry per kind of server.

An entry describes a server, never a model: what a model can do stands in its `Capabilities`. A provider names its
entry in `quirks`; a name that is not here means the careful defaults of `generic`.
"""

from typing import Literal
from urllib.parse import quote

import msgspec

from tiercel.domain.catalog import Deployment
from tiercel.domain.json import JsonObject
from tiercel.wire.paths import path_below

Auth = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key"]
"""The header that carries the credential: `authorization: Bearer …`, or the header of that name."""
UsagePlace = Literal["x_groq", "choice"]


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """One server's deviations. The defaults are what most compatible servers take."""

    source: str
    date: str
    auth: Auth | None = None
    """Where it wants the credential, `None` for where its format has it."""
    prefix: str = ""
    """What stands before the path of every call; `{upstream_name}` in it is the deployment's name there."""
    query: str = ""
    """What follows the path of every call, after a question mark; the provider's `base_url` may say it otherwise."""
    path: str = "/chat/completions"
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_options: bool = True
    """Whether it takes `stream_options.include_usage`; without it streams may carry no usage."""
    developer_role: bool = False
    """Whether it knows the role `developer`; elsewhere that is sent as `system`."""
    message_names: bool = True
    """Whether messages may carry a `name`."""
    media_urls: bool = True
    """Whether it fetches pictures from their addresses; elsewhere they must stand in the request."""
    rejects: tuple[str, ...] = ()
    """Fields that it refuses or silently ignores, whatever the model; they are dropped and reported as lost."""
    extra_fields: tuple[str, ...] | None = None
    """The fields beside those we read that it takes; `None` where any is taken or ignored."""
    renamed: dict[str, str] = {}
    """Its own names for sampling fields, and for an embedding's `dimensions`."""
    max_stops: int | None = None
    """How many stop sequences it takes."""
    schemas: bool = True
    """Whether an answer can be held to a JSON Schema; elsewhere JSON is asked for, and the schema in words."""
    custom_tools: bool = False
    """Whether it takes tools of free text in Chat Completions; elsewhere they become functions with one string."""
    tool_choice: bool = True
    """Whether it heeds `tool_choice`; elsewhere tools that must not be called are left out, and none can be forced."""
    required_word: Literal["required", "any"] = "required"
    """Its word for a choice that demands some call."""
    tool_id_length: int | None = None
    """The one length that ids of tool calls must have, made of letters and digits."""
    tool_call_extra: JsonObject = {}
    """Fields that tool calls of the history must have, for those whose client did not give back the ones they had."""
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    """Where thinking may stand in an answer; the first that has text is read."""
    reasoning_echo: str | None = None
    """The field of an assistant message in which its thinking is sent back, `None` where it is not taken."""
    reasoning_details: bool = False
    """Whether it seals thinking in `reasoning_details`, and takes them back."""
    echo_demanded: bool = False
    """Whether that field must be there, even empty, in every assistant message that calls tools."""
    effort_field: Literal["reasoning_effort", "reasoning"] = "reasoning_effort"
    """`reasoning` is OpenRouter's object with an `effort` in it."""
    no_thinking: JsonObject = {}
    """The fields that say effort `none`, where that is no word of its effort field."""
    embeds_tokens: bool = True
    """Whether what is embedded may be given as token ids."""
    usage_places: tuple[UsagePlace, ...] = ()
    """Where a stream's usage may stand beside a chunk's own `usage`."""
    body: JsonObject = {}
    """Fields added to every call."""
    schema_body: JsonObject = {}
    """Fields added to calls with a JSON schema."""


GENERIC = Quirks(source="the intersection of the servers below", date="2026-11-20")
_TEMPLATE_OFF: JsonObject = {"chat_template_kwargs": {"enable_thinking": False}}
_THINKING_OFF: JsonObject = {"thinking": {"type": "disabled"}}

QUIRKS: dict[str, Quirks] = {
    "generic": GENERIC,
    "openai": Quirks(
        source="https://platform.openai.com/docs/api-reference/chat",
        date="2026-11-20",
        max_tokens_field="max_completion_tokens",
        developer_role=True,
        custom_tools=True,
        max_stops=4,
    ),
    # The address without a version, which OpenAI's own clients are pointed at too.
    "azure": Quirks(
        source="https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle",
        date="2026-11-20",
        auth="api-key",
        prefix="/openai/v1",
        max_tokens_field="max_completion_tokens",
        developer_role=True,
        custom_tools=True,
        max_stops=4,
    ),
    # The older address with the deployment in it; the version is the last that was declared stable there.
    "azure_deployments": Quirks(
        source="https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference",
        date="2026-11-20",
        auth="api-key",
        prefix="/openai/deployments/{upstream_name}",
        query="api-version=2024-10-21",
        max_tokens_field="max_completion_tokens",
        developer_role=True,
        custom_tools=True,
        max_stops=4,
    ),
    "openrouter": Quirks(
        source="https://openrouter.ai/docs/api-reference/chat-completion",
        date="2026-11-20",
        auth="bearer",
        reasoning_fields=("reasoning", "reasoning_content"),
        reasoning_echo="reasoning",
        reasoning_details=True,
        effort_field="reasoning",
        body={"usage": {"include": True}},
        schema_body={"provider": {"require_parameters": True}},
    ),
    "vllm": Quirks(
        source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        date="2026-11-20",
        reasoning_fields=("reasoning", "reasoning_content"),
        reasoning_echo="reasoning",
        no_thinking=_TEMPLATE_OFF,
    ),
    "sglang": Quirks(
        source="https://docs.sglang.ai/basic_usage/openai_api_completions.html",
        date="2026-11-20",
        reasoning_echo="reasoning_content",
        no_thinking=_TEMPLATE_OFF,
    ),
    "llamacpp": Quirks(
        source="https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        date="2026-11-20",
        reasoning_echo="reasoning_content",
        no_thinking=_TEMPLATE_OFF,
    ),
    # What its page lists and does not tick is ignored without a word.
    "ollama": Quirks(
        source="https://docs.ollama.com/api/openai-compatibility",
        date="2026-11-20",
        media_urls=False,
        rejects=("logit_bias", "user", "parallel_tool_calls"),
        tool_choice=False,
        embeds_tokens=False,
        reasoning_fields=("reasoning", "reasoning_content"),
    ),
    "stepfun": Quirks(
        source="https://platform.stepfun.com/docs/en/api-reference/chat/chat-completion-create",
        date="2026-11-20",
        reasoning_fields=("reasoning", "reasoning_content"),
        reasoning_echo="reasoning",
    ),
    # Every assistant turn that called tools must give its thinking back, in all later requests; an empty one counts.
    "deepseek": Quirks(
        source="https://api-docs.deepseek.com/guides/thinking_mode",
        date="2026-11-20",
        max_stops=16,
        schemas=False,
        reasoning_echo="reasoning_content",
        echo_demanded=True,
        no_thinking=_THINKING_OFF,
    ),
    # It answers 422 to every field it does not know.
    "mistral": Quirks(
        source="https://docs.mistral.ai/api/endpoint/chat",
        date="2026-11-20",
        stream_options=False,
        message_names=False,
        rejects=("logit_bias", "logprobs", "top_logprobs", "top_k", "user"),
        extra_fields=("guardrails", "prediction", "prompt_mode", "safe_prompt"),
        renamed={"seed": "random_seed", "dimensions": "output_dimension"},
        embeds_tokens=False,
        required_word="any",
        tool_id_length=9,
    ),
    "xai": Quirks(
        source="https://docs.x.ai/docs/api-reference",
        date="2026-11-20",
        max_tokens_field="max_completion_tokens",
        rejects=("logit_bias",),
    ),
    # It answers 400 to the fields rejected here.
    "groq": Quirks(
        source="https://console.groq.com/docs/openai",
        date="2026-11-20",
        max_tokens_field="max_completion_tokens",
        message_names=False,
        rejects=("logit_bias", "logprobs", "top_logprobs"),
        max_stops=4,
        reasoning_fields=("reasoning", "reasoning_content"),
        usage_places=("x_groq",),
    ),
    "moonshot": Quirks(
        source="https://platform.kimi.ai/docs/api/chat",
        date="2026-11-20",
        max_tokens_field="max_completion_tokens",
        media_urls=False,
        max_stops=5,
        reasoning_echo="reasoning_content",
        no_thinking=_THINKING_OFF,
        usage_places=("choice",),
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
    # Google's models in Google Cloud: the same format, with a token of the cloud in place of a key.
    "vertex": Quirks(
        source="https://cloud.google.com/vertex-ai/generative-ai/docs/start/api-keys",
        date="2026-11-20",
        auth="bearer",
    ),
}


def quirks_named(name: str) -> Quirks:
    """The entry of this name, else the careful defaults."""
    return QUIRKS.get(name, GENERIC)


def call_path(deployment: Deployment, path: str) -> str:
    """Where below the provider's `base_url` a call of this path goes. What the base already says is not said twice."""
    provider = deployment.provider
    quirks = quirks_named(provider.quirks)
    if quirks.prefix:
        prefix = quirks.prefix.replace("{upstream_name}", quote(deployment.upstream_name, safe=""))
        path = path_below(provider.base_url, prefix + path)
    return f"{path}?{quirks.query}" if quirks.query else path
