"""Compares JSON by what it means: 5 is 5.0, the order of keys is nothing, the order of an array is something.

Where an answer gives its reasons beside its result, as many prompts ask for it, only the result counts.
"""

import json
from collections.abc import Hashable
from fractions import Fraction

from tiercel.checks.comparing.likeness import MAX_CHARS
from tiercel.checks.json_repair import candidates
from tiercel.checks.json_text import NotJSONError, parse_strict
from tiercel.domain.json import Json, JsonObject

MAX_CANDIDATES = 6
MAX_DEPTH = 64

EXPLAINING_WORDS = (
    "reasoning reason reasons explanation explanations explain rationale thought thoughts thinking analysis steps "
    "working chain_of_thought comment comments note notes confidence justification begründung erklärung"
)
EXPLAINING = frozenset(EXPLAINING_WORDS.split())
"""Keys that say why and not what."""


class NotAValueError(ValueError):
    """A text that holds no JSON that could be compared."""


def value_in(text: str) -> Json:
    """The JSON of an answer, out of its fence or the prose around it. Raises `NotAValueError`."""
    if len(text) > MAX_CHARS or not any(bracket in text for bracket in '{["'):
        return _parsed(text)
    for number, candidate in enumerate(candidates(text)):
        if number == MAX_CANDIDATES:
            break
        try:
            return _parsed(candidate.text)
        except NotAValueError:
            continue
    raise NotAValueError("not JSON")


def result_of(value: Json) -> Json:
    """The value without its explanations; where one key is left of several, what stands there."""
    if not isinstance(value, dict):
        return value
    rest: JsonObject = {key: item for key, item in value.items() if key.lower() not in EXPLAINING}
    if not rest or len(rest) == len(value):
        return value
    return next(iter(rest.values())) if len(rest) == 1 else rest


def canonical(value: Json, depth: int = 0) -> Hashable:
    """A form that is equal for values that mean the same. Raises `NotAValueError` where it nests too deeply."""
    if depth > MAX_DEPTH:
        raise NotAValueError("nested too deeply")
    if isinstance(value, bool) or value is None:
        return ("constant", json.dumps(value))
    if isinstance(value, int | float):
        return ("number", Fraction(value) if isinstance(value, int) else Fraction(repr(value)))
    if isinstance(value, str):
        return ("text", value.strip())
    if isinstance(value, list):
        return ("array", tuple(canonical(item, depth + 1) for item in value))
    return ("object", frozenset((key, canonical(item, depth + 1)) for key, item in value.items()))


def _parsed(text: str) -> Json:
    if len(text) > MAX_CHARS:
        raise NotAValueError("too long")
    try:
        return parse_strict(text)
    except NotJSONError as error:
        raise NotAValueError(str(error)) from None
