"""The journal's bytes: what was written comes back, and damage anywhere leaves exactly the entries before it."""

import itertools
import tempfile
import zlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.records.samples import FULL, entries, record, started
from tiercel.domain.record import JournalEntry
from tiercel.records.segments import HEADER, frame, next_segment, read_entries, segments

LOG: list[JournalEntry] = [started("a"), FULL, record("b"), started("c"), record("c")]
FRAMES = [frame(entry) for entry in LOG]
WHOLE = b"".join(FRAMES)
BORDERS = [0, *itertools.accumulate(len(data) for data in FRAMES)]


def read(data: bytes, offset: int = 0) -> tuple[list[JournalEntry], int, bool]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.journal"
        path.write_bytes(data)
        chunk = read_entries(path, offset)
    return chunk.entries, chunk.offset, chunk.problem is not None


def prefix_before(byte: int) -> tuple[list[JournalEntry], int, bool]:
    """What must be left when the first altered byte is this one."""
    intact = sum(1 for border in BORDERS[1:] if border <= byte)
    return list(LOG[:intact]), BORDERS[intact], True


def test_every_field_comes_back() -> None:
    """A record that fills every field reads back equal."""
    assert read(frame(FULL)) == ([FULL], len(frame(FULL)), False)


@given(st.lists(entries, max_size=8))
def test_any_entries_come_back_in_order(log: list[JournalEntry]) -> None:
    """Whatever was written is read, in its order, to the last byte."""
    data = b"".join(frame(entry) for entry in log)
    assert read(data) == (log, len(data), False)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_cut_leaves_the_exact_prefix(byte: int) -> None:
    """A file cut anywhere gives the entries that are whole, and a problem unless it was cut at a border."""
    expected, offset, _ = prefix_before(byte)
    assert read(WHOLE[:byte]) == (expected, offset, byte not in BORDERS)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 7))
def test_a_flipped_bit_leaves_the_exact_prefix(byte: int, bit: int) -> None:
    """One bit flipped anywhere is noticed, and nothing from there on is believed."""
    data = bytearray(WHOLE)
    data[byte] ^= 1 << bit
    assert read(bytes(data)) == prefix_before(byte)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, len(WHOLE)))
def test_zeroed_bytes_leave_the_exact_prefix(first: int, count: int) -> None:
    """A stretch of zeros, as a power loss leaves it, is noticed from its first changed byte."""
    data = bytearray(WHOLE)
    data[first : first + count] = bytes(len(data[first : first + count]))
    changed = next((i for i, (a, b) in enumerate(zip(data, WHOLE, strict=True)) if a != b), None)
    assert read(bytes(data)) == ((LOG, len(WHOLE), False) if changed is None else prefix_before(changed))


@given(st.binary(max_size=200))
def test_garbage_after_the_end_is_no_entry(tail: bytes) -> None:
    """Bytes that nobody wrote as an entry are never returned as one."""
    found, offset, problem = read(WHOLE + tail)
    assert (found, offset, problem) == (LOG, len(WHOLE), bool(tail))


def test_zeros_are_not_empty_entries() -> None:
    """A run of zeros has length 0 and the checksum of nothing, and is still damage."""
    assert read(bytes(64)) == ([], 0, True)


def test_an_impossible_length_is_not_read() -> None:
    """A length of four gigabytes is refused before anything is allocated."""
    assert read(HEADER.pack(2**32 - 1, 0) + b"x") == ([], 0, True)


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Portions end at an entry's border, and together give everything once."""
    path = tmp_path / "x.journal"
    path.write_bytes(WHOLE)
    found: list[JournalEntry] = []
    offset = 0
    while (chunk := read_entries(path, offset, at_most_bytes=1)).entries:
        found += chunk.entries
        offset = chunk.offset
    assert found == LOG


def test_what_is_still_being_written_is_left(tmp_path: Path) -> None:
    """Bytes behind `end` are not looked at, whatever they are."""
    path = tmp_path / "x.journal"
    path.write_bytes(WHOLE + b"half an ent")
    chunk = read_entries(path, end=len(WHOLE))
    assert (chunk.entries, chunk.problem) == (LOG, None)


def test_an_entry_of_a_later_version_is_passed_over() -> None:
    """A whole entry that says something unknown is counted and does not hide what follows."""
    payload = b'{"type":"from the future"}'
    future = HEADER.pack(len(payload), zlib.crc32(payload, len(payload))) + payload
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.journal"
        path.write_bytes(FRAMES[0] + future + FRAMES[1])
        chunk = read_entries(path)
    assert (chunk.entries, chunk.problem, chunk.unreadable) == (LOG[:2], None, 1)


def test_segments_are_ordered_and_never_named_twice(tmp_path: Path) -> None:
    """Names grow, and a name is not used again after all segments are gone."""
    (tmp_path / "journal").mkdir()
    made = []
    for _ in range(12):
        made.append(next_segment(tmp_path))
        made[-1].touch()
    assert segments(tmp_path) == made
    for path in made:
        path.unlink()
    assert next_segment(tmp_path) not in made
