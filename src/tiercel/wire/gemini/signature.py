"""Where thought signatures stand in our nouns.

A tool call's stands in `extra` as Google's own Chat Completions surface spells it, `extra_content.google
.thought_signature`, so that a Chat client sees it and gives it back. A text's stands under this format's name, as no
other format has a place for it. A block of thinking has its `signature`.
"""

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Format

SKIPS_VALIDATION = "skip_thought_signature_validator"
"""What Google documents for calls that another model made, or whose signature is gone.

https://ai.google.dev/gemini-api/docs/thought-signatures (2026-11-20)
"""

FORMAT: Format = "gemini"
CALL_KEY = "extra_content"
_SENTINELS = frozenset((SKIPS_VALIDATION, "context_engineering_is_the_way_to_go"))
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
