"""Server-sent events: bytes cut anywhere into events, and events into bytes.

Works on bytes throughout, so that a character cut in two is never looked at. Lines end at CRLF, LF or CR and nowhere
else (U+2028 and its kin are text). Comments, `id` and `retry` mean nothing here.
"""

import msgspec

from tiercel.domain.errors import UpstreamDataError

MAX_EVENT_BYTES = 16_000_000
"""One event: a whole generated image may be one."""

_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event: the joined `data` lines, undecoded, and the name of the last `event` line."""

    data: bytes
    event: str | None = None


class EventDecoder:
    """Takes in a stream piece by piece and gives back the events that each piece completes."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._tail: list[bytes] = []  # pieces of a line not yet ended
        self._data: list[bytes] = []
        self._event: str | None = None
        self._size = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events completed by these bytes. Raises `UpstreamDataError` when one grows beyond the cap."""
        whole = self._whole_events(data)
        if whole is not None:
            return whole
        lines = self._unified(data).split(b"\n")
        last = lines.pop()
        events: list[ServerSentEvent] = []
        for line in lines:
            self._grow(len(line))
            if self._tail:
                line = b"".join((*self._tail, line))
                self._tail.clear()
            self._take_line(line, events)
        if last:
            self._grow(len(last))
            self._tail.append(last)
        return events

    def _whole_events(self, data: bytes) -> list[ServerSentEvent] | None:
        """Saves the walk over lines where these bytes are whole events of one `data` line each, as they mostly are."""
        if self._size or self._at_start or self._after_cr or not data.endswith(b"\n\n"):
            return None
        blocks = data[:-2].split(b"\n\n")
        for block in blocks:
            if not block.startswith(b"data: ") or b"\n" in block or b"\r" in block:
                return None
        return [ServerSentEvent(data=block[6:]) for block in blocks]

    def close(self) -> list[ServerSentEvent]:
        """What stood at the end without the blank line that ends an event; whether it is whole, its data must show."""
        events: list[ServerSentEvent] = []
        if self._tail:
            self._take_line(b"".join(self._tail), events)
            self._tail.clear()
        self._take_line(b"", events)
        return events

    def _unified(self, data: bytes) -> bytes:
        """The same bytes with every line ending as LF; a CR at the border counts once, with or without its LF."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" not in data:
            return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._max_event_bytes:
            raise UpstreamDataError(f"one event of the stream is larger than {self._max_event_bytes:,} bytes")

    def _take_line(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if self._at_start:
            line = line.removeprefix(_BOM)
            self._at_start = False
        if not line:
            if self._data:
                events.append(ServerSentEvent(data=b"\n".join(self._data), event=self._event))
            self._data.clear()
            self._event = None
            self._size = 0
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._event = value.removeprefix(b" ").decode("utf-8", "replace")
        elif not self._data and self._event is None:
            self._size = (
                0  # a comment, or a field without meaning: endless heartbeats are not one growing event
            )


def frame(data: bytes, event: str | None = None) -> bytes:
    """One event as bytes. Several lines of data become several `data` lines."""
    body = b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"
    return body if event is None else b"event: " + event.encode() + b"\n" + body
