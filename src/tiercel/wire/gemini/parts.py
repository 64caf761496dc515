"""Parts of this format, read: as far as both ends share them."""

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Media, MediaKind, Opaque, Part, Reasoning, Text, ToolCall
from tiercel.wire.fields import leftovers
from tiercel.wire.gemini.fetched import is_video_page
from tiercel.wire.gemini.signature import (
    FORMAT,
    call_mark,
    plain_base64,
    read_signature,
    text_mark,
)
from tiercel.wire.gemini.spelling import camel

DETAILS = {
    "MEDIA_RESOLUTION_LOW": "low",
    "MEDIA_RESOLUTION_HIGH": "high",
    "MEDIA_RESOLUTION_ULTRA_HIGH": "original",
}
_TEXT = frozenset(("text", "thought", "thoughtSignature"))
_CALL = frozenset(("functionCall", "thoughtSignature"))
_CALL_BODY = frozenset(("id", "name", "args"))
_MEDIA = frozenset(("inlineData", "fileData"))
_SOURCE = frozenset(("mimeType", "data", "fileUri", "displayName"))
_KINDS: dict[str, MediaKind] = {"image": "image", "video": "video", "audio": "audio"}


def read_part(part: JsonObject) -> Part:
    """Text, thinking or media as such; what is not one of these, or not shaped as it should be, as it is."""
    text = part.get("text")
    if isinstance(text, str):
        signature = read_signature(part)
        extra = leftovers(part, _TEXT)
        if part.get("thought") is True:
            return Reasoning(text=text, signature=signature, source=FORMAT, extra=extra)
        return Text(text=text, extra={**extra, **text_mark(signature)})
    if part.keys() == {"thoughtSignature"} and (signature := read_signature(part)):
        return Text(text="", extra=text_mark(signature))
    return read_media(part) or Opaque(source=FORMAT, raw=part)


def read_call(part: JsonObject, call: JsonObject, call_id: str) -> ToolCall:
    """A `functionCall` part under this id."""
    rest = leftovers(call, _CALL_BODY)
    extra = {**leftovers(part, _CALL), **({"functionCall": rest} if rest else {})}
    return ToolCall(
        id=call_id,
        name=text_in(call, "name"),
        arguments=arguments_text(call.get("args")),
        extra={**extra, **call_mark(read_signature(part))},
    )


def read_media(part: JsonObject) -> Media | None:
    """An `inlineData` or `fileData` part that can be carried."""
    key = next((name for name in ("inlineData", "fileData") if isinstance(part.get(name), dict)), None)
    if key is None:
        return None
    source = camel(part[key], key)
    mime_type = text_in(source, "mimeType") or None
    detail, extra = _detail(leftovers(part, _MEDIA))
    rest = leftovers(source, _SOURCE)
    if rest:
        extra = {**extra, key: rest}
    filename = text_in(source, "displayName") or None
    if key == "inlineData" and isinstance(source.get("data"), str):
        return Media(
            kind=_kind(mime_type, ""),
            data=plain_base64(source["data"]),
            mime_type=mime_type,
            filename=filename,
            detail=detail,
            extra=extra,
        )
    url = source.get("fileUri")
    if key != "fileData" or not isinstance(url, str):
        return None
    return Media(
        kind=_kind(mime_type, url),
        url=url,
        mime_type=mime_type,
        filename=filename,
        detail=detail,
        extra=extra,
    )


def arguments_text(args: Json) -> str:
    """Arguments as JSON text; a call without any may leave them out."""
    return msgspec.json.encode({} if args is None else args).decode()


def text_in(source: JsonObject, key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def _detail(extra: JsonObject) -> tuple[str | None, JsonObject]:
    """The resolution a part asks for, where others have a word for it, and what is left."""
    asked = extra.get("mediaResolution")
    if not isinstance(asked, dict) or asked.keys() != {"level"} or not isinstance(asked["level"], str):
        return None, extra
    detail = DETAILS.get(asked["level"])
    if detail is None:
        return None, extra
    return detail, {key: value for key, value in extra.items() if key != "mediaResolution"}


def _kind(mime_type: str | None, url: str) -> MediaKind:
    if mime_type is None and is_video_page(url):
        return "video"
    return _KINDS.get((mime_type or "").partition("/")[0], "file")
