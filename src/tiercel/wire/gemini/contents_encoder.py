"""`Message`s as Gemini's `systemInstruction` and `contents`.

Their rules: the system prompt stands apart; roles alternate, so neighbours of one role are joined; all results of a
turn's calls stand in one user turn, in the order of the calls, as objects; since Gemini 3 the first call of each step
of the current turn has a thought signature, or the word that says there is none to be had.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import (
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from tiercel.wire.arguments import arguments_object
from tiercel.wire.data_url import sniffed_type
from tiercel.wire.gemini.contents_decoder import ERROR, OUTPUT
from tiercel.wire.gemini.fetched import is_fetched, type_at
from tiercel.wire.gemini.parts import DETAILS
from tiercel.wire.gemini.signature import FORMAT, SKIPS_VALIDATION, signature_of, text_mark, unmarked
from tiercel.wire.provenance import seal_of
from tiercel.wire.scan import parse_chunk

REFERENCE = "$ref"
_RESOLUTIONS = {detail: level for level, detail in DETAILS.items()}
_SHARED_RESOLUTIONS = ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH")
_DEFAULT_TYPES = {"audio": "audio/wav", "video": "video/mp4"}


class ContentsEncoder:
    """Writes one conversation; what cannot be carried is added to `lost`.

    `native` says that the client spoke this format, so that its unread fields mean something here. `resolution` is,
    after encoding, what the pictures of a client of another format ask for together.
    """

    def __init__(self, native: bool, lost: list[str]) -> None:
        self._native = native
        self._lost = lost
        self._system: list[JsonObject] = []
        self._contents: list[JsonObject] = []
        self._names: dict[str, str] = {}  # by call id, in the order of the calls
        self.resolution: str | None = None

    def encode(self, messages: Sequence[Message]) -> tuple[list[JsonObject], list[JsonObject]]:
        """The parts of the system instruction, and the contents."""
        for index, message in enumerate(messages):
            self._take(message, f"messages[{index}]")
        contents = [content for content in self._contents if content["parts"]]
        places = {call_id: place for place, call_id in enumerate(self._names)}
        for content in contents:
            _put_results_in_order(content["parts"], places)
        if not contents:  # instructions alone are no conversation
            return [], [{"role": "user", "parts": self._system}] if self._system else []
        return self._system, contents

    def _take(self, message: Message, param: str) -> None:
        if message.name is not None:
            self._lost.append(f"{param}.name")
        extra = self._kept(message.extra, param)
        own = message.parts if self._native else _with_seals_in_place(message.parts)
        parts = [written for part in own for written in self._written(part, param)]
        if message.role in ("system", "developer"):
            self._system += parts
        else:
            self._add("model" if message.role == "assistant" else "user", parts, extra)

    def _add(self, role: str, parts: list[JsonObject], extra: JsonObject) -> None:
        if not parts and not extra:
            return
        if not self._contents or self._contents[-1]["role"] != role or extra:
            self._contents.append({"role": role, "parts": [], **extra})
        self._contents[-1]["parts"] += parts

    def _kept(self, extra: JsonObject, param: str) -> JsonObject:
        if self._native:
            return unmarked(extra)
        self._lost.extend(f"{param}.{key}" for key in unmarked(extra))
        return {}

    def _written(self, part: Part, param: str) -> list[JsonObject]:
        match part:
            case Text():
                return self._text(part, param)
            case ToolCall():
                return [self._call(part, param)]
            case ToolResult():
                return self._result(part, param)
            case Media():
                return self._media(part, param)
            case Refusal():
                return [{"text": part.text}] if part.text else []
            case Reasoning():
                return self._thought(part, param)
            case Opaque() if part.source == FORMAT and isinstance(part.raw, dict):
                return [part.raw]
            case _:
                self._lost.append(f"{param}.content")
                return []

    def _text(self, part: Text, param: str) -> list[JsonObject]:
        written = {"text": part.text, **_signed(signature_of(part.extra)), **self._kept(part.extra, param)}
        return [written] if part.text or len(written) > 1 else []

    def _thought(self, part: Reasoning, param: str) -> list[JsonObject]:
        if part.source != FORMAT:
            self._lost.append(f"{param}.reasoning")
            return []
        written = {"text": part.text, "thought": True, **_signed(part.signature)}
        return [{**written, **self._kept(part.extra, param)}]

    def _call(self, call: ToolCall, param: str) -> JsonObject:
        self._names[call.id] = call.name
        extra = self._kept(call.extra, param)
        body = {"id": call.id, "name": call.name, "args": arguments_object(call.arguments)}
        body |= extra.pop("functionCall", {})
        return {"functionCall": body, **_signed(signature_of(call.extra)), **extra}

    def _result(self, result: ToolResult, param: str) -> list[JsonObject]:
        extra = self._kept(result.extra, param)
        body: JsonObject = {
            "id": result.call_id,
            "name": self._names.get(result.call_id) or _own_name(result.extra) or result.call_id,
            "response": _response(result),
        }
        shown = [w for part in result.parts if isinstance(part, Media) for w in self._media(part, param)]
        unread = extra.pop("functionResponse", {})
        body |= unread
        written: list[JsonObject] = [{"functionResponse": body, **extra}]
        if shown and self._native:
            body["parts"] = [*shown, *unread.get("parts", ())]
        elif shown:  # inside the result only newer models take pictures: beside it all do
            written += [{"text": f"Returned by tool call {result.call_id}:"}, *shown]
        return written

    def _media(self, part: Media, param: str) -> list[JsonObject]:
        extra = self._kept(part.extra, param)
        key, source = _source(part, self._native)
        if source is None:
            self._lost.append(f"{param}.{part.kind}")
            return []
        if part.filename is not None:
            source["displayName"] = part.filename
        written: JsonObject = {key: {**source, **extra.pop(key, {})}}
        level = _RESOLUTIONS.get(part.detail or "")
        if part.detail is not None and level is None and part.detail != "auto":
            self._lost.append(f"{param}.{part.kind}.detail")
        if level is not None and self._native:
            written["mediaResolution"] = {"level": level}
        elif level is not None:
            self._share(level)
        return [{**written, **extra}]

    def _share(self, level: str) -> None:
        """One resolution for all pictures of a call, as every model takes it: the highest that one of them asks for."""
        low, high = _SHARED_RESOLUTIONS
        if self.resolution != high:
            self.resolution = low if level == low else high


def lacks_signatures(messages: Sequence[Message]) -> bool:
    """Whether a step of the current turn has a first call without a signature."""
    for at in reversed(range(len(messages))):
        if messages[at].role == "user" and (at == 0 or messages[at - 1].role != "tool"):
            return False
        call = next((part for part in messages[at].parts if isinstance(part, ToolCall)), None)
        if call is not None and signature_of(call.extra) is None:
            return True
    return False


def skip_validation(contents: Sequence[JsonObject]) -> None:
    """Gives the first call of each step of the current turn the documented word where its signature is missing."""
    for part in _first_calls(contents):
        part.setdefault("thoughtSignature", SKIPS_VALIDATION)


def _with_seals_in_place(parts: Sequence[Part]) -> Sequence[Part]:
    """The seal of a text, which a client of another format gives back apart from it, on that text again: on the next
    part that has none of its own."""
    loose = [part for part in parts if _is_loose(part)]
    if not loose:
        return parts
    placed: list[Part] = []
    for part in parts:
        if _is_loose(part):
            continue
        if loose and isinstance(part, Text | ToolCall) and signature_of(part.extra) is None:
            part = replace(part, extra={**part.extra, **text_mark(seal_of(loose.pop(0)))})
        placed.append(part)
    return [*placed, *(Text(text="", extra=text_mark(seal_of(part))) for part in loose)]


def _is_loose(part: Part) -> bool:
    return isinstance(part, Reasoning) and part.source == FORMAT and not part.text and bool(part.signature)


def _first_calls(contents: Sequence[JsonObject]) -> list[JsonObject]:
    """The current turn begins after the last thing a user said without a tool's result beside it."""
    began = max((at for at, content in enumerate(contents) if _is_said_by_user(content)), default=-1)
    steps = [content for content in contents[began + 1 :] if content.get("role") == "model"]
    firsts = (next((p for p in step["parts"] if "functionCall" in p), None) for step in steps)
    return [part for part in firsts if part is not None]


