"""Inspect's `.eval` archive: a ZIP of the log's head and of its samples, one file each."""

import zipfile
import zlib
from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.evals.files.documents import MAX_BYTES, parse_json

HEADS = ("header.json", "_journal/start.json")
"""Of a log that was finished, and of one that was not."""
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
    with archive.open(entry) as file:
        raw = file.read(MAX_BYTES + 1)  # what it unpacks to, whatever the archive says of it
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name}: {entry.filename}: is too large to be read")
    value = parse_json(raw, f"{name}: {entry.filename}")
    if not isinstance(value, dict):
        raise ConfigError(f"{name}: {entry.filename}: is no table")
    return value
