"""The client's own bytes with nothing but the model's name changed.

Finds the `model` of the outermost object, never one inside a message, a schema or a string. The body must have passed
`scan.parse_object`: only for valid JSON without duplicate keys is this exact.
"""

import re

import msgspec

from tiercel.wire.scan import outside_strings

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_KEY = b'"model"'
_NEAR_BYTES = 1_000
_BACKSLASH = ord("\\")


def splice_model(body: bytes, model: str) -> bytes | None:
    """`body` with the top-level `model` replaced, `None` where that key is spelled with escapes or is no string."""
    # clients put it before their messages or after them: from the nearer end there is little to look through
    position = body.find(_KEY, 0, _NEAR_BYTES)
    is_forward = position >= 0
    if not is_forward:
        position = body.rfind(_KEY)
    seen = 0 if is_forward else len(body)
    depth = 0
    while position >= 0:
        colon = _COLON.match(body, position + len(_KEY))
        # In valid JSON a quote without a backslash before it opens or closes a string, and a closing quote is never
        # followed by a letter: so this is a whole key.
        if colon is not None and body[position - 1] != _BACKSLASH:
            between = body[seen:position] if is_forward else body[colon.end() : seen]
            if b'"' in between:
                between = outside_strings(between)
            opened = between.count(b"{") + between.count(b"[") - between.count(b"}") - between.count(b"]")
            depth += opened if is_forward else -opened
            seen = colon.end() if is_forward else position
            if depth == 1:
                value = _STRING.match(body, colon.end())
                if value is None:
                    return None
                return body[: colon.end()] + msgspec.json.encode(model) + body[value.end() :]
        position = body.find(_KEY, position + 1) if is_forward else body.rfind(_KEY, 0, position)
    return None
