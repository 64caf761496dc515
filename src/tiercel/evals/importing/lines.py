"""Lines of JSON that another tool wrote, each a table."""

from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.evals.files.documents import parse_json


def read_lines(path: Path) -> list[JsonObject]:
    """Every line's table. Raises one `ConfigError` with every line that is none."""
    found: list[JsonObject] = []
    problems: list[str] = []
    try:
        raw_lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    for number, raw in enumerate(raw_lines, 1):
        if not raw.strip():
            continue
        try:
            value = parse_json(raw.removeprefix(b"\xef\xbb\xbf"), f"{path.name}: line {number}")
        except ConfigError as error:
            problems += error.problems
            continue
        if isinstance(value, dict):
            found.append(value)
        else:
            problems.append(f"{path.name}: line {number}: is no table")
    if problems:
        raise ConfigError(*problems[:50])
    return found
