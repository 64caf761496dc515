"""A `ModelRequest` as the body of a Chat Completions call to one target.

Where the client spoke this format too and the target takes everything as it is, the client's own bytes go out with
the model's name spliced in. In every other case the body is written anew from what was parsed.
"""

import msgspec

from tiercel.domain.catalog import Target
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import (
    Effort,
    Message,
    ModelRequest,
    Reasoning,
    ResponseFormat,
    Sampling,
    ToolCall,
    ToolChoice,
)
from tiercel.wire.codec import EncodedCall
from tiercel.wire.custom_tools import nested_custom_tool
from tiercel.wire.fit import fit, lost_names, naming_json
from tiercel.wire.function_tools import written_function_tool
from tiercel.wire.openai_chat.message_encoder import MessageEncoder
from tiercel.wire.openai_chat.server_fit import fit_server
from tiercel.wire.quirks import Quirks, call_path, quirks_named
from tiercel.wire.splice import splice_model
from tiercel.wire.tool_choice import allowed_mode

_SCALARS = tuple(name for name in Sampling.__struct_fields__ if name != "stop")
_UNSET = Sampling()
_DEFAULT_SCHEMA_NAME = "answer"


def encode_request(request: ModelRequest, target: Target) -> EncodedCall:
    """Nothing is lost without its name in `lost`."""
    quirks = quirks_named(target.deployment.provider.quirks)
    # most servers take calls at the same place, and most requests ask for no JSON: that is seen without asking
    path = call_path(target.deployment, quirks.path) if quirks.prefix or quirks.query else quirks.path
    if request.response_format is not None:
        request = naming_json(request)
    fitted = fit(request, target, quirks.rejects)
    lost = list(fitted.lost)
    served = fit_server(fitted.request, quirks, lost)
    upstream_name = target.deployment.upstream_name
    if served is request and request.raw is not None and _sends_as_it_is(request, quirks):
        body = splice_model(request.raw, upstream_name)
        if body is not None:
            return EncodedCall(path=path, body=body)
    written = _body(served, quirks, lost)
    written["model"] = upstream_name
    return EncodedCall(path=path, body=msgspec.json.encode(written), lost=lost_names(lost))


def _sends_as_it_is(request: ModelRequest, quirks: Quirks) -> bool:
    """Whether this server needs nothing spelled otherwise than the client spelled it."""
    raw = request.raw
    if request.format != "openai_chat" or raw is None or quirks.body or quirks.extra_fields is not None:
        return False
    if request.stream and request.include_usage != quirks.stream_options:
        return False
    if request.max_output_tokens is not None:
        current = quirks.max_tokens_field == "max_completion_tokens"
        if (b'"max_tokens"' if current else b'"max_completion_tokens"') in raw:
            return False
    if request.effort is not None and (quirks.effort_field != "reasoning_effort" or quirks.no_thinking):
        return False
    if quirks.renamed and request.sampling != _UNSET:
        return False
    if request.tool_choice is not None and quirks.required_word != "required":
        return False
    if quirks.schema_body and request.response_format is not None:
        return False
    for message in request.messages:
        if message.role == "developer" and not quirks.developer_role:
            return False
        if message.role == "assistant" and not _history_fits(message, quirks):
            return False
    return True


def _history_fits(message: Message, quirks: Quirks) -> bool:
    """Whether an answer of the past can be sent back as the client kept it."""
    for part in message.parts:
        if isinstance(part, Reasoning):
            return False
        if isinstance(part, ToolCall) and not _call_fits(part, quirks):
            return False
    return True


def _call_fits(call: ToolCall, quirks: Quirks) -> bool:
    return not quirks.echo_demanded and quirks.tool_call_extra.keys() <= call.extra.keys()


def _body(request: ModelRequest, quirks: Quirks, lost: list[str]) -> JsonObject:
    # a server that refuses unknown fields refuses them in messages too
    keeps_unread = request.format == "openai_chat" and quirks.extra_fields is None
    encoder = MessageEncoder(quirks, keeps_unread, lost)
    body: JsonObject = {"model": "", "messages": encoder.encode(request.messages)}
    _write_sampling(request.sampling, quirks.renamed, body)
    if request.max_output_tokens is not None:
        body[quirks.max_tokens_field] = request.max_output_tokens
    if request.effort is not None:
        body |= _effort_fields(request.effort, quirks)
    _write_tools(request, quirks, body, lost)
    if request.response_format is not None:
        body["response_format"] = _response_format(request.response_format)
    if request.n > 1:
        body["n"] = request.n
    if request.stream:
        body["stream"] = True
        if quirks.stream_options:
            body["stream_options"] = {"include_usage": True}
    if request.metadata:
        body["metadata"] = request.metadata
    if request.user is not None:
        body["user"] = request.user
    _write_extra(request, body, quirks, lost)
    return body


def _effort_fields(effort: Effort, quirks: Quirks) -> JsonObject:
    if effort == "none" and quirks.no_thinking:
        return quirks.no_thinking
    return {quirks.effort_field: {"effort": effort} if quirks.effort_field == "reasoning" else effort}


def _write_sampling(sampling: Sampling, renamed: dict[str, str], body: JsonObject) -> None:
    if sampling == _UNSET:
        return
    for name in _SCALARS:
        value = getattr(sampling, name)
        if value is not None:
            body[renamed.get(name, name)] = value
    if sampling.stop:
        body["stop"] = list(sampling.stop)


def _write_tools(request: ModelRequest, quirks: Quirks, body: JsonObject, lost: list[str]) -> None:
    tools = []
    for index, tool in enumerate(request.tools):
        if tool.raw is None:
            native = request.format == "openai_chat"
            tools.append(written_function_tool(tool, native, f"tools[{index}]", lost))
            continue
        raw = tool.raw if tool.source == "openai_chat" else nested_custom_tool(tool.raw)
        if raw is not None:
            tools.append(raw)
        else:
            lost.append(f"tools[{index}]")
    if not tools:
        return
    body["tools"] = tools
    if request.tool_choice is not None:
        written = _tool_choice(request.tool_choice, request.format == "openai_chat")
        body["tool_choice"] = quirks.required_word if written == "required" else written
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _tool_choice(choice: ToolChoice, native: bool) -> Json:
    if native and choice.raw is not None:
        return choice.raw
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.names[0]}}
    if choice.mode == "allowed":
        tools = [{"type": "function", "function": {"name": name}} for name in choice.names]
        return {"type": "allowed_tools", "allowed_tools": {"mode": allowed_mode(choice), "tools": tools}}
    return choice.mode


def _response_format(wanted: ResponseFormat) -> JsonObject:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    body: JsonObject = {"name": wanted.name or _DEFAULT_SCHEMA_NAME}
    optional = {"description": wanted.description, "schema": wanted.schema, "strict": wanted.strict}
    body |= {key: value for key, value in optional.items() if value is not None}
    return {"type": "json_schema", "json_schema": body}


def _write_extra(request: ModelRequest, body: JsonObject, quirks: Quirks, lost: list[str]) -> None:
    """What we do not read goes to a server of the client's own format; the server's own additions come last."""
    added = dict(quirks.body)
    if request.response_format is not None and request.response_format.kind == "json_schema":
        added |= quirks.schema_body
    if request.format == "openai_chat":
        _merge(body, request.extra)
    else:
        lost.extend(request.extra)
    _merge(body, added)


def _merge(body: JsonObject, added: JsonObject) -> None:
    """Adds fields; where both sides have an object under one name, the fields of both."""
    for key, value in added.items():
        present = body.get(key)
        body[key] = {**present, **value} if isinstance(present, dict) and isinstance(value, dict) else value
