"""Answers that are no good although they begin well: what `Fault.answer` names, as changes to a delivery. Pure.

Each is what some server was seen to do, or what a hostile one could: see the rows of the fault table in the docs.
"""

import zlib
from collections.abc import Callable
from functools import cache
from typing import Literal

import msgspec

from tiercel.domain.request import Format
from tiercel.testing.delivery import Delivery
from tiercel.testing.replies import Said, good_answer

OddAnswer = Literal[
    "html",
    "nothing",
    "malformed",
    "wrong_shape",
    "duplicate_keys",
    "not_a_number",
    "empty",
    "thought_away",
    "filtered",
    "huge",
    "flood",
    "gzip_bomb",
    "many_headers",
    "huge_header",
    "nul_in_header",
    "interim_flood",
    "redirect",
    "finish_twice",
    "end_missing",
]
Odd = Callable[[Delivery, Format, int], Delivery]

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
MEGABYTE = 1_000_000
HUGE_MEGABYTES = 100
FLOOD_EVENTS = 1_000_000
FLOOD_AT_ONCE = 1_000
MANY_HEADERS = 10_000
INTERIM_ANSWERS = 1_000

_FINISHES: dict[Format, tuple[bytes, ...]] = {
    "openai_chat": (b'"finish_reason":"',),
    "openai_responses": (b"event: response.completed", b"event: response.incomplete"),
    "anthropic": (b"event: message_delta",),
    "gemini": (b'"finishReason"',),
    "ollama": (b'"done":true',),
}
_END_MARKS: dict[Format, bytes] = {"openai_chat": b"data: [DONE]", "anthropic": b"event: message_stop"}
"""What closes a stream after its finish, in the formats that have more than the finish."""
_FILLERS: dict[Format, bytes] = {
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "gemini": b"data: {}\n\n",
    "ollama": b"\n",
}
_COMMENT = b": still here\n\n"


def make_odd(name: OddAnswer, delivery: Delivery, format: Format, after: int) -> Delivery:
    """The delivery as this oddity leaves it; `after` is the piece it happens at, where it happens at one."""
    return _ODDITIES[name](delivery, format, after)


def _html(delivery: Delivery, format: Format, after: int) -> Delivery:
    return Delivery(headers=(("content-type", "text/html; charset=utf-8"),), pieces=(HTML,))


def _nothing(delivery: Delivery, format: Format, after: int) -> Delivery:
    return Delivery(headers=delivery.headers)


