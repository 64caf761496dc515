"""TOML text into a plain table, with errors that name the file, the line and the column."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.policy.problems import Problems

VERSION = 1
"""The version of both files that this release reads."""

POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def read_text(path: Path) -> str:
    """The file's text. Raises `ConfigError` where it cannot be read, with the fix."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `tiercel init` writes one") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a folder; name the file in it") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def read_table(text: str, name: str) -> dict[str, Any]:
    """The parsed file. Raises `ConfigError` with line and column where the text is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = POSITION.search(message)
        if position is None:
            raise ConfigError(f"{name}: not valid TOML: {message}") from None
        reason = message[: position.start()]
        line, column = position.groups()
        place = f"line {line}, column {column}" if line else "end of file"
        raise ConfigError(f"{name}: {place}: not valid TOML: {reason}") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply; write plain tables") from None


def check_version(table: dict[str, Any], problems: Problems) -> None:
    """A file of another version is refused before its keys are complained about."""
    if "version" not in table:
        problems.add((), f"'version' is missing; write `version = {VERSION}` as the first line")
    elif table["version"] != VERSION or isinstance(table["version"], bool):
        problems.add(("version",), f"this release reads version {VERSION} only")
    problems.raise_if_any()


def content_hash(table: dict[str, Any]) -> str:
    """Twelve hex digits that name the content: the same for any comments, spacing and order of keys."""
    return hashlib.sha256(msgspec.json.encode(table, order="sorted")).hexdigest()[:12]
