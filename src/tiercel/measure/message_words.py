"""A message as a person reads it: its words, and what is no text named in brackets, `[image: PNG, 800x600, 8 kB]`."""

import base64
import re
import struct
from collections.abc import Iterable, Mapping

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.wire.data_url import split_data_url

DRAWABLE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
MOST_CHARS = 100
PNG_HEAD_CHARS = 32
"""Base64 of a PNG's first 24 bytes, which end with its width and height."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message in words. `pictures` are those of its pictures that a page may draw, as data URLs."""

    role: str
    text: str
    pictures: tuple[str, ...] = ()


def messages_of(body: Mapping[str, Json]) -> list[Said]:
    """The messages of a chat completions request."""
    messages = body.get("messages")
    return [
        Said(
            role=str(message.get("role", "")),
            text=content_text(message.get("content")),
            pictures=_drawable(message.get("content")),
        )
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, dict)
    ]


def content_text(content: Json) -> str:
    """The text of a message's content, in the form of chat completions."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(_part_text(part) for part in content if isinstance(part, dict))


def answer_text(text: str, tool_calls: Iterable[str]) -> str:
    """An answer as a person reads it: its words, and each call of a tool in brackets."""
    return "\n".join([*([text] if text else []), *(f"[calls {call}]" for call in tool_calls)])


def without_pictures(messages: Json) -> Json:
    """The messages with each inline picture told in words, in its own place."""
    match messages:
        case {"type": "image_url", "image_url": {"url": str(url)} as image} if (
            split_data_url(url) is not None
        ):
            return {**messages, "image_url": {**image, "url": picture_words(url)}}
        case dict():
            return {key: without_pictures(value) for key, value in messages.items()}
        case list():
            return [without_pictures(one) for one in messages]
        case _:
            return messages


def picture_url(part: Json) -> str | None:
    """The address of the picture that this part of a message is; `None` for any other part."""
    match part:
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return url
    return None


def picture_words(url: str) -> str:
    """What there is to say of the picture: its address, or its form and size."""
    inline = split_data_url(url)
    if inline is None:
        return f"[image: {url[:MOST_CHARS]}]"
    mime_type, data = inline
    facts = [(mime_type or "?").removeprefix("image/").upper()[:MOST_CHARS], *_sides(mime_type, data)]
    return f"[image: {', '.join(facts)}, {max(1, round(len(data) * 3 / 4_000)):,} kB]"


def _drawable(content: Json) -> tuple[str, ...]:
    """Pictures of a known form, which are nothing but that."""
    urls = [picture_url(part) for part in content] if isinstance(content, list) else []
    return tuple(url for url in urls if url is not None and DRAWABLE.fullmatch(url))


def _part_text(part: JsonObject) -> str:
    url = picture_url(part)
    if url is not None:
        return picture_words(url)
    text = part.get("text")
    return text if isinstance(text, str) else f"[{part.get('type', 'part')}]"


def _sides(mime_type: str | None, data: str) -> list[str]:
    """Width and height of a PNG, which has them in its first bytes."""
    head = data[:PNG_HEAD_CHARS]
    if mime_type != "image/png" or len(head) < PNG_HEAD_CHARS:
        return []
    try:
        width, height = struct.unpack_from(">II", base64.b64decode(head, validate=True), 16)
    except ValueError:
        return []
    return [f"{width}x{height}"]
