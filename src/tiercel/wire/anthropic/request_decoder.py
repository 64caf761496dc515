"""A client's Messages body as a `ModelRequest`: types checked, every field read or kept."""

from typing import Literal, cast

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import (
    Media,
    Message,
    ModelRequest,
    Part,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
)
from tiercel.wire import fields
from tiercel.wire.anthropic.blocks import read_block
from tiercel.wire.anthropic.thinking import effort_for
from tiercel.wire.scan import parse_object

_KNOWN = frozenset(
    (
        "model",
        "messages",
        "system",
        "max_tokens",
        "metadata",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "tools",
        "tool_choice",
        "output_config",
    )
)
_MESSAGE = frozenset(("role", "content"))
_READABLE = (Text, Media)
_RESULT = frozenset(("type", "tool_use_id", "content", "is_error"))
_TOOL = frozenset(("type", "name", "description", "input_schema", "strict"))
_MODES: dict[str, Literal["none", "auto", "required", "named"]] = {
    "none": "none",
    "auto": "auto",
    "any": "required",
    "tool": "named",
}


def decode_request(body: bytes) -> ModelRequest:
    """Raises `CallerError` naming the field. `thinking` is read as an effort and kept as it is, too."""
    return read_request(parse_object(body), body)


def read_request(source: JsonObject, raw: bytes | None) -> ModelRequest:
    """The request in a parsed body."""
    extra = fields.leftovers(source, _KNOWN)
    output = fields.optional_object(source, "output_config", "output_config") or {}
    rest = fields.leftovers(output, frozenset(("effort", "format")))
    if rest:
        extra["output_config"] = rest
    metadata = dict(fields.text_map(source, "metadata", "metadata"))
    choice = fields.optional_object(source, "tool_choice", "tool_choice")
    model = fields.text(source, "model", "model")
    if not model:
        raise CallerError("invalid_request", "model: expected a name, got an empty string", param="model")
    max_tokens = fields.optional_integer(source, "max_tokens", "max_tokens", least=1)
    if max_tokens is None:
        fields.refuse("max_tokens", "an integer", None)
    return ModelRequest(
        format="anthropic",
        model=model,
        messages=(*_system(source.get("system")), *_messages(source)),
        raw=raw,
        tools=_tools(source),
        tool_choice=_tool_choice(choice),
        parallel_tool_calls=_parallel(choice),
        response_format=_response_format(output),
        max_output_tokens=max_tokens,
        effort=fields.effort(output, "effort", "output_config.effort") or effort_for(source.get("thinking")),
        sampling=_sampling(source),
        stream=fields.optional_flag(source, "stream", "stream") or False,
        include_usage=True,
        user=metadata.pop("user_id", None),
        metadata=metadata,
        extra=extra,
    )


def _system(value: Json) -> list[Message]:
    """One message per block, so that the blocks' borders (and marks for the cache) stay where they are."""
    if value is None:
        return []
    if isinstance(value, str):
        return [Message(role="system", parts=(Text(text=value),))] if value else []
    if not isinstance(value, list):
        fields.refuse("system", "a string or a list of text blocks", value)
    blocks = [_block(item, f"system[{index}]") for index, item in enumerate(value)]
    return [Message(role="system", parts=(block,)) for block in blocks]


def _messages(source: JsonObject) -> list[Message]:
    messages: list[Message] = []
    for index, item in enumerate(fields.turns(source, "messages", "message")):
        messages += _message(item, f"messages[{index}]")
    return messages


def _message(item: Json, param: str) -> list[Message]:
    """One turn; the results of tools in it become messages of their own."""
    source = fields.as_object(item, param)
    role = source.get("role")
    if role not in ("user", "assistant", "system"):
        fields.refuse(f"{param}.role", "user, assistant or system", role)
    content = source.get("content")
    extra = fields.leftovers(source, _MESSAGE)
    if isinstance(content, str):
        return [Message(role=role, parts=(Text(text=content),), extra=extra)]
    if not isinstance(content, list):
        fields.refuse(f"{param}.content", "a string or a list of blocks", content)
    messages: list[Message] = []
    parts: list[Part] = []
    for index, value in enumerate(content):
        block = _block(value, f"{param}.content[{index}]")
        if not isinstance(block, ToolResult):
            parts.append(block)
            continue
        if parts:
            messages.append(Message(role=cast(Role, role), parts=tuple(parts), extra=extra))
            parts = []
        messages.append(Message(role="tool", parts=(block,)))
    if parts or not messages:
        messages.append(Message(role=cast(Role, role), parts=tuple(parts), extra=extra))
    return messages


