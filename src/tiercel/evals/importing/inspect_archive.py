"""Inspect's `.eval` archive: a ZIP of the log's head and of its samples, one file each.

Its files are packed with Zstandard, which Python's own library reads from 3.14 on; until then pyarrow unpacks them.
"""

import struct
import zipfile
import zlib
from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.evals.files.documents import MAX_BYTES, parse_json

HEADS = ("header.json", "_journal/start.json")
"""Of a log that was finished, and of one that was not."""
ZSTANDARD = 93
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
"""What stands before a file's name in the archive."""
MAX_SAMPLES = 200_000
MAX_TOTAL_BYTES = 2_000_000_000


def read_archive(path: Path) -> JsonObject:
    """The log, as its JSON form would be. Raises `ConfigError` where it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _log(archive, path.name)
    except zipfile.BadZipFile as error:
        raise ConfigError(f"{path.name}: is no archive, or a damaged one: {error}") from error
    except (NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
        raise ConfigError(
            f"{path.name}: cannot be unpacked ({error}); `inspect log convert --to json` makes a file that can be read"
        ) from error


def _log(archive: zipfile.ZipFile, name: str) -> JsonObject:
    entries = {entry.filename: entry for entry in archive.infolist()}
    samples = [entry for entry in entries.values() if _is_sample(entry.filename)]
    if len(samples) > MAX_SAMPLES or sum(entry.file_size for entry in samples) > MAX_TOTAL_BYTES:
        raise ConfigError(f"{name}: unpacks to more than can be read here; export a part of it")
    head = next((entries[one] for one in HEADS if one in entries), None)
    log = _json(archive, head, name) if head is not None else {}
    if not isinstance(log.get("eval"), dict):
        raise ConfigError(f"{name}: has no header, so this is no log of Inspect")
    return {**log, "samples": [_json(archive, entry, name) for entry in samples]}


def _is_sample(filename: str) -> bool:
    return filename.startswith("samples/") and filename.endswith(".json")


def _json(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> JsonObject:
    raw = _zstandard(archive, entry) if entry.compress_type == ZSTANDARD else _unpacked(archive, entry)
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name}: {entry.filename}: is too large to be read")
    value = parse_json(raw, f"{name}: {entry.filename}")
    if not isinstance(value, dict):
        raise ConfigError(f"{name}: {entry.filename}: is no table")
    return value


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        return file.read(MAX_BYTES + 1)  # what it unpacks to, whatever the archive says of it


def _zstandard(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The file's content. Raises `BadZipFile` where it is damaged, `ConfigError` where nothing can unpack it."""
    try:
        import pyarrow
    except ImportError as error:
        raise ConfigError(
            "reading .eval needs more than was installed: pip install 'tiercel[evals]'"
        ) from error
    file = archive.fp
    if file is None or entry.file_size > MAX_BYTES:
        raise ConfigError(f"{entry.filename}: is too large to be read")
    file.seek(entry.header_offset)
    head = file.read(LOCAL_HEADER.size)
    if len(head) < LOCAL_HEADER.size:
        raise zipfile.BadZipFile(f"{entry.filename} is cut short")
    *_, name_bytes, extra_bytes = LOCAL_HEADER.unpack(head)
    file.seek(name_bytes + extra_bytes, 1)
    packed = file.read(entry.compress_size)
    if not entry.file_size:
        return b""
    try:
        raw: bytes = pyarrow.decompress(packed, entry.file_size, codec="zstd", asbytes=True)
    except (OSError, ValueError) as error:
        raise zipfile.BadZipFile(f"{entry.filename}: {error}") from error
    if zlib.crc32(raw) != entry.CRC:
        raise zipfile.BadZipFile(f"{entry.filename} is not what was packed")
    return raw
