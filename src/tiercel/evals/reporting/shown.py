"""What was asked and answered, as text that is safe to show: cut where it is long, without control characters."""

import re

from tiercel.domain.json import JsonObject
from tiercel.measure.message_words import messages_of

LONGEST = 4_000
"""Characters of one text that are shown."""

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


def question(body: JsonObject) -> str:
    """The last thing that a user says, to know an item by."""
    said = messages_of(body)
    return next((one.text for one in reversed(said) if one.role == "user"), said[-1].text if said else "")
