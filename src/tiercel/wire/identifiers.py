"""Tool call ids that every provider takes."""

import hashlib
import re
import zlib

MAX_LENGTH = 64
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


def short_id(call_id: str) -> str:
    """The same id where it is short enough, else one made from it."""
    return call_id if 0 < len(call_id) <= MAX_LENGTH else portable_id(call_id)


def portable_id(call_id: str) -> str:
    """The same id where it already fits `[a-zA-Z0-9_-]{1,64}`, else one made from it.

    A call and its result meet because equal ids give equal ids; a checksum keeps different ones apart.
    """
    if call_id and len(call_id) <= MAX_LENGTH and _ILLEGAL.search(call_id) is None:
        return call_id
    mark = f"_{zlib.crc32(call_id.encode('utf-8', 'replace')):08x}"
    return (_ILLEGAL.sub("_", call_id)[: MAX_LENGTH - len(mark)] or "call") + mark


def sized_id(call_id: str, length: int) -> str:
    """The same id where it is `length` letters and digits, else one of that kind made from it."""
    if len(call_id) == length and call_id.isascii() and call_id.isalnum():
        return call_id
    return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:length]


def minted_id(answer_id: str, number: int) -> str:
    """An id for a call that came without one: `call_0`, with the answer's id in it where there is one, so that ids
    of several turns differ."""
    tail = _ILLEGAL.sub("", answer_id)[-12:]
    return f"call_{tail}_{number}" if tail else f"call_{number}"
