"""Server-sent events, cut anywhere."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.errors import UpstreamDataError
from tiercel.wire.sse import EventDecoder, ServerSentEvent, frame


def decoded(*pieces: bytes) -> list[tuple[str | None, bytes]]:
    decoder = EventDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [(event.event, event.data) for event in [*events, *decoder.close()]]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [(None, b"a")]),
        (b"data:a\r\n\r\n", [(None, b"a")]),
        (b"data: a\r\rdata: b\r\r", [(None, b"a"), (None, b"b")]),
        (b"data: a\ndata: b\n\n", [(None, b"a\nb")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [("x", b"a"), (None, b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(None, b"a")]),
        (b": note\n\nid: 1\nretry: 5\n\ndata: a\n\n", [(None, b"a")]),
        (b"data:  two spaces\n\n", [(None, b" two spaces")]),
        ("data: a\u2028b\u0085c\x0bd\n\n".encode(), [(None, "a\u2028b\u0085c\x0bd".encode())]),
        (b"data: no blank line", [(None, b"no blank line")]),
        (b"data\n\n", [(None, b"")]),
        (b"event: only\n\n", []),
        (b"", []),
    ],
)
def test_events_are_read_by_the_standard(stream: bytes, events: list[tuple[str | None, bytes]]) -> None:
    assert decoded(stream) == events


@given(
    st.lists(
        st.sampled_from([b"data: \xf0\x9f\xa6\x85", b"\n", b"\r\n", b"\r", b"event: e", b": c", b"data:x"])
    ),
    st.lists(st.integers(0, 80)),
)
def test_where_the_bytes_are_cut_changes_nothing(lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(lines)
    borders = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(borders)]
    assert decoded(*pieces) == decoded(stream)


def test_one_event_cannot_grow_without_end() -> None:
    decoder = EventDecoder(max_event_bytes=100)
    decoder.feed(b"data: " + b"x" * 50)
    with pytest.raises(UpstreamDataError, match="larger than 100 bytes"):
        decoder.feed(b"x" * 60)


def test_endless_heartbeats_are_not_one_growing_event() -> None:
    decoder = EventDecoder(max_event_bytes=100)
    for _ in range(50):
        assert decoder.feed(b": keep-alive\n") == []
    assert decoder.feed(b"data: a\n\n") == [ServerSentEvent(data=b"a")]


@given(st.binary(max_size=30).map(lambda data: data.replace(b"\r", b"")), st.sampled_from([None, "ping"]))
def test_what_is_framed_is_read_back(data: bytes, event: str | None) -> None:
    assert decoded(frame(data, event)) == [(event, data)]
