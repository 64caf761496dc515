"""Where thought signatures stand in our nouns.

A tool call's stands in `extra` as Google's own Chat Completions surface spells it, `extra_content.google
.thought_signature`, so that a Chat client sees it and gives it back. A text's stands under this format's name, as no
other format has a place for it. A block of thinking has its `signature`.

Another maker's seal travels to a client of this format and back inside a signature of our own making, which says whose
it is: that one's alphabet of base64 may be another, or none.
"""

import base64
from typing import NamedTuple, get_args

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Format, Reasoning

SKIPS_VALIDATION = "skip_thought_signature_validator"
"""What Google documents for calls that another model made, or whose signature is gone.

https://ai.google.dev/gemini-api/docs/thought-signatures (2026-11-20)
"""

FORMAT: Format = "gemini"
CALL_KEY = "extra_content"
_SENTINELS = frozenset((SKIPS_VALIDATION, "context_engineering_is_the_way_to_go"))
_FOREIGN = "tiercel-seal"
_PLAIN_ALPHABET = str.maketrans("-_", "+/")


def read_signature(part: JsonObject) -> str | None:
    """A part's signature in the alphabet Google writes it in; its SDK sends it back in the other one."""
    signature = part.get("thoughtSignature")
    if not isinstance(signature, str) or not signature:
        return None
    return signature if signature in _SENTINELS else plain_base64(signature)


def plain_base64(text: str) -> str:
    """Base64 as all vendors take it, from either alphabet."""
    return text.translate(_PLAIN_ALPHABET) if "-" in text or "_" in text else text


class ForeignSeal(NamedTuple):
    """A seal made in another format; `redacted` where it stands for thinking that nobody is shown."""

    source: Format
    seal: str
    redacted: bool


def write_foreign(part: Reasoning) -> str | None:
    """The signature under which another maker's seal travels, `None` where there is no seal."""
    seal = part.signature or part.redacted
    if not seal or part.source is None:
        return None
    kind = "redacted" if part.redacted else "sealed"
    return base64.b64encode(f"{_FOREIGN}:{part.source}:{kind}:{seal}".encode("utf-8", "replace")).decode()


def read_foreign(signature: str) -> ForeignSeal | None:
    """What `write_foreign` wrote, `None` for every other signature."""
    try:
        mark, source, kind, seal = base64.b64decode(signature, validate=True).decode("utf-8").split(":", 3)
    except ValueError:  # no base64, no text, or of fewer words
        return None
    known: Format | None = next((format for format in get_args(Format) if format == source), None)
    return ForeignSeal(known, seal, kind == "redacted") if mark == _FOREIGN and known else None


def text_mark(signature: str | None) -> JsonObject:
    """What a text's `extra` holds for its signature."""
    return {FORMAT: {"thoughtSignature": signature}} if signature else {}


def call_mark(signature: str | None) -> JsonObject:
    """What a tool call's `extra` holds for its signature."""
    return {CALL_KEY: {"google": {"thought_signature": signature}}} if signature else {}


def signature_of(extra: JsonObject) -> str | None:
    """The signature that a text's or a tool call's `extra` holds."""
    own = _object(extra.get(FORMAT)).get("thoughtSignature")
    carried = _object(_object(extra.get(CALL_KEY)).get("google")).get("thought_signature")
    signature = own or carried
    return signature if isinstance(signature, str) and signature else None


def unmarked(extra: JsonObject) -> JsonObject:
    """`extra` without its signature and what else is this format's alone."""
    return {key: value for key, value in extra.items() if key not in (FORMAT, CALL_KEY)}


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
