"""Files of an evaluation as plain values, with the line of each: YAML, JSON, or text that a prompt is made of.

A file may only be named if it lies below the evaluation's folder or below the current one: an evaluation that came from
elsewhere must not be able to send any file of this machine to a provider.
"""

import math
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.policy.lined_yaml import MAX_DEPTH, Node, read_yaml
from tiercel.policy.problems import Steps
from tiercel.policy.toml_reader import read_text

SCHEME = "file://"
MAX_BYTES = 64_000_000
"""Of a file that is read whole; lines of JSON are read one by one and may be more."""
TEXTS = frozenset((".txt", ".md", ".j2", ".prompt", ".html", ".xml", ".csv", ".py", ".js", ".sql", ""))
DATA = frozenset((".json", ".yaml", ".yml"))
BIGGEST_INTEGER = 2**63


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A file as a value. `root` knows the lines; JSON has none."""

    name: str
    value: Json
    root: Node | None = None

    def line_of(self, path: Steps) -> int | None:
        """The line of what stands at `path`, or of what holds it."""
        node = self.root
        for step in path:
            below = _below(node, step)
            if below is None:
                break
            node = below
        return None if node is None else node.line


def read_document(path: Path, name: str) -> Document:
    """The file's one value. Raises `ConfigError` where it is neither YAML nor JSON, or holds what JSON cannot."""
    text = read_whole(path)
    if path.suffix.lower() == ".json":
        value = parse_json(text.encode(), name)
        return Document(name=name, value=value)
    root = read_yaml(text, name, extra="evals", unique_keys=True)
    value = plain(root)
    complaint = unsound(value)
    if complaint is not None:
        raise ConfigError(f"{name}: {complaint}")
    return Document(name=name, value=value, root=root)


def parse_json(raw: bytes, name: str) -> Json:
    """The value. Raises `ConfigError` where it is not JSON, or larger than can be carried."""
    try:
        value = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{name}: not JSON: {error}") from error
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply") from None
    complaint = unsound(value)
    if complaint is not None:
        raise ConfigError(f"{name}: {complaint}")
    return value


def unsound(value: Json, depth: int = 0) -> str | None:
    """Why this value cannot go into a request, though the file could be read; `None` where it can."""
    if depth > MAX_DEPTH:
        return "nested too deeply"
    match value:
        case dict():
            below = (unsound(item, depth + 1) for pair in value.items() for item in pair)
            return next((found for found in below if found), None)
        case list():
            return next((found for item in value if (found := unsound(item, depth + 1))), None)
        case bool():
            return None
        case int() if not -BIGGEST_INTEGER <= value < BIGGEST_INTEGER:
            return "a number of more than 64 bits; write it as text in quotes"
        case float() if not math.isfinite(value):
            return "a number that is not finite; write it as text in quotes"
        case str() if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            return "half of a character, which no request can hold"
        case _:
            return None


def plain(node: Node) -> Json:
    """The value without its lines."""
    if node.table is not None:
        return {key: plain(item) for key, item in node.table.items()}
    if node.items is not None:
        return [plain(item) for item in node.items]
    return node.scalar


def find_file(named: str, folder: Path) -> Path:
    """The file that `file://…`, or a plain path, means. Raises `ConfigError` for one that must not be read."""
    if "\0" in named:
        raise ConfigError("a path cannot hold a null character")
    path = folder / named.removeprefix(SCHEME)
    try:
        real = path.resolve()
        allowed = [folder.resolve(), Path.cwd().resolve()]
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{named!r} cannot be looked up: {error}") from error
    if not any(real.is_relative_to(root) for root in allowed):
        raise ConfigError(
            f"{named!r} lies outside the evaluation's folder and the current one; copy the file there"
        )
    return path


def find_files(named: str, folder: Path) -> list[Path]:
    """The file, or every one that a name with `*` matches, sorted. Raises `ConfigError` as above, or for none."""
    path = find_file(named, folder)
    if "*" not in path.name:
        return [path]
    try:
        found = sorted(one for one in path.parent.glob(path.name) if one.is_file())
    except ValueError as error:
        raise ConfigError(f"{named!r}: no pattern of file names: {error}") from error
    if not found:
        raise ConfigError(f"{named!r}: no file is called so")
    return [find_file(str(one.absolute()), folder) for one in found]


def read_whole(path: Path) -> str:
    """The file's text. Raises `ConfigError` where it cannot be read, or is too large to be what was meant."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if size > MAX_BYTES:
        raise ConfigError(f"{path}: {size:,} bytes are too many for such a file; use lines of JSON (.jsonl)")
    return read_text(path)


def read_value(named: str, folder: Path) -> Json:
    """What `file://…` stands for as a value: data of a data file, else the text. Raises `ConfigError`."""
    path = find_file(named, folder)
    suffix = path.suffix.lower()
    if suffix in DATA:
        return read_document(path, named.removeprefix(SCHEME)).value
    if suffix in TEXTS:
        return read_whole(path).removesuffix("\n")
    raise ConfigError(f"{named!r}: cannot be read; name a text, JSON or YAML file")


def _below(node: Node | None, step: str | int) -> Node | None:
    if node is None:
        return None
    if isinstance(step, int):
        return node.list[step] if step < len(node.list) else None
    return node.entries.get(step)
