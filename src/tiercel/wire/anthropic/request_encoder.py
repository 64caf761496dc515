"""A `ModelRequest` as the body of a Messages call to one target.

Where the client spoke this format too and the target takes everything as it is, the client's own bytes go out with
the model's name spliced in. In every other case the body is written anew from what was parsed.
"""

import msgspec

from tiercel.domain.catalog import Capabilities, Target
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Message, ModelRequest, Reasoning, Sampling, Tool, ToolCall, ToolChoice
from tiercel.wire.anthropic.message_encoder import MessageEncoder
from tiercel.wire.anthropic.target_schema import target_schema
from tiercel.wire.anthropic.thinking import takes_as_it_is, thinking_fields
from tiercel.wire.codec import EncodedCall
from tiercel.wire.fit import fit, json_instruction, lost_names, with_instruction
from tiercel.wire.quirks import QUIRKS
from tiercel.wire.splice import splice_model
from tiercel.wire.tool_choice import allowed_mode

VERSION = ("anthropic-version", "2023-06-01")
DEFAULT_MAX_TOKENS = 4_096
_CHOICES = {"none": "none", "auto": "auto", "required": "any", "named": "tool"}
_NO_SAMPLING = ("frequency_penalty", "presence_penalty", "seed", "logit_bias", "logprobs", "top_logprobs")


def encode_request(request: ModelRequest, target: Target) -> EncodedCall:
    """Nothing is lost without its name in `lost`."""
    path = _path(target)
    fitted = fit(request, target)
    capabilities = target.deployment.model.capabilities
    if not fitted.changed and request.raw is not None and _sends_as_it_is(request, capabilities):
        body = splice_model(request.raw, target.deployment.upstream_name)
        if body is not None:
            return EncodedCall(path=path, body=body, headers=_headers(request))
    writer = _Writer(request, fitted.request, capabilities, list(fitted.lost))
    written = writer.write(target.deployment.upstream_name)
    return EncodedCall(
        path=path,
        body=msgspec.json.encode(written),
        headers=_headers(request),
        lost=lost_names(writer.lost),
    )


def _headers(request: ModelRequest) -> tuple[tuple[str, str], ...]:
    """The version that the body is written for: the client's own, whose betas come along, else the one we write."""
    if request.format != "anthropic":
        return (VERSION,)
    if any(name == VERSION[0] for name, _ in request.headers):
        return request.headers
    return (VERSION, *request.headers)


def _path(target: Target) -> str:
    """A `base_url` without the version, as Anthropic's own clients are given it, works too."""
    path = QUIRKS["anthropic"].path
    return path if target.deployment.provider.base_url.rstrip("/").endswith("/v1") else "/v1" + path


def _sends_as_it_is(request: ModelRequest, capabilities: Capabilities) -> bool:
    if request.format != "anthropic":
        return False
    if "thinking" in request.extra:
        return takes_as_it_is(request.extra["thinking"], capabilities.thinking)
    return request.effort is None or capabilities.thinking in ("adaptive", "effort")


