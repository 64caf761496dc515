"""Reads JSON as strictly as anyone downstream might: no duplicate keys, no NaN, nothing that is not Unicode.

What passes here parses with `json.loads` and means the same to every parser.
"""

import json
import re
from typing import NoReturn

from tiercel.domain.json import Json

LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""Where half of a surrogate pair may stand, escaped or as it is."""


class NotJSONError(ValueError):
    """Why a text is not strict JSON, in words that quote nothing of it."""


def parse_strict(text: str) -> Json:
    """The value of a JSON text. Raises `NotJSONError`."""
    try:
        value = DECODER.decode(text)
        if LONE_SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        # Without the place: a re-asked model cannot count columns, and repairs have moved it.
        words = error.msg.removesuffix(" starting at").removesuffix(" at")
        raise NotJSONError(words[0].lower() + words[1:]) from None
    except UnicodeEncodeError:
        raise NotJSONError("half of a surrogate pair") from None
    except RecursionError:
        raise NotJSONError("nested too deeply") from None
    except NotJSONError:
        raise
    except ValueError:  # an integer of more digits than Python reads
        raise NotJSONError("a number out of range") from None
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise NotJSONError("an object has the same key twice")
    return unique


def _no_constant(name: str) -> NoReturn:
    raise NotJSONError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise NotJSONError("a number out of range")
    return number


DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
