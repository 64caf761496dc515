"""Content blocks of this format, read: as far as both ends share them."""

import base64

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Media, MediaKind, Opaque, Part, Reasoning, Text, ToolCall
from tiercel.wire.fields import leftovers

_TEXT = frozenset(("type", "text"))
_TOOL_USE = frozenset(("type", "id", "name", "input"))
_MEDIA = frozenset(("type", "source", "title"))
_MEDIA_KINDS: dict[str, MediaKind] = {"image": "image", "document": "file"}


def read_block(block: JsonObject) -> Part:
    """A block as a part; what is not one of ours, or not shaped as it should be, is kept as it is."""
    kind = block.get("type")
    part = _READERS.get(kind, _opaque)(block) if isinstance(kind, str) else None
    return part or _opaque(block)


def read_media(block: JsonObject) -> Media | None:
    """An image or document with a source that can be carried."""
    kind = _MEDIA_KINDS.get(block.get("type", ""))
    source = block.get("source")
    if kind is None or not isinstance(source, dict):
        return None
    title = block.get("title")
    extra = leftovers(block, _MEDIA)
    extra = {key: value for key, value in extra.items() if value is not None}
    filename = title if isinstance(title, str) else None
    data, given_type = source.get("data"), source.get("media_type")
    mime_type = given_type if isinstance(given_type, str) else None
    match source.get("type"):
        case "base64" if isinstance(data, str):
            return Media(kind=kind, data=data, mime_type=mime_type, filename=filename, extra=extra)
        case "text" if isinstance(data, str):
            coded = base64.b64encode(data.encode()).decode()
            return Media(kind=kind, data=coded, mime_type="text/plain", filename=filename, extra=extra)
        case "url" if isinstance(source.get("url"), str):
            return Media(kind=kind, url=source["url"], filename=filename, extra=extra)
        case "file" if isinstance(source.get("file_id"), str):
            return Media(kind=kind, file_id=source["file_id"], filename=filename, extra=extra)
        case _:
            return None


def _opaque(block: JsonObject) -> Part:
    return Opaque(source="anthropic", raw=block)


def _text(block: JsonObject) -> Part | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    extra = leftovers(block, _TEXT)
    if extra:
        extra = {key: value for key, value in extra.items() if value is not None}
    return Text(text=text, extra=extra)


def _tool_use(block: JsonObject) -> Part | None:
    call_id, name = block.get("id"), block.get("name")
    if not isinstance(call_id, str) or not isinstance(name, str):
        return None
    arguments = msgspec.json.encode(block.get("input") or {}).decode()
    extra = leftovers(block, _TOOL_USE)
    return ToolCall(id=call_id, name=name, arguments=arguments, extra=extra)


def _thinking(block: JsonObject) -> Part | None:
    text, signature = block.get("thinking"), block.get("signature")
    return Reasoning(
        text=text if isinstance(text, str) else "",
        signature=signature if isinstance(signature, str) and signature else None,
        source="anthropic",
    )


def _redacted(block: JsonObject) -> Part | None:
    data = block.get("data")
    return Reasoning(redacted=data, source="anthropic") if isinstance(data, str) else None


_READERS = {
    "text": _text,
    "tool_use": _tool_use,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "image": read_media,
    "document": read_media,
}
