"""A `ModelRequest` as the body of a generateContent call to one target, on AI Studio or Vertex.

The model's name stands in the path. Where the client spoke this format too and the target takes everything as it is,
the client's own bytes go out. In every other case the body is written anew from what was parsed.
"""

from urllib.parse import quote, urlsplit

import msgspec

from tiercel.domain.catalog import Capabilities, Target
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ModelRequest, ResponseFormat, Sampling, Tool
from tiercel.wire.codec import EncodedCall
from tiercel.wire.fit import fit, json_instruction, lost_names, with_instruction
from tiercel.wire.gemini.contents_encoder import ContentsEncoder, lacks_signatures, skip_validation
from tiercel.wire.gemini.request_decoder import CALLING, CONFIG, TOOL_CONFIG
from tiercel.wire.gemini.signature import FORMAT
from tiercel.wire.gemini.target_schema import target_schema
from tiercel.wire.gemini.thinking import BUDGET, INCLUDE, PARAM, thinking_config
from tiercel.wire.tool_choice import allowed_mode

VERSION = "/v1beta"
MAX_STOPS = 5
_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY", "named": "ANY"}
_SAMPLING = (
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    ("logprobs", "responseLogprobs"),
    ("top_logprobs", "logprobs"),
)


def encode_request(request: ModelRequest, target: Target) -> EncodedCall:
    """Nothing is lost without its name in `lost`."""
    method = "streamGenerateContent?alt=sse" if target.stream else "generateContent"
    path = model_path(target, method)
    # whether it streams stands in the path, so it is no change of the body
    request = msgspec.structs.replace(request, stream=target.stream)
    fitted = fit(request, target)
    capabilities = target.deployment.model.capabilities
    if not fitted.changed and request.raw is not None and _sends_as_it_is(request, capabilities):
        return EncodedCall(path=path, body=request.raw)
    writer = _Writer(request, fitted.request, capabilities, list(fitted.lost))
    body = msgspec.json.encode(writer.write())
    return EncodedCall(path=path, body=body, lost=lost_names(writer.lost))


def written_body(request: ModelRequest, target: Target) -> JsonObject:
    """The body of the call as an object, written anew: what a count of its tokens is asked for."""
    fitted = fit(request, target)
    return _Writer(request, fitted.request, target.deployment.model.capabilities, []).write()


def model_path(target: Target, method: str) -> str:
    """Below a `base_url` with the API's version in it, as Vertex' always has; Google's clients are given it without."""
    name = target.deployment.upstream_name
    name = name if "/" in name else f"models/{name}"
    version = "" if urlsplit(target.deployment.provider.base_url).path.strip("/") else VERSION
    return f"{version}/{quote(name, safe='/:@')}:{method}"


def _sends_as_it_is(request: ModelRequest, capabilities: Capabilities) -> bool:
    if request.format != FORMAT:
        return False
    budget = request.extra.get(BUDGET)
    if budget is not None and capabilities.thinking != "budget":
        return False
    if budget is None and request.effort is not None and capabilities.thinking != "effort":
        return False
    if INCLUDE in request.extra and capabilities.thinking == "none":
        return False
    return not (_checks_signatures(capabilities) and lacks_signatures(request.messages))


def _checks_signatures(capabilities: Capabilities) -> bool:
    """Models whose thinking is asked for by a budget return signatures too, and never demand them back."""
    return capabilities.thinking != "budget"