def _block(value: Json, param: str) -> Part:
    block = fields.as_object(value, param)
    kind = block.get("type")
    if not isinstance(kind, str):
        fields.refuse(f"{param}.type", "a string", kind)
    if kind == "tool_result":
        return _tool_result(block, param)
    if kind == "text":
        if not isinstance(block.get("text"), str):
            fields.refuse(f"{param}.text", "a string", block.get("text"))
    elif kind == "tool_use":
        fields.text(block, "id", f"{param}.id")
        fields.text(block, "name", f"{param}.name")
        fields.optional_object(block, "input", f"{param}.input")
    elif kind in ("image", "document"):
        fields.as_object(block.get("source"), f"{param}.source")
    return read_block(block)


def _tool_result(block: JsonObject, param: str) -> ToolResult:
    content = block.get("content")
    extra = fields.leftovers(block, _RESULT)
    parts: tuple[Part, ...] = ()
    if isinstance(content, str):
        parts = (Text(text=content),)
    elif isinstance(content, list):
        parts = tuple([_block(item, f"{param}.content[{index}]") for index, item in enumerate(content)])
    elif content is not None:
        fields.refuse(f"{param}.content", "a string or a list of blocks", content)
    readable = tuple([part for part in parts if isinstance(part, _READABLE)])
    if len(readable) < len(parts):
        extra["content"] = content  # holds blocks that only this format knows
    return ToolResult(
        call_id=fields.text(block, "tool_use_id", f"{param}.tool_use_id"),
        parts=readable,
        is_error=fields.optional_flag(block, "is_error", f"{param}.is_error") or False,
        extra=extra,
    )


def _response_format(output: JsonObject) -> ResponseFormat | None:
    wanted = fields.optional_object(output, "format", "output_config.format")
    if wanted is None:
        return None
    kind = fields.text(wanted, "type", "output_config.format.type")
    if kind != "json_schema":
        raise CallerError(
            "unsupported_value",
            'output_config.format.type: expected "json_schema"',
            param="output_config.format.type",
        )
    schema = fields.as_object(wanted.get("schema"), "output_config.format.schema")
    return ResponseFormat(kind="json_schema", schema=schema)


def _sampling(source: JsonObject) -> Sampling:
    stops = fields.optional_list(source, "stop_sequences", "stop_sequences") or []
    for index, stop in enumerate(stops):
        if not isinstance(stop, str):
            fields.refuse(f"stop_sequences[{index}]", "a string", stop)
    return Sampling(
        temperature=fields.optional_number(source, "temperature", "temperature"),
        top_p=fields.optional_number(source, "top_p", "top_p"),
        top_k=fields.optional_integer(source, "top_k", "top_k"),
        stop=tuple(stops),
    )


def _tools(source: JsonObject) -> tuple[Tool, ...]:
    listed = fields.optional_list(source, "tools", "tools")
    return tuple([_tool(item, f"tools[{index}]") for index, item in enumerate(listed)]) if listed else ()


def _tool(item: Json, param: str) -> Tool:
    tool = fields.as_object(item, param)
    kind = fields.optional_text(tool, "type", f"{param}.type")
    if kind not in (None, "custom"):
        name = tool.get("name")
        return Tool(name=name if isinstance(name, str) else str(kind), source="anthropic", raw=tool)
    return Tool(
        name=fields.text(tool, "name", f"{param}.name"),
        description=fields.optional_text(tool, "description", f"{param}.description") or "",
        parameters=fields.as_object(tool.get("input_schema"), f"{param}.input_schema"),
        strict=fields.optional_flag(tool, "strict", f"{param}.strict"),
        extra=fields.leftovers(tool, _TOOL),
    )


def _tool_choice(choice: JsonObject | None) -> ToolChoice | None:
    if choice is None:
        return None
    kind = fields.text(choice, "type", "tool_choice.type")
    mode = _MODES.get(kind)
    if mode is None:
        raise CallerError(
            "unsupported_value",
            f"tool_choice.type: expected one of {', '.join(_MODES)}",
            param="tool_choice.type",
        )
    names = (fields.text(choice, "name", "tool_choice.name"),) if mode == "named" else ()
    return ToolChoice(mode=mode, names=names)


def _parallel(choice: JsonObject | None) -> bool | None:
    if choice is None:
        return None
    disabled = fields.optional_flag(
        choice, "disable_parallel_tool_use", "tool_choice.disable_parallel_tool_use"
    )
    return None if disabled is None else not disabled
