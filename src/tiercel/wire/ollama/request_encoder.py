"""A `ModelRequest` as the body of an `/api/chat` call to one target.

Left alone, Ollama cuts the beginning of a prompt that does not fit its context and says nothing. So the context is
asked for in the size that the model's `window` states, and the cutting is switched off: what does not fit is refused,
and somebody else can answer. A client that spoke this format decides about both itself.
"""

import msgspec

from tiercel.domain.catalog import Target
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ModelRequest, ResponseFormat
from tiercel.wire.codec import EncodedCall
from tiercel.wire.fit import fit, lost_names
from tiercel.wire.function_tools import written_function_tool
from tiercel.wire.no_tool_choice import without_tool_choice
from tiercel.wire.ollama.message_encoder import MessageEncoder
from tiercel.wire.ollama.options import written_options
from tiercel.wire.ollama.thinking import think_for
from tiercel.wire.paths import path_below
from tiercel.wire.splice import splice_model

CHAT_PATH = "/api/chat"
_NO_CUTTING: JsonObject = {"truncate": False, "shift": False}


def encode_request(request: ModelRequest, target: Target) -> EncodedCall:
    """Nothing is lost without its name in `lost`."""
    path = path_below(target.deployment.provider.base_url, CHAT_PATH)
    fitted = fit(request, target)
    if not fitted.changed and request.format == "ollama" and request.raw is not None:
        body = splice_model(request.raw, target.deployment.upstream_name)
        if body is not None:
            return EncodedCall(path=path, body=body)
    lost = list(fitted.lost)
    served = without_tool_choice(fitted.request, lost)
    body = msgspec.json.encode(_body(served, target, lost))
    return EncodedCall(path=path, body=body, lost=lost_names(lost))


def _body(request: ModelRequest, target: Target, lost: list[str]) -> JsonObject:
    native = request.format == "ollama"
    body: JsonObject = {
        "model": target.deployment.upstream_name,
        "messages": MessageEncoder(native, lost).encode(request.messages),
        "stream": request.stream,
    }
    _write_tools(request, body, lost)
    if request.response_format is not None and request.response_format.wants_json:
        body["format"] = _format(request.response_format, lost)
    if request.effort is not None:
        body["think"] = think_for(request.effort, target.deployment.model.capabilities.thinking)
    _write_sampling(request, target, body, lost)
    if request.n > 1:
        lost.append("n")
    if request.metadata:
        lost.append("metadata")
    if request.user is not None:
        lost.append("user")
    if native:
        return body | {key: value for key, value in request.extra.items() if key != "options"}
    lost.extend(request.extra)
    return body | _NO_CUTTING


def _write_sampling(request: ModelRequest, target: Target, body: JsonObject, lost: list[str]) -> None:
    sampling = request.sampling
    options = written_options(sampling, request.max_output_tokens)
    window = target.deployment.model.capabilities.window
    if request.format == "ollama":
        options = {**request.extra.get("options", {}), **options}
    elif window is not None:
        options["num_ctx"] = window
    if options:
        body["options"] = options
    if sampling.logit_bias is not None:
        lost.append("logit_bias")
    if sampling.logprobs is not None:
        body["logprobs"] = sampling.logprobs
    if sampling.top_logprobs is not None:
        body["top_logprobs"] = sampling.top_logprobs


def _write_tools(request: ModelRequest, body: JsonObject, lost: list[str]) -> None:
    if request.parallel_tool_calls is False:
        lost.append("parallel_tool_calls")
    tools = []
    for index, tool in enumerate(request.tools):
        param = f"tools[{index}]"
        if tool.raw is not None:
            lost.append(param)
            continue
        if tool.strict:
            lost.append(f"{param}.strict")
        loose = msgspec.structs.replace(tool, strict=None)
        tools.append(written_function_tool(loose, request.format == "ollama", param, lost))
    if tools:
        body["tools"] = tools


def _format(wanted: ResponseFormat, lost: list[str]) -> Json:
    if isinstance(wanted.schema, dict):
        return wanted.schema
    if wanted.kind == "json_schema":
        lost.append("response_format")
    return "json"