class _Writer:
    """Writes one body from the request as it was fitted, beside the client's own."""

    def __init__(
        self, client: ModelRequest, fitted: ModelRequest, capabilities: Capabilities, lost: list[str]
    ) -> None:
        self._client = client
        self._request = fitted
        self._capabilities = capabilities
        self._native = fitted.format == FORMAT
        self.lost = lost

    def write(self) -> JsonObject:
        config: JsonObject = {}
        messages = self._request.messages
        wanted = self._request.response_format
        if wanted is not None and wanted.wants_json and self._takes_schema():
            self._write_format(wanted, config)
        elif wanted is not None and wanted.wants_json:
            self.lost.append("response_format")
            messages = with_instruction(messages, json_instruction(wanted))
        encoder = ContentsEncoder(self._native, self.lost)
        system, contents = encoder.encode(messages)
        if _checks_signatures(self._capabilities):
            skip_validation(contents)
        body: JsonObject = {"contents": contents}
        if system:
            body["systemInstruction"] = {"parts": system}
        self._write_tools(body)
        self._write_sampling(config)
        if encoder.resolution is not None:
            config["mediaResolution"] = encoder.resolution
        self._write_thinking(config)
        if config:
            body[CONFIG] = config
        self._write_rest(body)
        return body

    def _takes_schema(self) -> bool:
        """Before Gemini 3 a type for the answer and tools exclude one another; since then thinking has levels."""
        return not self._request.tools or self._capabilities.thinking == "effort"

    def _write_format(self, wanted: ResponseFormat, config: JsonObject) -> None:
        config["responseMimeType"] = "application/json"
        if wanted.schema is not None:
            config["responseJsonSchema"] = self._schema(wanted.schema)

    def _schema(self, schema: Json) -> Json:
        return schema if self._native else target_schema(schema)

    def _write_tools(self, body: JsonObject) -> None:
        declared: list[JsonObject] = []
        own: list[JsonObject] = []
        for index, tool in enumerate(self._request.tools):
            if tool.raw is None:
                declared.append(self._declared(tool, f"tools[{index}]"))
            elif tool.source == FORMAT:
                own.append(tool.raw)
            else:
                self.lost.append(f"tools[{index}]")
        tools = [{"functionDeclarations": declared}, *own] if declared else own
        if not tools:
            return
        body["tools"] = tools
        calling = self._calling()
        if calling is not None and declared:
            body[TOOL_CONFIG] = {"functionCallingConfig": calling}
        if self._request.parallel_tool_calls is False:
            self.lost.append("parallel_tool_calls")

    def _declared(self, tool: Tool, param: str) -> JsonObject:
        written: JsonObject = {"name": tool.name}
        if tool.description:
            written["description"] = tool.description
        if tool.parameters is not None:
            written["parametersJsonSchema"] = self._schema(tool.parameters)
        if tool.strict and not self._capabilities.structured_output:
            self.lost.append(f"{param}.strict")
        if self._native:
            return {**written, **tool.extra}
        self.lost.extend(f"{param}.{key}" for key in tool.extra)
        return written

    def _calling(self) -> JsonObject | None:
        choice = self._request.tool_choice
        strict = self._capabilities.structured_output and any(tool.strict for tool in self._request.tools)
        if choice is None or choice.mode == "auto":
            validated = strict or (choice is not None and choice.raw == {"mode": "VALIDATED"})
            if validated:
                return {"mode": "VALIDATED"}
            return None if choice is None else {"mode": "AUTO"}
        if choice.mode == "allowed":
            mode = "ANY" if allowed_mode(choice) == "required" else "VALIDATED"
            return {"mode": mode, "allowedFunctionNames": list(choice.names)}
        names = {"allowedFunctionNames": list(choice.names)} if choice.mode == "named" else {}
        return {"mode": _MODES[choice.mode], **names}

    def _write_sampling(self, config: JsonObject) -> None:
        request = self._request
        sampling: Sampling = request.sampling
        for name, key in _SAMPLING:
            value = getattr(sampling, name)
            if value is not None:
                config[key] = value
        if sampling.logit_bias is not None:
            self.lost.append("logit_bias")
        if sampling.stop:
            config["stopSequences"] = list(sampling.stop[:MAX_STOPS])
            if len(sampling.stop) > MAX_STOPS:
                self.lost.append("stop")
        if request.n > 1:
            config["candidateCount"] = request.n
        if request.max_output_tokens is not None:
            config["maxOutputTokens"] = request.max_output_tokens

    def _write_thinking(self, config: JsonObject) -> None:
        request, mode = self._request, self._capabilities.thinking
        extra = self._own_extra()
        thinking: JsonObject | None = {}
        if request.effort == self._client.effort and BUDGET in extra and mode == "budget":
            thinking = {"thinkingBudget": extra[BUDGET]}
        elif request.effort is not None:
            thinking = thinking_config(request.effort, self._capabilities, request.max_output_tokens)
            if thinking is None:
                self.lost.append("reasoning_effort")
        if INCLUDE in extra and mode != "none":
            thinking = {**(thinking or {}), "includeThoughts": extra[INCLUDE]}
        elif INCLUDE in extra:
            self.lost.append(INCLUDE)
        elif thinking and not self._native and request.effort != "none":
            thinking["includeThoughts"] = True
        if thinking:
            config["thinkingConfig"] = thinking

    def _own_extra(self) -> JsonObject:
        return self._request.extra if self._native else {}

    def _write_rest(self, body: JsonObject) -> None:
        request = self._request
        if request.user is not None:
            self.lost.append("user")
        if request.metadata:
            self.lost.append("metadata")
        if not self._native:
            self.lost.extend(request.extra)
            return
        for key, value in request.extra.items():
            if key not in (BUDGET, INCLUDE):
                _place(body, key, value)


def _place(body: JsonObject, key: str, value: Json) -> None:
    """Puts what was not read back where it stood."""
    place = next((p for p in (PARAM, CALLING, CONFIG, TOOL_CONFIG) if key.startswith(f"{p}.")), None)
    if place is None:
        body.setdefault(key, value)
        return
    holder = body
    for name in place.split("."):
        holder = holder.setdefault(name, {})
    holder.setdefault(key.removeprefix(f"{place}."), value)
