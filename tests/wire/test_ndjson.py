"""Lines of JSON are found however the bytes are cut, and dates are written right."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.errors import UpstreamDataError
from tiercel.wire.ndjson import LineDecoder, line
from tiercel.wire.timestamps import rfc3339


def decoded(decoder: LineDecoder, *pieces: bytes) -> list[bytes]:
    found = [event.data for piece in pieces for event in decoder.feed(piece)]
    return [*found, *(event.data for event in decoder.close())]


def test_each_line_is_one_event_without_its_ending() -> None:
    assert decoded(LineDecoder(), b'{"a":1}\n{"b":2}\r\n\n{"c":3}') == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


@given(st.lists(st.text(alphabet='a🦅\u2028"', max_size=8), max_size=4), st.integers(1, 5))
def test_every_cut_gives_the_same_lines(texts: list[str], size: int) -> None:
    """Also inside a character; and U+2028 ends no line."""
    data = b"".join(line({"text": text}) for text in texts)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert decoded(LineDecoder(), *pieces) == decoded(LineDecoder(), data) == data.split(b"\n")[:-1]


def test_a_line_has_a_largest_size() -> None:
    decoder = LineDecoder(max_line_bytes=10)
    assert decoded(decoder, b"0123456789\n" * 3) == [b"0123456789"] * 3
    decoder.feed(b"012345")
    with pytest.raises(UpstreamDataError):
        decoder.feed(b"678901")


@given(st.integers(0, 253_402_300_799))
def test_seconds_become_the_date_that_the_calendar_says(seconds: int) -> None:
    assert rfc3339(seconds) == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
