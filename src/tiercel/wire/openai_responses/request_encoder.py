"""A `ModelRequest` as the body of a Responses call to one target.

Where the client spoke this format too and the target takes everything as it is, the client's own bytes go out with
the model's name spliced in. In every other case the body is written anew from what was parsed.
"""

import msgspec

from tiercel.domain.catalog import Capabilities, Target
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ModelRequest, ResponseFormat, Tool, ToolChoice
from tiercel.wire.codec import EncodedCall
from tiercel.wire.custom_tools import flat_custom_tool
from tiercel.wire.fit import fit, lost_names, naming_json
from tiercel.wire.openai_responses.item_encoder import ItemEncoder
from tiercel.wire.openai_responses.own_fields import FORMAT
from tiercel.wire.openai_responses.request_decoder import LOGPROBS
from tiercel.wire.quirks import call_path
from tiercel.wire.splice import splice_model
from tiercel.wire.tool_choice import allowed_mode

PATH = "/responses"
ENCRYPTED = "reasoning.encrypted_content"
LEAST_OUTPUT = 16
"""Fewer output tokens are refused."""
LONGEST_USER = 64
_DEFAULT_SCHEMA_NAME = "answer"
_NO_SAMPLING = ("top_k", "frequency_penalty", "presence_penalty", "seed", "logit_bias")
_OPENAI_FIELDS = (
    "metadata",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
)
"""What both of OpenAI's formats know by the same name."""


def encode_request(request: ModelRequest, target: Target) -> EncodedCall:
    """Nothing is lost without its name in `lost`."""
    path = call_path(target.deployment, PATH)
    request = naming_json(request)
    fitted = fit(request, target)
    upstream_name = target.deployment.upstream_name
    if not fitted.changed and request.raw is not None and request.format == FORMAT:
        body = splice_model(request.raw, upstream_name)
        if body is not None:
            return EncodedCall(path=path, body=body)
    writer = _Writer(fitted.request, target.deployment.model.capabilities, list(fitted.lost))
    written = writer.write(upstream_name)
    return EncodedCall(path=path, body=msgspec.json.encode(written), lost=lost_names(writer.lost))


