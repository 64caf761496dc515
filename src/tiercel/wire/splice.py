"""The client's own bytes with nothing but the model's name changed.

Finds the `model` of the outermost object, never one inside a message, a schema or a string. The body must have passed
`scan.parse_object`: only for valid JSON without duplicate keys is this exact.
"""

import re

import msgspec

from tiercel.wire.scan import outside_strings

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# In valid JSON a quote without a backslash before it opens or closes a string, and a closing quote is never followed
# by a letter: so each match is a whole key.
_MODEL_KEY = re.compile(rb'(?<!\\)"model"[ \t\r\n]*:[ \t\r\n]*')


def splice_model(body: bytes, model: str) -> bytes | None:
    """`body` with the top-level `model` replaced, `None` where that key is spelled with escapes or is no string."""
    depth = 0
    seen = 0
    for match in _MODEL_KEY.finditer(body):
        between = body[seen : match.start()]
        if b'"' in between:  # in many a request the model comes first
            between = outside_strings(between)
        depth += between.count(b"{") + between.count(b"[") - between.count(b"}") - between.count(b"]")
        seen = match.end()
        if depth == 1:
            value = _STRING.match(body, seen)
            if value is None:
                return None
            return body[:seen] + msgspec.json.encode(model) + body[value.end() :]
    return None
