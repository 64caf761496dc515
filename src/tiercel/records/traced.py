"""What is handed to an exporter: a record with the client's own span, and where metrics come from."""

import re

import msgspec

from tiercel.domain.record import Record

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\Z")
SAMPLED = 1


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The client's own span, of which ours are children."""

    trace_id: bytes
    span_id: bytes
    sampled: bool


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """A record that waits to be sent as spans, one for the climb and one for each attempt."""

    record: Record
    parent: Parent | None

    @property
    def spans(self) -> int:
        return 1 + len(self.record.attempts)


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends metrics, since when (Unix nanoseconds), and how many spans it had to drop by now."""

    service_name: str
    began_at_nano: int
    dropped_spans: int


def read_traceparent(header: str) -> Parent | None:
    """The span that a W3C `traceparent` header names; `None` where it names none."""
    match = TRACEPARENT.match(header.strip())
    if match is None:
        return None
    trace_id, span_id = bytes.fromhex(match[1]), bytes.fromhex(match[2])
    if not any(trace_id) or not any(span_id):
        return None
    return Parent(trace_id=trace_id, span_id=span_id, sampled=bool(int(match[3], 16) & SAMPLED))