class _Writer:
    """Writes one body."""

    def __init__(self, request: ModelRequest, capabilities: Capabilities, lost: list[str]) -> None:
        self._request = request
        self._capabilities = capabilities
        self._native = request.format == FORMAT
        self.lost = lost

    def write(self, upstream_name: str) -> JsonObject:
        request = self._request
        instructions, items = ItemEncoder(self._native, self._is_stored(), self.lost).encode(request.messages)
        body: JsonObject = {"model": upstream_name}
        if instructions is not None:
            body["instructions"] = instructions
        if items or request.messages:
            body["input"] = items
        self._write_output(body)
        self._write_tools(body)
        self._write_sampling(body)
        if request.stream:
            body["stream"] = True
        if request.n > 1:
            self.lost.append("n")
        if request.metadata:
            body["metadata"] = request.metadata
        if request.user is not None:
            self._write_user(request.user, body)
        self._write_rest(body)
        return body

    def _is_stored(self) -> bool:
        """Whether the server keeps the answer: here it does unless it is told otherwise."""
        return self._native and self._request.extra.get("store") is not False

    def _write_output(self, body: JsonObject) -> None:
        request = self._request
        limit = request.max_output_tokens
        if limit is not None:
            body["max_output_tokens"] = limit if self._native else max(limit, LEAST_OUTPUT)
            if body["max_output_tokens"] != limit:
                self.lost.append("max_output_tokens")
        if request.effort is not None:
            body["reasoning"] = {"effort": request.effort}
        if request.response_format is not None:
            body["text"] = {"format": _format(request.response_format)}

    def _write_tools(self, body: JsonObject) -> None:
        request = self._request
        tools = [
            written
            for index, tool in enumerate(request.tools)
            if (written := self._tool(tool, f"tools[{index}]")) is not None
        ]
        if tools:
            body["tools"] = tools
        elif not self._native:
            return
        if request.tool_choice is not None:
            body["tool_choice"] = self._tool_choice(request.tool_choice)
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls

    def _tool(self, tool: Tool, param: str) -> JsonObject | None:
        if tool.raw is not None:
            raw = tool.raw if tool.source == FORMAT else flat_custom_tool(tool.raw)
            if raw is None:
                self.lost.append(param)
            return raw
        written: JsonObject = {"type": "function", "name": tool.name}
        if tool.description:
            written["description"] = tool.description
        written["parameters"] = tool.parameters or {"type": "object", "properties": {}}
        if self._native:
            strict = {} if tool.strict is None else {"strict": tool.strict}
            return {**written, **strict, **tool.extra}
        self.lost.extend(f"{param}.{key}" for key in tool.extra)
        return {**written, "strict": tool.strict or False}  # strict is the default here, and nowhere else

    def _tool_choice(self, choice: ToolChoice) -> Json:
        if self._native and choice.raw is not None:
            return choice.raw
        if choice.mode == "named":
            return {"type": self._kind_of(choice.names[0]), "name": choice.names[0]}
        if choice.mode == "allowed":
            tools = [{"type": self._kind_of(name), "name": name} for name in choice.names]
            return {"type": "allowed_tools", "mode": allowed_mode(choice), "tools": tools}
        return choice.mode

    def _kind_of(self, name: str) -> str:
        """Whether a tool is a function or takes free text."""
        is_custom = any(tool.name == name and tool.raw is not None for tool in self._request.tools)
        return "custom" if is_custom else "function"

    def _write_sampling(self, body: JsonObject) -> None:
        sampling = self._request.sampling
        self.lost.extend(name for name in _NO_SAMPLING if getattr(sampling, name) is not None)
        if sampling.stop:
            self.lost.append("stop")
        for name in ("temperature", "top_p", "top_logprobs"):
            value = getattr(sampling, name)
            if value is not None:
                body[name] = value
        if sampling.logprobs:
            body["include"] = [LOGPROBS]

    def _write_user(self, user: str, body: JsonObject) -> None:
        if self._native or len(user) <= LONGEST_USER:
            body["user"] = user
        else:
            self.lost.append("user")

    def _write_rest(self, body: JsonObject) -> None:
        """What we do not read goes to a server of the client's own format; OpenAI's other format shares some of it."""
        extra = self._request.extra
        if self._native:
            self._merge(body, extra)
            return
        shared: JsonObject = {"store": False}
        if self._request.format == "openai_chat":
            shared |= {key: extra[key] for key in _OPENAI_FIELDS if key in extra}
            if "verbosity" in extra:
                shared["text"] = {"verbosity": extra["verbosity"]}
            extra = {key: value for key, value in extra.items() if key not in (*_OPENAI_FIELDS, "verbosity")}
        if self._capabilities.thinking != "none" or self._capabilities.efforts:
            shared["include"] = [ENCRYPTED]
        self.lost.extend(extra)
        self._merge(body, shared)

    @staticmethod
    def _merge(body: JsonObject, added: JsonObject) -> None:
        """Adds fields; where both sides have an object or a list under one name, what both hold."""
        for key, value in added.items():
            present = body.get(key)
            if isinstance(present, dict) and isinstance(value, dict):
                body[key] = {**present, **value}
            elif isinstance(present, list) and isinstance(value, list):
                body[key] = [*present, *value]
            else:
                body[key] = value


def _format(wanted: ResponseFormat) -> JsonObject:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    written: JsonObject = {"type": "json_schema", "name": wanted.name or _DEFAULT_SCHEMA_NAME}
    optional = {"description": wanted.description, "schema": wanted.schema, "strict": wanted.strict}
    return written | {key: value for key, value in optional.items() if value is not None}