def _malformed(delivery: Delivery, format: Format, after: int) -> Delivery:
    if not delivery.stream:
        whole = b"".join(delivery.pieces)
        return msgspec.structs.replace(delivery, pieces=(whole[: len(whole) // 2],), length=None)
    return _in_place_of(delivery, after, _frame(format, b'{"id": "half an even'))


def _wrong_shape(delivery: Delivery, format: Format, after: int) -> Delivery:
    body = b'{"choices": "none", "content": 5, "output": null, "candidates": {}, "message": [], "type": 7}'
    if delivery.stream:
        return _in_place_of(delivery, after, _frame(format, body))
    return msgspec.structs.replace(delivery, pieces=(body,), length=None)


def _duplicate_keys(delivery: Delivery, format: Format, after: int) -> Delivery:
    return _with_first_keys(delivery, after, b'"simulated":1,"simulated":2,')


def _not_a_number(delivery: Delivery, format: Format, after: int) -> Delivery:
    return _with_first_keys(delivery, after, b'"simulated":NaN,')


def _empty(delivery: Delivery, format: Format, after: int) -> Delivery:
    return good_answer(Said(output_tokens=1), format, stream=delivery.stream)


def _thought_away(delivery: Delivery, format: Format, after: int) -> Delivery:
    said = Said(reasoning="Thinking, and no end.", finish="length", output_tokens=100, reasoning_tokens=100)
    return good_answer(said, format, stream=delivery.stream)


def _filtered(delivery: Delivery, format: Format, after: int) -> Delivery:
    return good_answer(Said(finish="content_filter", output_tokens=1), format, stream=delivery.stream)


def _huge(delivery: Delivery, format: Format, after: int) -> Delivery:
    """One line, or one text, that does not end for a hundred megabytes."""
    beginning = _frame(format, b'{"id": "').rstrip(b"\n") if delivery.stream else b'{"id": "'
    return msgspec.structs.replace(
        delivery, pieces=(beginning, *(b"x" * MEGABYTE,) * HUGE_MEGABYTES), length=None
    )


def _flood(delivery: Delivery, format: Format, after: int) -> Delivery:
    """A million events that say nothing; a body that is no stream is a million spaces instead."""
    filler = _FILLERS.get(format, _COMMENT) if delivery.stream else b" "
    pieces = (filler * FLOOD_AT_ONCE,) * (FLOOD_EVENTS // FLOOD_AT_ONCE)
    return msgspec.structs.replace(delivery, pieces=(*pieces, *delivery.pieces), length=None)


def _gzip_bomb(delivery: Delivery, format: Format, after: int) -> Delivery:
    headers = (*delivery.headers, ("content-encoding", "gzip"))
    return msgspec.structs.replace(delivery, headers=headers, pieces=(_bomb(),), length=None)


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    megabyte = bytes(MEGABYTE)
    return b"".join([*(packer.compress(megabyte) for _ in range(HUGE_MEGABYTES)), packer.flush()])


def _many_headers(delivery: Delivery, format: Format, after: int) -> Delivery:
    return _with_headers(delivery, *((f"x-simulated-{number}", "1") for number in range(MANY_HEADERS)))


def _huge_header(delivery: Delivery, format: Format, after: int) -> Delivery:
    return _with_headers(delivery, ("x-simulated", "x" * MEGABYTE))


def _nul_in_header(delivery: Delivery, format: Format, after: int) -> Delivery:
    return _with_headers(delivery, ("x-simulated", "before\0after"))


def _interim_flood(delivery: Delivery, format: Format, after: int) -> Delivery:
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </simulated>\r\n\r\n" * INTERIM_ANSWERS
    return msgspec.structs.replace(delivery, interim=interim)


def _redirect(delivery: Delivery, format: Format, after: int) -> Delivery:
    return Delivery(status=302, headers=(("location", "http://127.0.0.1:1/elsewhere"),))


def _finish_twice(delivery: Delivery, format: Format, after: int) -> Delivery:
    marks = _FINISHES[format]
    pieces: list[bytes] = []
    for piece in delivery.pieces:
        pieces += [piece, piece] if delivery.stream and any(mark in piece for mark in marks) else [piece]
    return msgspec.structs.replace(delivery, pieces=tuple(pieces))


def _end_missing(delivery: Delivery, format: Format, after: int) -> Delivery:
    mark = _END_MARKS.get(format)
    if mark is None or not delivery.stream:
        return delivery
    kept = tuple(piece for piece in delivery.pieces if not piece.startswith(mark))
    return msgspec.structs.replace(delivery, pieces=kept)


def _frame(format: Format, body: bytes) -> bytes:
    return body + b"\n" if format == "ollama" else b"data: " + body + b"\n\n"


def _in_place_of(delivery: Delivery, after: int, piece: bytes) -> Delivery:
    pieces = list(delivery.pieces)
    at = after if after >= 0 else max(0, len(pieces) + after)
    pieces[at : at + 1] = [piece]
    return msgspec.structs.replace(delivery, pieces=tuple(pieces))


def _with_first_keys(delivery: Delivery, after: int, keys: bytes) -> Delivery:
    pieces = list(delivery.pieces)
    if after < len(pieces):
        pieces[after] = pieces[after].replace(b"{", b"{" + keys, 1)
    return msgspec.structs.replace(delivery, pieces=tuple(pieces), length=None)


def _with_headers(delivery: Delivery, *headers: tuple[str, str]) -> Delivery:
    return msgspec.structs.replace(delivery, headers=(*delivery.headers, *headers))


_ODDITIES: dict[OddAnswer, Odd] = {
    "html": _html,
    "nothing": _nothing,
    "malformed": _malformed,
    "wrong_shape": _wrong_shape,
    "duplicate_keys": _duplicate_keys,
    "not_a_number": _not_a_number,
    "empty": _empty,
    "thought_away": _thought_away,
    "filtered": _filtered,
    "huge": _huge,
    "flood": _flood,
    "gzip_bomb": _gzip_bomb,
    "many_headers": _many_headers,
    "huge_header": _huge_header,
    "nul_in_header": _nul_in_header,
    "interim_flood": _interim_flood,
    "redirect": _redirect,
    "finish_twice": _finish_twice,
    "end_missing": _end_missing,
}
