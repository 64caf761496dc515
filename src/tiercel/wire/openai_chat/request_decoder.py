"""A client's Chat Completions body as a `ModelRequest`: types checked, every field read or kept."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias, cast

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import (
    ModelRequest,
    ResponseFormat,
    Sampling,
    Tool,
    ToolChoice,
)
from tiercel.wire import fields
from tiercel.wire.function_tools import read_function_tool
from tiercel.wire.openai_chat.message_decoder import decode_messages
from tiercel.wire.scan import parse_object

MAX_CHOICES = 8

_NO_SAMPLING = Sampling()
Reader: TypeAlias = Callable[[JsonObject, str, str], Any]
_at_least_one: Reader = partial(fields.optional_integer, least=1)
_none_or_more: Reader = partial(fields.optional_integer, least=0)


def decode_request(body: bytes) -> ModelRequest:
    """Raises `CallerError` naming the field."""
    source = parse_object(body)
    found: dict[str, Any] = {}
    sampling: dict[str, Any] = {}
    extra: JsonObject = {}
    # over what is there: a request has a handful of the fields that it could have
    for key, value in source.items():
        if key in _SAMPLING:
            if value is not None:
                sampling[key] = _SAMPLING[key](source, key, key)
        elif key in _FIELDS:
            if value is not None:
                name, read = _FIELDS[key]
                found[name] = read(source, key, key)
        elif key not in _READ_APART:
            extra[key] = value
    if source.get("stream_options") is not None:
        found["include_usage"] = _include_usage(source, extra)
    if source.get("response_format") is not None:
        found["response_format"] = _response_format(source, extra)
    if source.get("max_completion_tokens") is not None:
        found["max_output_tokens"] = _at_least_one(source, "max_completion_tokens", "max_completion_tokens")
    model = source.get("model")
    if not model or not isinstance(model, str):
        fields.text(source, "model", "model")
        raise CallerError("invalid_request", "model: expected a name, got an empty string", param="model")
    return ModelRequest(
        format="openai_chat",
        model=model,
        messages=decode_messages(fields.turns(source, "messages", "message")),
        raw=body,
        sampling=Sampling(**sampling) if sampling else _NO_SAMPLING,
        extra=extra,
        **found,
    )


def _include_usage(source: JsonObject, extra: JsonObject) -> bool:
    options = fields.optional_object(source, "stream_options", "stream_options") or {}
    _keep_rest(extra, "stream_options", options, "include_usage")
    return fields.optional_flag(options, "include_usage", "stream_options.include_usage") or False


def _keep_rest(extra: JsonObject, key: str, value: JsonObject, *known: str) -> None:
    rest = fields.leftovers(value, frozenset(known))
    if rest:
        extra[key] = rest


def _choices(source: JsonObject, key: str, param: str) -> int:
    value = fields.optional_integer(source, key, param)
    if value is None or not 1 <= value <= MAX_CHOICES:
        raise CallerError("invalid_request", f"n: expected an integer from 1 to {MAX_CHOICES}", param="n")
    return value


def _stop(source: JsonObject, key: str, param: str) -> tuple[str, ...]:
    value = source[key]
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        fields.refuse("stop", "a string or a list of strings", value)
    for index, item in enumerate(value):
        if not isinstance(item, str):
            fields.refuse(f"stop[{index}]", "a string", item)
    return tuple(value)


def _tools(source: JsonObject, key: str, param: str) -> tuple[Tool, ...]:
    tools = fields.optional_list(source, key, param) or []
    return tuple([_tool(item, f"{param}[{index}]") for index, item in enumerate(tools)])


def _tool(item: Json, param: str) -> Tool:
    tool = fields.as_object(item, param)
    kind = fields.text(tool, "type", f"{param}.type")
    if kind != "function":
        body = tool.get(kind)
        name = body.get("name") if isinstance(body, dict) else None
        return Tool(name=name if isinstance(name, str) else kind, source="openai_chat", raw=tool)
    return read_function_tool(tool, param)


def _tool_choice(source: JsonObject, key: str, param: str) -> ToolChoice:
    value = source[key]
    if value in ("none", "auto", "required"):
        return ToolChoice(mode=cast(Literal["none", "auto", "required"], value))
    if not isinstance(value, dict):
        fields.refuse("tool_choice", '"none", "auto", "required" or an object', value)
    kind = fields.text(value, "type", "tool_choice.type")
    if kind == "allowed_tools":
        allowed = fields.as_object(value.get(kind), f"tool_choice.{kind}")
        listed = fields.optional_list(allowed, "tools", f"tool_choice.{kind}.tools") or []
        return ToolChoice(mode="allowed", names=_names_in(listed), raw=value)
    body = fields.as_object(value.get(kind), f"tool_choice.{kind}")
    name = fields.text(body, "name", f"tool_choice.{kind}.name")
    return ToolChoice(mode="named", names=(name,), raw=None if kind == "function" else value)


def _names_in(tools: list[Json]) -> tuple[str, ...]:
    names = []
    for index, tool in enumerate(tools):
        param = f"tool_choice.allowed_tools.tools[{index}]"
        item = fields.as_object(tool, param)
        function = item.get(fields.optional_text(item, "type", f"{param}.type") or "function")
        names.append(fields.text(fields.as_object(function, param), "name", f"{param}.name"))
    return tuple(names)


def _response_format(source: JsonObject, extra: JsonObject) -> ResponseFormat | None:
    value = fields.optional_object(source, "response_format", "response_format")
    if value is None:
        return None
    kind = fields.text(value, "type", "response_format.type")
    if kind in ("text", "json_object"):
        _keep_rest(extra, "response_format", value, "type")
        return ResponseFormat(kind="text" if kind == "text" else "json_object")
    if kind != "json_schema":
        extra["response_format"] = value  # a grammar or the like, which some servers know
        return None
    param = "response_format.json_schema"
    body = fields.as_object(value.get("json_schema"), param)
    schema = body.get("schema")
    if schema is not None and not isinstance(schema, dict | bool):
        fields.refuse(f"{param}.schema", "an object", schema)
    return ResponseFormat(
        kind="json_schema",
        name=fields.optional_text(body, "name", f"{param}.name"),
        schema=schema,
        strict=fields.optional_flag(body, "strict", f"{param}.strict"),
        description=fields.optional_text(body, "description", f"{param}.description"),
    )


_SAMPLING: dict[str, Reader] = {
    "temperature": fields.optional_number,
    "top_p": fields.optional_number,
    "top_k": fields.optional_integer,
    "frequency_penalty": fields.optional_number,
    "presence_penalty": fields.optional_number,
    "seed": fields.optional_integer,
    "stop": _stop,
    "logit_bias": fields.optional_object,
    "logprobs": fields.optional_flag,
    "top_logprobs": _none_or_more,
}
_FIELDS: dict[str, tuple[str, Reader]] = {
    "tools": ("tools", _tools),
    "tool_choice": ("tool_choice", _tool_choice),
    "parallel_tool_calls": ("parallel_tool_calls", fields.optional_flag),
    "max_tokens": ("max_output_tokens", _at_least_one),
    "reasoning_effort": ("effort", fields.effort),
    "n": ("n", _choices),
    "stream": ("stream", fields.optional_flag),
    "metadata": ("metadata", fields.text_map),
    "user": ("user", fields.optional_text),
}
"""What is read alone: the field of `ModelRequest`, and what reads it."""
_READ_APART = frozenset(("model", "messages", "stream_options", "response_format", "max_completion_tokens"))
