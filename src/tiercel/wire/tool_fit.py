"""Tools made to fit a format that the client does not speak, and calls of them turned back into the client's own.

Two things differ: which names are legal, and whether a tool may take free text (a *custom* tool) instead of JSON. A
name is made legal with a checksum of the old one; a custom tool becomes a function with one string.
"""

import re
import zlib
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from tiercel.domain.events import ArgumentsDelta, Broken, End, Finished, StreamEvent, ToolCallStart
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Format, Message, ModelRequest, Part, Tool, ToolCall, ToolChoice
from tiercel.domain.response import Choice, ModelResponse
from tiercel.wire.custom_tools import flat_custom_tool
from tiercel.wire.scan import parse_chunk

MAX_NAME = 64
FREE_TEXT = "input"
_USUAL = (re.compile(r"[a-zA-Z0-9_-]{1,64}"), re.compile(r"[^a-zA-Z0-9_-]"))
_LEGAL: dict[Format, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "openai_chat": _USUAL,
    "openai_responses": _USUAL,
    "anthropic": _USUAL,
    "gemini": (re.compile(r"[a-zA-Z_][a-zA-Z0-9_.-]{0,63}"), re.compile(r"[^a-zA-Z0-9_.-]")),
}
"""Which names are taken, and the characters that are not. A format that is not here takes any."""
_CUSTOM_PARAMETERS: JsonObject = {
    "type": "object",
    "properties": {FREE_TEXT: {"type": "string", "description": "The tool's whole input, as plain text."}},
    "required": [FREE_TEXT],
    "additionalProperties": False,
}


class ToolFit:
    """What was changed, and how to undo it in an answer. One per call; a stream's state is kept here."""

    def __init__(self, client_names: dict[str, str], custom: frozenset[str]) -> None:
        self._client_names = client_names
        self._custom = custom
        self._inputs: dict[tuple[int, int], list[str]] = {}

    def restored(self, response: ModelResponse) -> ModelResponse:
        """The answer with its calls under the client's own names and in its own kind."""
        return replace(response, choices=tuple([self._choice(choice) for choice in response.choices]))

    def restored_events(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """The same for a stream. The input of a custom tool comes as one piece, once it is whole."""
        found: list[StreamEvent] = []
        for event in events:
            if isinstance(event, ToolCallStart):
                found += self._whole_inputs()
                found.append(self._start(event))
            elif isinstance(event, ArgumentsDelta) and (event.choice, event.index) in self._inputs:
                self._inputs[event.choice, event.index].append(event.text)
            else:
                if isinstance(event, Finished | End | Broken):
                    found += self._whole_inputs()
                found.append(event)
        return found

    def _choice(self, choice: Choice) -> Choice:
        parts = tuple([self._part(part) if isinstance(part, ToolCall) else part for part in choice.parts])
        return replace(choice, parts=parts)

    def _part(self, call: ToolCall) -> ToolCall:
        name = self._client_names.get(call.name, call.name)
        if name not in self._custom:
            return replace(call, name=name)
        return replace(call, name=name, kind="custom", arguments=_free_text(call.arguments))

    def _start(self, event: ToolCallStart) -> ToolCallStart:
        name = self._client_names.get(event.name, event.name)
        if name not in self._custom:
            return replace(event, name=name)
        self._inputs[event.choice, event.index] = []
        return replace(event, name=name, kind="custom")

    def _whole_inputs(self) -> list[StreamEvent]:
        whole: list[StreamEvent] = [
            ArgumentsDelta(index=index, text=_free_text("".join(pieces)), choice=choice)
            for (choice, index), pieces in self._inputs.items()
        ]
        self._inputs.clear()
        return whole


def fit_tools(
    request: ModelRequest, format: Format, *, takes_custom: bool
) -> tuple[ModelRequest, ToolFit | None]:
    """The request with tools that `format` takes, and how to undo it; the same request where nothing differs.

    `takes_custom` is whether the server takes tools of free text.
    """
    if not request.tools or (request.format == format and takes_custom):
        return request, None
    sent_names = {} if request.format == format else _renamed(request, format)
    custom = frozenset() if takes_custom else _custom_names(request)
    if not sent_names and not custom:
        return request, None
    fitted = replace(
        request,
        raw=None,
        tools=tuple([_tool(tool, sent_names, custom) for tool in request.tools]),
        tool_choice=_choice_of(request.tool_choice, sent_names, custom),
        messages=tuple([_message(message, sent_names, custom) for message in request.messages]),
    )
    return fitted, ToolFit({sent: name for name, sent in sent_names.items()}, custom)


def legal_name(name: str, format: Format) -> str:
    """The same name where it is legal, else one made from it that no other name gives."""
    legal = _LEGAL.get(format)
    if legal is None or legal[0].fullmatch(name):
        return name
    mark = f"_{zlib.crc32(name.encode('utf-8', 'replace')):08x}"
    plain = legal[1].sub("_", name)
    if format == "gemini" and not (plain[:1].isalpha() or plain.startswith("_")):
        plain = "_" + plain
    return plain[: MAX_NAME - len(mark)] + mark


def _renamed(request: ModelRequest, format: Format) -> dict[str, str]:
    names = {tool.name for tool in request.tools}
    for message in request.messages:
        names.update(part.name for part in message.parts if isinstance(part, ToolCall))
    return {name: sent for name in names if (sent := legal_name(name, format)) != name}


def _custom_names(request: ModelRequest) -> frozenset[str]:
    return frozenset(
        tool.name for tool in request.tools if tool.raw is not None and tool.raw.get("type") == "custom"
    )


def _tool(tool: Tool, sent_names: dict[str, str], custom: frozenset[str]) -> Tool:
    name = sent_names.get(tool.name, tool.name)
    if tool.name not in custom or tool.raw is None:
        return tool if name == tool.name else replace(tool, name=name)
    flat = flat_custom_tool(tool.raw) or tool.raw
    description = str(flat.get("description") or "")
    grammar = flat.get("format")
    if isinstance(grammar, dict) and grammar.get("definition"):
        description += (
            f"\n\nThe input must follow this {grammar.get('syntax', '')} grammar:\n{grammar['definition']}"
        )
    return Tool(name=name, description=description.strip(), parameters=_CUSTOM_PARAMETERS)


def _choice_of(
    choice: ToolChoice | None, sent_names: dict[str, str], custom: frozenset[str]
) -> ToolChoice | None:
    if choice is None or not choice.names:
        return choice
    names = tuple([sent_names.get(name, name) for name in choice.names])
    raw = None if choice.mode == "named" and custom.intersection(choice.names) else choice.raw
    return replace(choice, names=names, raw=raw)


def _message(message: Message, sent_names: dict[str, str], custom: frozenset[str]) -> Message:
    if not any(isinstance(part, ToolCall) for part in message.parts):
        return message
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            name = sent_names.get(part.name, part.name)
            part = replace(part, name=name)
            if part.kind == "custom":
                arguments = msgspec.json.encode({FREE_TEXT: part.arguments}).decode()
                part = replace(part, kind="function", arguments=arguments)
        parts.append(part)
    return replace(message, parts=tuple(parts))


def _free_text(arguments: str) -> str:
    """The text inside the function's JSON; what is no such JSON was meant as the text."""
    source = parse_chunk(arguments.encode("utf-8", "replace"))
    text = source.get(FREE_TEXT) if source is not None else None
    return text if isinstance(text, str) else arguments
