"""The content of messages and tool results in a request: `input_text` and its kin as parts, and back."""

from collections.abc import Sequence

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Media, Opaque, Part, Refusal, Text
from tiercel.wire import fields
from tiercel.wire.data_url import join_data_url, split_data_url
from tiercel.wire.openai_responses.own_fields import FORMAT

UNREAD = "content_part"
"""The key under which an `Opaque` holds a part of content; one that holds an item is the item itself."""
ANNOTATION = "response.output_text.annotation.added"
"""The type of an `Opaque` that marks a place in the text before it: the event's own name."""
DEFAULT_FILENAME = "file"
_TEXTS = ("input_text", "output_text", "text", "summary_text")


def read_content(content: Json, param: str) -> tuple[Part, ...]:
    """Raises `CallerError` naming the part."""
    if isinstance(content, str):
        return (Text(text=content),)
    if not isinstance(content, list):
        fields.refuse(param, "a string or a list of parts", content)
    return tuple(part for index, item in enumerate(content) for part in _read_part(item, f"{param}[{index}]"))


def _read_part(value: Json, param: str) -> list[Part]:
    part = fields.as_object(value, param)
    kind = fields.text(part, "type", f"{param}.type")
    if kind == "output_text":
        text = fields.text(part, "text", f"{param}.text")
        extra = fields.leftovers(part, frozenset(("type", "text", "annotations", "logprobs")))
        marks = fields.optional_list(part, "annotations", f"{param}.annotations") or []
        return [Text(text=text, extra=extra), *(annotation(mark) for mark in marks)]
    if kind in _TEXTS:
        extra = fields.leftovers(part, frozenset(("type", "text")))
        return [Text(text=fields.text(part, "text", f"{param}.text"), extra=extra)]
    if kind == "refusal":
        return [Refusal(text=fields.text(part, "refusal", f"{param}.refusal"))]
    if kind == "input_image":
        return [_read_image(part, param)]
    if kind == "input_file":
        return [_read_file(part, param)]
    if kind == "input_audio":
        return [_read_audio(part, param)]
    return [Opaque(source=FORMAT, raw={UNREAD: part})]


def annotation(mark: Json) -> Opaque:
    """An annotation of the text before it."""
    return Opaque(source=FORMAT, raw={"type": ANNOTATION, "annotation": mark})


def is_annotation(raw: Json) -> bool:
    """Whether an `Opaque` of this format holds an annotation (under `annotation`), not an item."""
    return isinstance(raw, dict) and raw.get("type") == ANNOTATION


def _read_image(part: JsonObject, param: str) -> Media:
    url = fields.optional_text(part, "image_url", f"{param}.image_url")
    inline = split_data_url(url) if url is not None else None
    file_id = fields.optional_text(part, "file_id", f"{param}.file_id")
    if url is None and file_id is None:
        fields.refuse(f"{param}.image_url", "a URL", None)
    return Media(
        kind="image",
        url=url if inline is None else None,
        mime_type=inline[0] if inline else None,
        data=inline[1] if inline else None,
        file_id=file_id,
        detail=fields.optional_text(part, "detail", f"{param}.detail"),
        extra=fields.leftovers(part, frozenset(("type", "image_url", "file_id", "detail"))),
    )


def _read_file(part: JsonObject, param: str) -> Media:
    data = fields.optional_text(part, "file_data", f"{param}.file_data")
    inline = split_data_url(data) if data is not None else None
    known = frozenset(("type", "file_data", "file_id", "file_url", "filename", "detail"))
    return Media(
        kind="file",
        url=fields.optional_text(part, "file_url", f"{param}.file_url"),
        data=inline[1] if inline else data,
        mime_type=inline[0] if inline else None,
        file_id=fields.optional_text(part, "file_id", f"{param}.file_id"),
        filename=fields.optional_text(part, "filename", f"{param}.filename"),
        detail=fields.optional_text(part, "detail", f"{param}.detail"),
        extra=fields.leftovers(part, known),
    )


def _read_audio(part: JsonObject, param: str) -> Media:
    body = fields.as_object(part.get("input_audio"), f"{param}.input_audio")
    audio_format = fields.text(body, "format", f"{param}.input_audio.format")
    return Media(
        kind="audio",
        data=fields.text(body, "data", f"{param}.input_audio.data"),
        mime_type=f"audio/{audio_format}",
        extra=fields.leftovers(part, frozenset(("type", "input_audio"))),
    )


class ContentWriter:
    """Writes parts for one server; what it cannot carry is added to `lost`.

    `native` says that the client spoke this format, so that its unread fields mean something here.
    """

    def __init__(self, native: bool, lost: list[str]) -> None:
        self._native = native
        self._lost = lost

    def kept(self, extra: JsonObject, param: str) -> JsonObject:
        """The unread fields, without this format's own, or nothing where they were another format's."""
        if self._native:
            return fields.shared(extra)
        self._lost.extend(f"{param}.{key}" for key in extra)
        return {}

    def missing(self, name: str) -> None:
        """Notes that something is left out."""
        self._lost.append(name)

    def input_parts(self, parts: Sequence[Part], param: str) -> list[JsonObject]:
        """Parts of whoever speaks to the model."""
        return [written for part in parts if (written := self._input_part(part, param)) is not None]

    def _input_part(self, part: Part, param: str) -> JsonObject | None:
        match part:
            case Text():
                return {"type": "input_text", "text": part.text, **self.kept(part.extra, param)}
            case Refusal():
                return {"type": "input_text", "text": part.text}
            case Media():
                return self._media(part, param)
            case Opaque(source="openai_responses") if isinstance(part.raw, dict) and UNREAD in part.raw:
                unread: JsonObject = part.raw[UNREAD]
                return unread
            case _:
                self.missing(f"{param}.content")
                return None

    def _media(self, part: Media, param: str) -> JsonObject | None:
        written = _WRITERS[part.kind](part)
        if written is None:
            self.missing(f"{param}.{part.kind}")
            return None
        return {**written, **self.kept(part.extra, param)}


def output_text(part: Text | Refusal) -> JsonObject:
    """A piece of what the model said, as its history or its answer holds it."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}


def _image(part: Media) -> JsonObject | None:
    url = part.url if part.data is None else join_data_url(part.mime_type, part.data)
    detail = {"detail": part.detail or "auto"}
    if url is not None:
        return {"type": "input_image", "image_url": url, **detail}
    return {"type": "input_image", "file_id": part.file_id, **detail} if part.file_id else None


def _file(part: Media) -> JsonObject | None:
    written: JsonObject = {"type": "input_file"}
    if part.data is not None:
        written["filename"] = part.filename or DEFAULT_FILENAME
        written["file_data"] = join_data_url(part.mime_type, part.data) if part.mime_type else part.data
    elif part.url is not None:
        written["file_url"] = part.url
    elif part.file_id is not None:
        written["file_id"] = part.file_id
    else:
        return None
    return written | ({"detail": part.detail} if part.detail is not None else {})


def _audio(part: Media) -> JsonObject | None:
    if part.data is None:
        return None
    audio_format = (part.mime_type or "audio/wav").partition("/")[2]
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": audio_format}}


def _video(part: Media) -> JsonObject | None:
    """This format has no video."""
    return None


_WRITERS = {"image": _image, "file": _file, "audio": _audio, "video": _video}
