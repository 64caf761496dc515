"""A client's `/api/chat` body as a `ModelRequest`: types checked, every field read or kept.

Here a request that does not say otherwise is a stream.
"""

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Effort, Message, ModelRequest, ResponseFormat, Tool
from tiercel.wire import fields
from tiercel.wire.function_tools import read_function_tool
from tiercel.wire.ollama.message_decoder import MessageDecoder
from tiercel.wire.ollama.options import other_options, read_num_predict, read_sampling
from tiercel.wire.ollama.thinking import LEVELS, effort_for
from tiercel.wire.scan import parse_object

_KNOWN = frozenset(
    ("model", "messages", "stream", "format", "options", "think", "tools", "logprobs", "top_logprobs")
)


def decode_request(body: bytes) -> ModelRequest:
    """Raises `CallerError` naming the field."""
    source = parse_object(body)
    model = fields.text(source, "model", "model")
    if not model:
        raise CallerError("invalid_request", "model: expected a name, got an empty string", param="model")
    extra = fields.leftovers(source, _KNOWN)
    options = fields.optional_object(source, "options", "options") or {}
    sampling = read_sampling(options, source)
    limit = read_num_predict(options)
    if others := other_options(options):
        extra["options"] = others
    stream = fields.optional_flag(source, "stream", "stream")
    return ModelRequest(
        format="ollama",
        model=model,
        messages=_messages(source),
        raw=body,
        tools=_tools(source),
        response_format=_response_format(source.get("format")),
        max_output_tokens=limit,
        effort=_effort(source.get("think")),
        sampling=sampling,
        stream=stream is not False,
        include_usage=True,
        extra=extra,
    )


def _messages(source: JsonObject) -> tuple[Message, ...]:
    messages = fields.turns(source, "messages", "message")
    decoder = MessageDecoder()
    return tuple([decoder.decode(message, index) for index, message in enumerate(messages)])


def _effort(think: Json) -> Effort | None:
    effort = effort_for(think)
    if effort is None and think is not None:
        expected = ", ".join(f'"{level}"' for level in LEVELS)
        raise CallerError(
            "unsupported_value", f"think: expected true, false or one of {expected}", param="think"
        )
    return effort


def _response_format(value: Json) -> ResponseFormat | None:
    if value is None or value == "":
        return None
    if value == "json":
        return ResponseFormat(kind="json_object")
    if not isinstance(value, dict):
        fields.refuse("format", '"json" or a JSON Schema', value)
    return ResponseFormat(kind="json_schema", schema=value)


def _tools(source: JsonObject) -> tuple[Tool, ...]:
    tools = fields.optional_list(source, "tools", "tools") or []
    return tuple(read_function_tool(item, f"tools[{index}]") for index, item in enumerate(tools))
