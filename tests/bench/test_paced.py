"""What counts as a stream without a stall, however its bytes are cut on the way."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench.paced import Stream, judge

PACE = 0.02
WHOLE = b"".join(b'data: {"content":" tok@%d"}\n\n' % place for place in range(5)) + b"data: [DONE]\n\n"


def read(*pieces: tuple[float, bytes]) -> Stream:
    stream = Stream()
    for now, data in pieces:
        stream.feed(data, now)
    return stream


@given(st.lists(st.integers(0, len(WHOLE)), max_size=30))
def test_tokens_are_counted_once_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(WHOLE)]
    stream = read(*((0.0, WHOLE[a:b]) for a, b in pairwise(edges)))
    assert (stream.tokens, stream.is_finished) == (5, True)


def test_gap_is_between_tokens_and_not_before_the_first() -> None:
    """Waiting for an answer to begin is no stall of the stream."""
    stream = read((5.0, b"tok@1 "), (5.02, b"tok@2 "), (5.09, b"tok@3 tok@4 "), (9.0, b"data: [DONE]\n\n"))
    assert round(stream.largest_gap, 6) == 0.07


def test_stream_is_stall_free_below_three_paces() -> None:
    free = read((0.0, b"tok@1 "), (0.059, b"tok@2 data: [DONE]"))
    stalled = read((0.0, b"tok@1 "), (0.061, b"tok@2 data: [DONE]"))
    assert judge([free, stalled], PACE, 2).stall_free == 1


def test_stream_that_broke_is_neither_finished_nor_stall_free() -> None:
    """Without its end, or without one of its tokens."""
    cut = read((0.0, b"tok@1 "), (0.02, b"tok@2 "))
    short = read((0.0, b"tok@1 data: [DONE]"))
    paced = judge([cut, short], PACE, 2)
    assert (paced.streams, paced.finished, paced.stall_free) == (2, 0, 0)
