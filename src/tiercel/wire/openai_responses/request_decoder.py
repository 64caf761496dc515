"""A client's Responses body as a `ModelRequest`: types checked, every field read or kept.

What asks for state that a provider holds (`previous_response_id` and its kin) is kept like any unread field;
`needs_server_state` names it, and who routes the request decides.
"""

from typing import Literal, cast

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import (
    Message,
    ModelRequest,
    Opaque,
    Part,
    ResponseFormat,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)
from tiercel.wire import fields
from tiercel.wire.openai_responses.item_decoder import decode_input
from tiercel.wire.openai_responses.own_fields import FORMAT
from tiercel.wire.scan import parse_object

LOGPROBS = "message.output_text.logprobs"
INSTRUCTIONS = "instructions"
"""The mark of the leading system message that came as `instructions`."""
_STATE = ("previous_response_id", "conversation", "background", "prompt")
_KNOWN = frozenset(
    (
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "stream",
        "metadata",
        "user",
        "text",
        "reasoning",
        "include",
    )
)
_TOOL = frozenset(("type", "name", "description", "parameters", "strict"))


def decode_request(body: bytes) -> ModelRequest:
    """Raises `CallerError` naming the field."""
    source = parse_object(body)
    extra = fields.leftovers(source, _KNOWN)
    text = fields.optional_object(source, "text", "text") or {}
    reasoning = fields.optional_object(source, "reasoning", "reasoning") or {}
    _keep_rest(extra, "text", text, "format")
    _keep_rest(extra, "reasoning", reasoning, "effort")
    include = _include(source)
    others = [name for name in include if name != LOGPROBS]
    if others:
        extra["include"] = others
    model = fields.text(source, "model", "model")
    if not model:
        raise CallerError("invalid_request", "model: expected a name, got an empty string", param="model")
    return ModelRequest(
        format=FORMAT,
        model=model,
        messages=_messages(source),
        raw=body,
        tools=_tools(source),
        tool_choice=_tool_choice(source.get("tool_choice")),
        parallel_tool_calls=fields.optional_flag(source, "parallel_tool_calls", "parallel_tool_calls"),
        response_format=_response_format(text),
        max_output_tokens=fields.optional_integer(source, "max_output_tokens", "max_output_tokens", least=1),
        effort=fields.effort(reasoning, "effort", "reasoning.effort"),
        sampling=Sampling(
            temperature=fields.optional_number(source, "temperature", "temperature"),
            top_p=fields.optional_number(source, "top_p", "top_p"),
            logprobs=True if LOGPROBS in include else None,
            top_logprobs=fields.optional_integer(source, "top_logprobs", "top_logprobs", least=0),
        ),
        stream=fields.optional_flag(source, "stream", "stream") or False,
        include_usage=True,
        metadata=fields.text_map(source, "metadata", "metadata"),
        user=fields.optional_text(source, "user", "user"),
        extra=extra,
    )


def needs_server_state(request: ModelRequest) -> str | None:
    """The field with which a client of this format asks for what only the provider of an earlier answer has.

    `None` where the request stands for itself. Without that provider such a request cannot be served.
    """
    if request.format != FORMAT:
        return None
    for name in _STATE:
        if request.extra.get(name):
            return name
    parts = (part for message in request.messages for part in message.parts)
    return "input" if any(_is_reference(part) for part in parts) else None


def _is_reference(part: Part) -> bool:
    return (
        isinstance(part, Opaque) and isinstance(part.raw, dict) and part.raw.get("type") == "item_reference"
    )


def _keep_rest(extra: JsonObject, key: str, value: JsonObject, *known: str) -> None:
    rest = fields.leftovers(value, frozenset(known))
    if rest:
        extra[key] = rest


def _include(source: JsonObject) -> list[str]:
    listed = fields.optional_list(source, "include", "include") or []
    for index, name in enumerate(listed):
        if not isinstance(name, str):
            fields.refuse(f"include[{index}]", "a string", name)
    return listed


def _messages(source: JsonObject) -> tuple[Message, ...]:
    instructions = fields.optional_text(source, "instructions", "instructions")
    leading: list[Message] = []
    if instructions is not None:
        mark: JsonObject = {FORMAT: {INSTRUCTIONS: True}}
        leading.append(Message(role="system", parts=(Text(text=instructions),), extra=mark))
    given = source.get("input")
    if given is None and any(source.get(name) for name in _STATE):
        return tuple(leading)
    messages = decode_input(given)
    if not messages:
        raise CallerError("invalid_request", "input: expected at least one item", param="input")
    return (*leading, *messages)


def _response_format(text: JsonObject) -> ResponseFormat | None:
    wanted = fields.optional_object(text, "format", "text.format")
    if wanted is None:
        return None
    kind = fields.text(wanted, "type", "text.format.type")
    if kind in ("text", "json_object"):
        return ResponseFormat(kind="text" if kind == "text" else "json_object")
    if kind != "json_schema":
        raise CallerError(
            "unsupported_value",
            'text.format.type: expected "text", "json_object" or "json_schema"',
            param="text.format.type",
        )
    schema = wanted.get("schema")
    if not isinstance(schema, dict | bool):
        fields.refuse("text.format.schema", "an object", schema)
    return ResponseFormat(
        kind="json_schema",
        name=fields.optional_text(wanted, "name", "text.format.name"),
        schema=schema,
        strict=fields.optional_flag(wanted, "strict", "text.format.strict"),
        description=fields.optional_text(wanted, "description", "text.format.description"),
    )


def _tools(source: JsonObject) -> tuple[Tool, ...]:
    listed = fields.optional_list(source, "tools", "tools")
    return tuple([_tool(item, f"tools[{index}]") for index, item in enumerate(listed)]) if listed else ()


def _tool(item: Json, param: str) -> Tool:
    tool = fields.as_object(item, param)
    kind = fields.text(tool, "type", f"{param}.type")
    if kind != "function":
        name = tool.get("name")
        return Tool(name=name if isinstance(name, str) else kind, source=FORMAT, raw=tool)
    return Tool(
        name=fields.text(tool, "name", f"{param}.name"),
        description=fields.optional_text(tool, "description", f"{param}.description") or "",
        parameters=fields.optional_object(tool, "parameters", f"{param}.parameters"),
        strict=fields.optional_flag(tool, "strict", f"{param}.strict"),
        extra=fields.leftovers(tool, _TOOL),
    )


def _tool_choice(value: Json) -> ToolChoice | None:
    """A hosted tool's choice is that of a tool named like its type."""
    if value is None:
        return None
    if value in ("none", "auto", "required"):
        return ToolChoice(mode=cast(Literal["none", "auto", "required"], value))
    if not isinstance(value, dict):
        fields.refuse("tool_choice", '"none", "auto", "required" or an object', value)
    kind = fields.text(value, "type", "tool_choice.type")
    if kind == "allowed_tools":
        listed = fields.optional_list(value, "tools", "tool_choice.tools") or []
        names = [_allowed_name(item, f"tool_choice.tools[{i}]") for i, item in enumerate(listed)]
        return ToolChoice(mode="allowed", names=tuple(names), raw=value)
    if kind == "function":
        return ToolChoice(mode="named", names=(fields.text(value, "name", "tool_choice.name"),))
    name = fields.optional_text(value, "name", "tool_choice.name")
    return ToolChoice(mode="named", names=(name or kind,), raw=value)


def _allowed_name(item: Json, param: str) -> str:
    tool = fields.as_object(item, param)
    return fields.optional_text(tool, "name", f"{param}.name") or fields.text(tool, "type", f"{param}.type")
