"""Reads an answer for comparing: what of it counts, by kind. Two readings are then as cheap to compare as two keys."""

import re
from collections.abc import Hashable

import msgspec

from tiercel.checks.comparing.calls import calls_key
from tiercel.checks.comparing.final import Final, final_answer, plain, tight
from tiercel.checks.comparing.likeness import MAX_CHARS, Kind
from tiercel.checks.comparing.offered import asked_text, choice_in, offered_in
from tiercel.checks.comparing.program import code_in, tokens_of
from tiercel.checks.comparing.quantity import SCALES, UNITS, Quantity, has_decimal_comma, quantities
from tiercel.checks.comparing.values import NotAValueError, canonical, result_of, value_in
from tiercel.checks.comparing.words import negations, words_of
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Choice

TAIL_CHARS = 20_000
NUMERIC = re.compile(
    r"[\s$€£¥~≈+−-]*(?!0\d)(?:\\[dt]?frac\{\d+\}\{\d+\}|[\d.][\d.,’\u00a0\u202f /]*(?:[eE][-+]?\d+)?)"
    r"\s*\\?[%°€$£¥]?(?P<glued>[^\W\d_]*)(?:[\s-]+[^\W\d_]+[./]?){0,5}[\s.$]*"
)
"""A text that is one number with its unit, and perhaps a few words."""
MAX_GLUED = 4
"""Longer letters right behind a number are a unit only where they are a known one: `0ThisIsSo` is no number."""

MAX_NUMERIC_CHARS = 100
QUOTES = ("'", '"', "`")


class Reading(msgspec.Struct, frozen=True):
    """What counts of one answer. Equal keys say the same; so may different quantities (5 and 5 kg) and free texts.

    `silent` is why there is nothing to compare, "" where there is something. `found` is false where the answer has
    nothing of its kind (no number, none of the choices), so that it is compared as it stands.
    """

    key: Hashable
    silent: str = ""
    found: bool = True
    quantity: Quantity | None = None
    words: tuple[str, ...] = ()
    denials: int = 0


class Reader:
    """Reads answers to one request as one kind."""

    def __init__(self, request: ModelRequest, kind: Kind) -> None:
        self.kind = kind
        self._asked_with_comma = has_decimal_comma(asked_text(request)[:TAIL_CHARS])
        self._offered = offered_in(request) if kind in ("choice", "json") else None

    def read(self, answer: Choice) -> Reading:
        """What counts of this answer. Never raises."""
        if silent := silence(answer):
            return Reading(("silent", silent), silent=silent)
        text = answer.text
        if self.kind == "tool_calls" and answer.tool_calls:
            return Reading(calls_key(answer.tool_calls))
        if len(text) > MAX_CHARS or self.kind == "tool_calls":
            return _as_it_stands(text)
        match self.kind:
            case "json":
                return self._json(text)
            case "number":
                return self._number(text)
            case "choice":
                taken = choice_in(text, self._offered) if self._offered else None
                return Reading(("choice", taken)) if taken else _as_it_stands(text)
            case "code":
                code, language = code_in(text.strip() + "\n") or (text.strip(), "")
                return Reading(("code", tokens_of(code, language)))
            case "text":
                return _free(text)
            case "exact":
                return Reading(("exact", tight(final_answer(text).text)))

    def _json(self, text: str) -> Reading:
        try:
            value = result_of(value_in(text))
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                return self._short(str(value))
            return Reading(("json", canonical(value)))
        except NotAValueError:
            final = final_answer(text)
            return _as_it_stands(text) if final.mark == "none" else self._short(final.text.rstrip("},"))

    def _short(self, text: str) -> Reading:
        """The string that is a result: a number, a label that was offered, a list or object, else letter by letter."""
        text = text.strip()
        if _is_numeric(text):
            found = quantities(text, decimal_comma=self._has_comma(text))
            if len(found) == 1:
                return _quantity(found[0])
        if self._offered and (taken := choice_in(text, self._offered)):
            return Reading(("choice", taken))
        if text[:1] in ("[", "{"):
            try:
                return Reading(("json", canonical(value_in(text))))
            except NotAValueError:
                return Reading(("exact", tight(text)))
        if len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
            text = text[1:-1].strip()
        return Reading(("exact", tight(text) if "\\" in text else text))

    def _number(self, text: str) -> Reading:
        number = self.final_number(text)
        return _as_it_stands(text) if number is None else _quantity(number)

    def final_number(self, text: str) -> Quantity | None:
        """The number that an answer ends on."""
        final = final_answer(text)
        comma = self._has_comma(text[-TAIL_CHARS:])
        found = _number_of(final, comma)
        if found is None and final.mark != "none":
            found = _number_of(Final(text, "none"), comma)
        return found

    def _has_comma(self, text: str) -> bool:
        return self._asked_with_comma or has_decimal_comma(text)


def _is_numeric(text: str) -> bool:
    """Whether a text is one number with its unit, and perhaps a few words."""
    match = NUMERIC.fullmatch(text) if len(text) <= MAX_NUMERIC_CHARS else None
    if match is None:
        return False
    glued = match["glued"]
    if glued.lower() in UNITS or glued.lower() in SCALES:
        return True
    hyphened = text[match.end("glued") :].startswith("-")
    return len(glued) <= MAX_GLUED and not (glued and hyphened)


def silence(answer: Choice) -> str:
    """Why an answer says nothing that could be compared, "" where it does."""
    if answer.refusal or answer.finish.reason == "content_filter":
        return "refused"
    return "empty" if answer.is_empty else ""


def _number_of(final: Final, comma: bool) -> Quantity | None:
    """What stands after the last `=`, else the last number; after a mark that puts the answer first, the first."""
    _, equals, after = final.text[-TAIL_CHARS:].rpartition("=")
    if final.mark in ("box", "sentence"):
        found = quantities(after if equals else final.text[:TAIL_CHARS], decimal_comma=comma)
        return found[0] if found else None
    if final.mark == "line" and equals and (found := quantities(after, decimal_comma=comma)):
        return found[0]
    found = quantities(final.text[-TAIL_CHARS:], decimal_comma=comma)
    return found[-1] if found else None


def _quantity(number: Quantity) -> Reading:
    return Reading(("number", number.value, number.unit), quantity=number)


def _as_it_stands(text: str) -> Reading:
    return Reading(("text", plain(text)), found=False)


def _free(text: str) -> Reading:
    words = words_of(text)
    return Reading(("text", plain(text)), words=tuple(words), denials=negations(words))