class _Writer:
    """Writes one body from the request as it was fitted, beside the client's own."""

    def __init__(
        self, client: ModelRequest, fitted: ModelRequest, capabilities: Capabilities, lost: list[str]
    ) -> None:
        self._client = client
        self._request = fitted
        self._capabilities = capabilities
        self._native = fitted.format == "anthropic"
        self.lost = lost

    def write(self, upstream_name: str) -> JsonObject:
        request = self._request
        body: JsonObject = {"model": upstream_name, "max_tokens": self._max_tokens()}
        messages = request.messages
        wanted = request.response_format
        output: JsonObject = {}
        if wanted is not None and wanted.kind == "json_schema" and wanted.schema is not None:
            output["format"] = {"type": "json_schema", "schema": self._schema(wanted.schema)}
        elif wanted is not None and wanted.wants_json:
            self.lost.append("response_format")
            messages = with_instruction(messages, json_instruction(wanted))
        system, body["messages"] = MessageEncoder(self._native, self.lost).encode(messages)
        if system:
            body["system"] = system[0]["text"] if len(system) == 1 and len(system[0]) == 2 else system
        self._write_tools(body)
        self._write_thinking(body, output)
        self._write_sampling(body)
        if request.stream:
            body["stream"] = True
        if request.n > 1:
            self.lost.append("n")
        self._write_rest(body, output)
        return body

    def _max_tokens(self) -> int:
        return self._request.max_output_tokens or self._capabilities.max_output or DEFAULT_MAX_TOKENS

    def _schema(self, schema: JsonObject | bool) -> JsonObject | bool:
        return schema if self._native else target_schema(schema)

    def _write_tools(self, body: JsonObject) -> None:
        choice = self._request.tool_choice
        allowed = choice.names if choice is not None and choice.mode == "allowed" else None
        tools = [
            written
            for index, tool in enumerate(self._request.tools)
            if (allowed is None or tool.name in allowed)
            and (written := self._tool(tool, f"tools[{index}]")) is not None
        ]
        if not tools:
            return
        body["tools"] = tools
        written_choice = _tool_choice(choice)
        parallel = self._request.parallel_tool_calls
        if parallel is False and (written_choice or {}).get("type") != "none":
            written_choice = {**(written_choice or {"type": "auto"}), "disable_parallel_tool_use": True}
        if written_choice is not None:
            body["tool_choice"] = written_choice

    def _tool(self, tool: Tool, param: str) -> JsonObject | None:
        if tool.raw is not None:
            if tool.source == "anthropic":
                return tool.raw
            self.lost.append(param)
            return None
        written: JsonObject = {"name": tool.name}
        if tool.description:
            written["description"] = tool.description
        written["input_schema"] = {"type": "object", **(tool.parameters or {"properties": {}})}
        if tool.strict is not None:
            if self._native or (tool.strict and self._capabilities.structured_output):
                written["strict"] = tool.strict
            elif tool.strict:
                self.lost.append(f"{param}.strict")
        if self._native:
            return {**written, **tool.extra}
        self.lost.extend(f"{param}.{key}" for key in tool.extra)
        return written

    def _write_thinking(self, body: JsonObject, output: JsonObject) -> None:
        request = self._request
        client_thinking = self._client.extra.get("thinking")
        mode = self._capabilities.thinking
        if request.effort == self._client.effort and takes_as_it_is(client_thinking, mode):
            wanted: JsonObject | None = {"thinking": client_thinking}
            if request.effort is not None and mode in ("adaptive", "effort"):
                output["effort"] = request.effort
        elif request.effort is None:
            return
        else:
            wanted = thinking_fields(request.effort, mode, body["max_tokens"])
        if wanted and _asks_for_thinking(wanted) and self._thinking_is_barred(body):
            wanted = None
        if wanted is None:
            self.lost.append("reasoning_effort")
            return
        output |= wanted.pop("output_config", {})
        body |= wanted

    def _thinking_is_barred(self, body: JsonObject) -> bool:
        """A forced tool forbids thinking; so does a turn under way that began without it, where budgets are used."""
        if body.get("tool_choice", {}).get("type") in ("any", "tool"):
            return True
        return self._capabilities.thinking == "budget" and _is_in_unsealed_tool_loop(self._request.messages)

    def _write_sampling(self, body: JsonObject) -> None:
        sampling = self._request.sampling
        self.lost.extend(name for name in _NO_SAMPLING if getattr(sampling, name) is not None)
        stops = [stop for stop in sampling.stop if stop.strip()]
        if len(stops) < len(sampling.stop):
            self.lost.append("stop")
        if stops:
            body["stop_sequences"] = stops
        for name, value in _drawn(sampling):
            if _asks_for_thinking(body) or (name == "top_p" and "temperature" in body):
                self.lost.append(name)  # refused beside thinking; the two beside one another, too
            else:
                body[name] = value
        if body.get("temperature", 0) > 1:
            body["temperature"] = 1.0
            self.lost.append("temperature")

    def _write_rest(self, body: JsonObject, output: JsonObject) -> None:
        request = self._request
        metadata = dict(request.metadata) if self._native else {}
        if request.metadata and not self._native:
            self.lost.append("metadata")
        if request.user is not None:
            metadata["user_id"] = request.user
        if metadata:
            body["metadata"] = metadata
        if self._native:
            extra = {key: value for key, value in request.extra.items() if key != "thinking"}
            output = {**extra.pop("output_config", {}), **output}
            body |= extra
        else:
            self.lost.extend(request.extra)
        if output:
            body["output_config"] = output


def _drawn(sampling: Sampling) -> list[tuple[str, float | int]]:
    named = (
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("top_k", sampling.top_k),
    )
    return [(name, value) for name, value in named if value is not None]


def _tool_choice(choice: ToolChoice | None) -> JsonObject | None:
    if choice is None:
        return None
    if choice.mode == "allowed":  # the tools themselves were cut down to the allowed ones
        return {"type": "any" if allowed_mode(choice) == "required" else "auto"}
    written: JsonObject = {"type": _CHOICES[choice.mode]}
    if choice.mode == "named":
        written["name"] = choice.names[0]
    return written


def _asks_for_thinking(body: JsonObject) -> bool:
    thinking = body.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") != "disabled"


def _is_in_unsealed_tool_loop(messages: tuple[Message, ...]) -> bool:
    """Whether the last calls have their results, and were made without thinking that could be sent back.

    Agents put more behind the results: a text in the same turn, an instruction.
    """
    last = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == "assistant"), None)
    if last is None or all(message.role != "tool" for message in messages[last:]):
        return False
    calling = messages[last]
    if not any(isinstance(part, ToolCall) for part in calling.parts):
        return False
    return not any(
        isinstance(part, Reasoning) and part.source == "anthropic" and (part.signature or part.redacted)
        for part in calling.parts
    )
