"""What can go wrong with a provider's answer, as values that change how the answer is sent. Pure.

A `Delivery` is an HTTP answer as it would be sent; `Fault.spoil` turns a good one into a bad one. Both servers of this
package (scripted provider and lab) send deliveries, so a fault means the same in both.
"""

import asyncio
from collections.abc import Mapping
from typing import Literal

import msgspec

from tiercel.domain.request import Format

Ending = Literal["complete", "cut", "stall"]
"""`cut` closes the connection in mid-answer, `stall` keeps it open and silent until the other side leaves."""

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer, piece by piece. A `stream` has no length; any other body announces `length`.

    `before_seconds` is the silence before the status line, `gap_seconds` the one after each piece.
    With `release` it waits after `release_after` pieces until that event is set.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    pieces: tuple[bytes, ...] = ()
    stream: bool = False
    length: int | None = None
    before_seconds: float = 0.0
    gap_seconds: float = 0.0
    ending: Ending = "complete"
    release: asyncio.Event | None = None
    release_after: int = 0

    @property
    def content_length(self) -> int:
        """What a body that is no stream announces: the length of the whole, also where only a part is sent."""
        return sum(map(len, self.pieces)) if self.length is None else self.length


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that goes wrong. Fields that are not set change nothing.

    `status` answers with an error in the provider's format (`message`, `code`, `type`, `retry_after`). `body` "html"
    is a login page with status 200, "nothing" an empty body, "malformed" half a JSON text in the place of piece
    `after`. `error_in_stream` puts the format's error event after piece `after`, `cut` closes and `stall` falls silent
    there; `after` counts pieces (events of a stream, or tenths of any other body). `drip_seconds` sends byte by byte.
    """

    status: int | None = None
    message: str = "simulated fault"
    code: str | None = None
    type: str | None = None
    retry_after: str | None = None
    headers: dict[str, str] = {}
    body: Literal["html", "nothing", "malformed"] | None = None
    after: int = 0
    cut: bool = False
    stall: bool = False
    error_in_stream: bool = False
    before_seconds: float = 0.0
    drip_seconds: float = 0.0

    def spoil(self, delivery: Delivery, format: Format) -> Delivery:
        """The delivery as this fault leaves it."""
        if self.status is not None:
            delivery = self._error(format)
        elif self.body == "html":
            delivery = Delivery(headers=(("content-type", "text/html; charset=utf-8"),), pieces=(HTML,))
        elif self.body == "nothing":
            delivery = Delivery(headers=delivery.headers)
        elif self.body == "malformed":
            delivery = self._malformed(delivery)
        if self.error_in_stream:
            delivery = self._broken_off(delivery, (error_event(format, self.message, self.code),), "complete")
        elif self.cut or self.stall:
            delivery = self._broken_off(delivery, (), "cut" if self.cut else "stall")
        if self.drip_seconds:
            single = tuple(bytes((byte,)) for piece in delivery.pieces for byte in piece)
            delivery = msgspec.structs.replace(delivery, pieces=single, gap_seconds=self.drip_seconds)
        headers = (*delivery.headers, *self.headers.items())
        before = delivery.before_seconds + self.before_seconds
        return msgspec.structs.replace(delivery, headers=headers, before_seconds=before)

    def _error(self, format: Format) -> Delivery:
        headers = [("content-type", "application/json")]
        if self.retry_after is not None:
            headers.append(("retry-after", self.retry_after))
        assert self.status is not None
        body = error_body(format, self.status, self.message, code=self.code, type=self.type)
        return Delivery(status=self.status, headers=tuple(headers), pieces=(body,))

    def _malformed(self, delivery: Delivery) -> Delivery:
        if not delivery.stream:
            whole = b"".join(delivery.pieces)
            return msgspec.structs.replace(delivery, pieces=(whole[: len(whole) // 2],), length=None)
        pieces = list(delivery.pieces)
        pieces[self.after : self.after + 1] = [b'data: {"id": "half an even\n\n']
        return msgspec.structs.replace(delivery, pieces=tuple(pieces))

    def _broken_off(self, delivery: Delivery, last: tuple[bytes, ...], ending: Ending) -> Delivery:
        pieces = delivery.pieces if delivery.stream else _tenths(delivery.pieces)
        return msgspec.structs.replace(
            delivery, pieces=(*pieces[: self.after], *last), length=delivery.content_length, ending=ending
        )


class FaultScript:
    """Which call of which model goes wrong, in order: the first faults added for a model meet its first calls.

    `None` in the place of a fault lets one call through.
    """

    def __init__(self, faults: Mapping[str, tuple[Fault | None, ...]] | None = None) -> None:
        self._waiting: dict[str, list[Fault | None]] = {
            name: list(row) for name, row in (faults or {}).items()
        }
        self._always: dict[str, Fault] = {}

    def add(self, model: str, *faults: Fault | None) -> None:
        """Let the next calls of `model` (a model's name, or `*` for any) meet these faults."""
        self._waiting.setdefault(model, []).extend(faults)

    def always(self, model: str, fault: Fault | None) -> None:
        """Let every call of `model` meet this fault once its script is used up; `None` ends that."""
        self._always.pop(model, None)
        if fault is not None:
            self._always[model] = fault

    def take(self, model: str) -> Fault | None:
        """The fault of this call, if any."""
        for name in (model, "*"):
            if self._waiting.get(name):
                return self._waiting[name].pop(0)
        return self._always.get(model, self._always.get("*"))


def _tenths(pieces: tuple[bytes, ...]) -> tuple[bytes, ...]:
    whole = b"".join(pieces)
    step = max(1, -(-len(whole) // 10))
    return tuple(whole[start : start + step] for start in range(0, len(whole), step))


_OPENAI_TYPES = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_body(
    format: Format, status: int, message: str, *, code: str | None = None, type: str | None = None
) -> bytes:
    """The body of an error answer as a provider of this format sends it."""
    if format == "anthropic":
        kind = type or _ANTHROPIC_TYPES.get(status, "api_error")
        return msgspec.json.encode(
            {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_simulated"}
        )
    kind = type or _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def error_event(format: Format, message: str, code: str | None = None) -> bytes:
    """The event with which a provider of this format ends a stream that it cannot finish."""
    if format == "anthropic":
        error = {"type": "error", "error": {"type": code or "overloaded_error", "message": message}}
        return b"event: error\ndata: " + msgspec.json.encode(error) + b"\n\n"
    body = {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
    return b"data: " + msgspec.json.encode(body) + b"\n\n"
