"""What a client asks: one request in no vendor's shape, as a superset with nothing lost.

Messages keep their order (system messages stay where they stood). What we do not understand travels in `extra`, keyed
as the client's format spells it: re-sent to an upstream of the same format, reported as lost to any other.
"""

from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.json import Json, JsonObject

Format = Literal["openai_chat", "openai_responses", "anthropic", "gemini", "ollama"]
Role = Literal["system", "developer", "user", "assistant", "tool"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From least to most."""
ATTRIBUTION = "x-anthropic-billing-header:"
"""How the system message begins in which Claude Code says to Anthropic who pays: no instruction, and nobody else's."""
Modality = Literal["text", "image", "video", "audio", "file"]
MediaKind = Literal["image", "video", "audio", "file"]


class Text(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """A piece of text. `extra` keeps marks such as `cache_control`."""

    text: str
    extra: JsonObject = {}


class Media(msgspec.Struct, frozen=True, kw_only=True, tag="media"):
    """An image, video, audio clip or file: exactly one of `url` (http, https, gs), `data` (base64) and `file_id`."""

    kind: MediaKind
    url: str | None = None
    data: str | None = None
    mime_type: str | None = None
    file_id: str | None = None
    filename: str | None = None
    detail: str | None = None
    extra: JsonObject = {}


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """A call the model made. `arguments` is JSON text as received; `kind` "custom" carries free text instead."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    extra: JsonObject = {}


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """What a tool returned for the call `call_id`."""

    call_id: str
    parts: tuple["Text | Media", ...]
    is_error: bool = False
    extra: JsonObject = {}


class Reasoning(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning"):
    """A model's thinking. `signature` and `redacted` are opaque and valid only for the model that made them.

    `source` is the format whose shape the block has, so that no other upstream is sent it.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    source: Format | None = None
    extra: JsonObject = {}


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """Text with which the model declines, where its format says so apart."""

    text: str


class Opaque(msgspec.Struct, frozen=True, kw_only=True, tag="opaque"):
    """A content part that only the format `source` understands, kept verbatim."""

    source: Format
    raw: Json


Part: TypeAlias = Text | Media | ToolCall | ToolResult | Reasoning | Refusal | Opaque


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of the conversation. A tool's results stand in messages of role `tool`, one `ToolResult` part each."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    extra: JsonObject = {}

    @property
    def text(self) -> str:
        """The text of the message, its text parts joined by newlines."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool the model may call. `raw` is set for tools that only the format `source` understands."""

    name: str
    description: str = ""
    parameters: JsonObject | None = None
    strict: bool | None = None
    source: Format | None = None
    raw: JsonObject | None = None
    extra: JsonObject = {}


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the model may, must or must not call a tool; `names` limits which."""

    mode: Literal["none", "auto", "required", "named", "allowed"]
    names: tuple[str, ...] = ()
    raw: Json = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The shape the answer's text must have. `schema` is the client's own, never altered."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: JsonObject | bool | None = None
    strict: bool | None = None
    description: str | None = None

    @property
    def wants_json(self) -> bool:
        return self.kind != "text"


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How tokens are drawn; `None` means that the client did not say."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: JsonObject | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Hints(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the caller stated about its own request, by header or metadata; already validated. `agent` tells apart the
    conversations of one session, where its client does."""

    task: str | None = None
    risk: str | None = None
    latency: str | None = None
    residency: str | None = None
    session: str | None = None
    agent: str | None = None


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One client request. `raw` is its body as received, for the case where it can be sent on with nothing but the
    model's name changed; `None` when something was taken out of it (hints) or added."""

    format: Format
    model: str
    messages: tuple[Message, ...]
    raw: bytes | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_output_tokens: int | None = None
    effort: Effort | None = None
    sampling: Sampling = Sampling()
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    metadata: dict[str, str] = {}
    annotations: dict[str, str] = {}
    """What `metadata` carried for us under `tiercel.`, without that prefix: for hints and checks, never sent on."""
    user: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the client's format (such as `anthropic-beta`) that an upstream of the same format is sent too."""
    extra: JsonObject = {}
