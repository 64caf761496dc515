"""The journal's files as bytes: entries one after the other, each with its length and checksum.

An entry is a little-endian u32 length, a u32 CRC32 and that many bytes of JSON. The checksum starts from the length,
so that neither a flipped length nor a run of zeros passes for an entry. Reading stops exactly at the first damaged
entry; nothing here ever alters a file.
"""

import os
import secrets
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from tiercel.domain.record import JournalEntry, Record

HEADER = struct.Struct("<II")
SUFFIX = ".journal"
DAMAGED_SUFFIX = ".damaged"
LARGEST_ENTRY_BYTES = 16_000_000

_decoder = msgspec.json.Decoder(JournalEntry)
_encode = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(Record).decode


class Chunk(NamedTuple):
    """What was read from one offset on. The next read begins at `offset`.

    `problem` says why the entry at `offset` cannot be read, `None` at a clean end. `unreadable` counts entries passed
    over that are whole, yet say something this version does not understand.
    """

    entries: list[JournalEntry]
    offset: int
    problem: str | None
    unreadable: int


def frame(entry: JournalEntry) -> bytes:
    """The bytes of one entry."""
    payload = _encode(entry)
    size = len(payload)
    return HEADER.pack(size, zlib.crc32(payload, size)) + payload


def record_in(framed: bytes) -> Record:
    """The record of an entry's bytes, which are known to be whole."""
    return _decode_record(memoryview(framed)[HEADER.size :])


def read_entries(
    path: Path, offset: int = 0, *, end: int | None = None, at_most_bytes: int | None = None
) -> Chunk:
    """The entries of one segment from `offset` on, up to the byte `end` (default: the file's end).

    Stops after `at_most_bytes` at the next entry's border. Raises `OSError` when the file cannot be read.
    """
    with path.open("rb") as file:
        return read_from(file, offset, end=end, at_most_bytes=at_most_bytes)


def read_from(
    file: BinaryIO, offset: int, *, end: int | None = None, at_most_bytes: int | None = None
) -> Chunk:
    """As `read_entries`, from an open file."""
    entries: list[JournalEntry] = []
    unreadable = 0
    size = os.fstat(file.fileno()).st_size
    end = size if end is None else min(end, size)
    stop = end if at_most_bytes is None else min(end, offset + at_most_bytes)
    file.seek(offset)
    while offset < stop:
        payload = _next_payload(file, end - offset)
        if isinstance(payload, str):
            return Chunk(entries, offset, f"entry at byte {offset}: {payload}", unreadable)
        try:
            entries.append(_decoder.decode(payload))
        except (msgspec.DecodeError, UnicodeDecodeError):
            unreadable += 1
        offset += HEADER.size + len(payload)
    return Chunk(entries, offset, None, unreadable)


def _next_payload(file: BinaryIO, left: int) -> bytes | str:
    """The payload of the entry that begins here, or in words what is wrong with it."""
    header = file.read(HEADER.size)
    if left < HEADER.size or len(header) < HEADER.size:
        return "cut short in its header"
    length, checksum = HEADER.unpack(header)
    if not 0 < length <= LARGEST_ENTRY_BYTES:
        return f"impossible length {length}"
    if length > left - HEADER.size:
        return "cut short"
    payload = file.read(length)
    if len(payload) < length:
        return "cut short"
    if zlib.crc32(payload, length) != checksum:
        return "checksum does not match"
    return payload


def segments(folder: Path) -> list[Path]:
    """The journal's segments, oldest first. `folder` is the data folder; missing means none. Raises `OSError`."""
    return _files(folder, SUFFIX)


def damaged_segments(folder: Path) -> list[Path]:
    """Segments that were set aside because something in them could not be read. Raises `OSError`."""
    return _files(folder, SUFFIX + DAMAGED_SUFFIX)


def _files(folder: Path, suffix: str) -> list[Path]:
    """Not by `glob`, which takes a folder that cannot be read for an empty one: a full journal would look like none."""
    try:
        names = os.listdir(journal_folder(folder))
    except FileNotFoundError:
        return []
    return sorted(journal_folder(folder) / name for name in names if name.endswith(suffix))


def journal_folder(folder: Path) -> Path:
    return folder / "journal"


def next_segment(folder: Path) -> Path:
    """A name for a new segment, after all that exist.

    The number keeps the order; the random part makes the name unique for ever, so that how far an old segment was
    ingested is never mistaken for how far a new one was.
    """
    names = [path.name for path in [*segments(folder), *damaged_segments(folder)]]
    numbers = [int(name.partition("-")[0]) for name in names if name.partition("-")[0].isdecimal()]
    return journal_folder(folder) / f"{max(numbers, default=0) + 1:010d}-{secrets.token_hex(4)}{SUFFIX}"
