"""Lines of JSON, one object each (NDJSON): bytes cut anywhere into lines, and objects into bytes.

Given to the stream decoders in place of server-sent events, so a line comes as an event without a name.
"""

import msgspec

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.json import JsonObject
from tiercel.wire.sse import MAX_EVENT_BYTES, ServerSentEvent

CONTENT_TYPE = "application/x-ndjson"
_WHITE_SPACE = b" \t\r"


class LineDecoder:
    """Takes in a stream piece by piece and gives back the lines that each piece completes; blank ones mean nothing."""

    def __init__(self, max_line_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._tail: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The lines completed by these bytes. Raises `UpstreamDataError` when one grows beyond the cap."""
        pieces = data.split(b"\n")
        last = pieces.pop()
        lines: list[ServerSentEvent] = []
        for piece in pieces:
            self._add(piece)
            lines += self._taken()
        self._add(last)
        return lines

    def close(self) -> list[ServerSentEvent]:
        """What stood at the end without a line's end; whether it is whole, its data must show."""
        return self._taken()

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_line_bytes:
            raise UpstreamDataError(f"one line of the stream is larger than {self._max_line_bytes:,} bytes")
        if piece:
            self._tail.append(piece)

    def _taken(self) -> list[ServerSentEvent]:
        line = b"".join(self._tail).strip(_WHITE_SPACE)
        self._tail.clear()
        self._size = 0
        return [ServerSentEvent(data=line)] if line else []


def line(source: JsonObject) -> bytes:
    """One object as a line."""
    return msgspec.json.encode(source) + b"\n"