def _is_said_by_user(content: JsonObject) -> bool:
    return content.get("role") == "user" and not any("functionResponse" in part for part in content["parts"])


def _signed(signature: str | None) -> JsonObject:
    return {"thoughtSignature": signature} if signature else {}


def _put_results_in_order(parts: list[JsonObject], places: dict[str, int]) -> None:
    results = [part for part in parts if "functionResponse" in part]
    if not results:
        return
    results.sort(key=lambda part: places.get(part["functionResponse"]["id"], len(places)))
    parts[:] = [*results, *(part for part in parts if "functionResponse" not in part)]


def _own_name(extra: JsonObject) -> str:
    own = extra.get(FORMAT)
    name = own.get("name") if isinstance(own, dict) else None
    return name if isinstance(name, str) else ""


def _response(result: ToolResult) -> JsonObject:
    """What a tool said, as the object that is demanded."""
    text = "".join(part.text for part in result.parts if isinstance(part, Text))
    read = parse_chunk(text.encode("utf-8", "replace"))
    if read is not None and _holds_reference(read):
        read = None  # the API takes such a key for a reference of its own
    if result.is_error:
        return {ERROR: text if read is None else read}
    return {OUTPUT: text} if read is None else read


def _holds_reference(value: Json) -> bool:
    level: list[Json] = [value]
    while level:
        below: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                if REFERENCE in item:
                    return True
                below += item.values()
            elif isinstance(item, list):
                below += item
        level = below
    return False


def _source(part: Media, native: bool) -> tuple[str, JsonObject | None]:
    if part.data is not None:
        mime_type = sniffed_type(part.data) or part.mime_type or _DEFAULT_TYPES.get(part.kind)
        return "inlineData", {"mimeType": mime_type, "data": part.data} if mime_type else None
    if part.url is None or not (native or is_fetched(part)):
        return "fileData", None
    mime_type = part.mime_type if native else type_at(part)
    typed = {"mimeType": mime_type} if mime_type else {}
    return "fileData", {**typed, "fileUri": part.url}
