"""What was asked and answered, as text that is safe to show: cut where it is long, without control characters."""

import re

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.measure.message_words import content_text, is_drawable, picture_url

LONGEST = 4_000
"""Characters of one text that are shown."""
MOST_PICTURE_CHARS = 200_000
"""Of a picture that a page draws, 150 kB; a larger one is told in words, as a page shows many."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""What no reader sees: control characters, what turns the order of others around, what XML has no place for."""


def clean(text: str) -> str:
    """The text with a mark for each character that nobody could see."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def visible(text: str, longest: int = LONGEST) -> str:
    """The clean text, the end of a long one cut off, which it says."""
    cut = len(text) - longest
    shown = clean(text[:longest])
    return shown if cut <= 0 else f"{shown}\n[… {cut:,} more characters]"


def one_line(text: str, longest: int = 160) -> str:
    """The beginning of a text, on one line."""
    flat = " ".join(clean(text[: 4 * longest]).split())
    return flat if len(flat) <= longest and len(text) <= 4 * longest else flat[: longest - 1] + "…"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is shown. What is no text is named in brackets; `pictures` are those that a page may draw."""

    role: str
    text: str
    pictures: tuple[str, ...] = ()


def asked(body: JsonObject) -> list[Said]:
    """The messages of a request."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return []
    return [
        Said(
            role=str(message.get("role", "?")),
            text=content_text(message.get("content")),
            pictures=_pictures(message.get("content")),
        )
        for message in messages
        if isinstance(message, dict)
    ]


def question(body: JsonObject) -> str:
    """The last thing that a user says, to know an item by."""
    said = asked(body)
    return next((one.text for one in reversed(said) if one.role == "user"), said[-1].text if said else "")


def _pictures(content: Json) -> tuple[str, ...]:
    urls = [picture_url(part) for part in content] if isinstance(content, list) else []
    return tuple(url for url in urls if url and len(url) <= MOST_PICTURE_CHARS and is_drawable(url))
