"""Data sets of Langfuse and LangSmith, and plain tables: rows of questions and right answers."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.files.csv_rows import csv_rows
from tiercel.evals.files.documents import Document, parse_json, read_whole
from tiercel.evals.files.short_form import ShortForm
from tiercel.evals.files.sources import LINES
from tiercel.evals.files.surroundings import KnownScorers, Surroundings
from tiercel.evals.importing.imported import Carrying, Imported, with_own_ids, without_empty
from tiercel.evals.importing.lines import read_lines

ROLES = {"human": "user", "ai": "assistant", "system": "system", "user": "user", "assistant": "assistant"}
MEASURED = (
    "the file does not say how answers are measured: an answer passes that holds the right one, upper and lower case "
    "alike; change `defaultTest` where that is too mild or too strict"
)
CANDIDATES = "who is compared is not in the file: `targets` is `auto`; name the models"
HOLDS_TARGET = {"assert": [{"type": "icontains", "value": "{{target}}"}]}

Convert = Callable[[JsonObject], JsonObject]


def import_langfuse(path: Path) -> Imported:
    """Items of a data set: `input`, `expectedOutput`, `metadata`. Raises `ConfigError`."""
    return _imported(path, "langfuse", _of_langfuse)


def import_langsmith(path: Path) -> Imported:
    """Examples: `inputs`, `outputs`, `metadata`; in CSV also `input_NAME` and `output_NAME`. Raises `ConfigError`."""
    return _imported(path, "langsmith", _of_langsmith)


def import_csv(path: Path, surroundings: Surroundings) -> Imported:
    """A table in promptfoo's columns, or with `input` and `target`. Raises `ConfigError`."""
    carrying = Carrying(Document(name=path.name, value=None))
    short = ShortForm(KnownScorers(surroundings.scorers))

    def complain(line: int, why: str) -> None:
        carrying.leave((), why, file=path.name, line=line)

    rows = [row for _, row in csv_rows(path, path.name, short, complain)]
    measured = [row for row in rows if row.get("assert")]
    return _finished(path, "csv", rows, carrying, default={} if len(measured) == len(rows) else HOLDS_TARGET)


def _imported(path: Path, source: str, convert: Convert) -> Imported:
    carrying = Carrying(Document(name=path.name, value=None))
    rows: list[JsonObject] = []
    for number, row in enumerate(_rows(path), 1):
        found = convert(row)
        if row.get("status") == "ARCHIVED":
            carrying.leave((), f"item {number} is archived", file=path.name)
        elif not found.get("input") and not found.get("vars"):
            carrying.leave((), f"item {number} has no input", file=path.name)
        else:
            rows.append(without_empty(found))
    if not rows:
        raise ConfigError(f"{path.name}: no row of it has an input; is it an export of {source}?")
    return _finished(path, source, rows, carrying, default=HOLDS_TARGET)


def _finished(
    path: Path, source: str, rows: list[JsonObject], carrying: Carrying, *, default: JsonObject
) -> Imported:
    if default and any("target" not in row for row in rows):
        carrying.note(
            "items without a right answer need one, or expectations of their own, before they can run"
        )
    if default:
        carrying.note(MEASURED)
    carrying.note(CANDIDATES)
    evaluation: JsonObject = {
        "description": path.stem,
        "prompts": _prompt(rows, carrying),
        "targets": ["auto"],
        "tests": "items.jsonl",
        "defaultTest": default,
    }
    return Imported(
        source=source,
        name=path.name,
        evaluation=without_empty(evaluation),
        rows=with_own_ids(rows),
        left=carrying.left,
        notes=carrying.notes,
    )


def _prompt(rows: list[JsonObject], carrying: Carrying) -> list[str]:
    """A prompt of all variables, where the rows ask nothing by themselves."""
    if all("input" in row for row in rows):
        return []
    names = list(dict.fromkeys(name for row in rows for name in row.get("vars", {})))
    usable = [name for name in names if name.replace("-", "_").isidentifier() and name.isascii()]
    if len(usable) == 1:
        return [f"{{{{{usable[0]}}}}}"]
    carrying.note("the file has variables and no prompt: one of all variables was written; make it yours")
    return ["\n".join(f"{name}: {{{{{name}}}}}" for name in usable)]


def _rows(path: Path) -> list[JsonObject]:
    """The file's rows, whatever its form; cells that hold JSON are read. Raises `ConfigError`."""
    suffix = path.suffix.lower()
    if suffix in LINES:
        return read_lines(path)
    if suffix == ".json":
        value = parse_json(read_whole(path).encode(), path.name)
        listed = value.get("data", value.get("items")) if isinstance(value, dict) else value
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise ConfigError(f"{path.name}: a list of items was expected")
        return listed
    if suffix != ".csv":
        raise ConfigError(f"{path.name}: exports are read as .csv, .json or .jsonl")
    try:
        return [
            {name: _cell(text) for name, text in row.items() if isinstance(name, str)}
            for row in csv.DictReader(io.StringIO(read_whole(path), newline=""), strict=True)
        ]
    except csv.Error as error:
        raise ConfigError(f"{path.name}: not CSV: {error}") from error


def _cell(text: Json) -> Json:
    """An object, list or quoted text of JSON as what it is; anything else as it stands."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[", '"')):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _of_langfuse(row: JsonObject) -> JsonObject:
    expected = row.get("expectedOutput", row.get("expected_output"))
    return {"id": row.get("id"), **_asked(row.get("input")), "target": _target(expected), **_metadata(row)}


def _of_langsmith(row: JsonObject) -> JsonObject:
    inputs = row.get("inputs", _prefixed(row, "input_"))
    outputs = row.get("outputs", _prefixed(row, "output_"))
    return {"id": row.get("id"), **_asked(inputs), "target": _target(outputs), **_metadata(row)}


def _prefixed(row: JsonObject, prefix: str) -> JsonObject:
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


def _asked(value: Json) -> JsonObject:
    """A text or messages as the input; a table of one such as that; a larger table as variables."""
    if isinstance(value, str):
        return {"input": value}
    if isinstance(value, list):
        return {"input": [found for one in value if (found := _message(one))]}
    if not isinstance(value, dict):
        return {}
    if isinstance(value.get("messages"), list):
        return _asked(value["messages"])
    if len(value) == 1:
        (only,) = value.values()
        if isinstance(only, str):
            return {"input": only}
        if isinstance(only, list) and only and all(map(_message, only)):
            return _asked(only)
    return {"vars": value}


def _message(value: Json) -> JsonObject | None:
    """A message, also in LangChain's words; `None` for what is none."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("kwargs"), dict):
        kind = (value.get("id") or [""])[-1] if isinstance(value.get("id"), list) else ""
        value = {"type": str(kind).removesuffix("Message").lower(), **value["kwargs"]}
    role = ROLES.get(str(value.get("role", value.get("type", ""))).lower(), value.get("role"))
    data = value.get("data")
    content = value.get("content", data.get("content") if isinstance(data, dict) else None)
    return {"role": role, "content": content} if role and content is not None else None


def _target(value: Json) -> Json:
    """The right answer: a table of one text, or a message, as that text."""
    if isinstance(value, dict):
        if value.get("content") is not None:
            return value["content"]
        if len(value) == 1:
            (only,) = value.values()
            return _target(only)
        return value or None
    return value


def _metadata(row: JsonObject) -> JsonObject:
    metadata = row.get("metadata")
    kept = dict(metadata) if isinstance(metadata, dict) else {}
    for name in ("split", "source_run_id", "sourceTraceId"):
        if row.get(name):
            kept[name] = row[name]
    return {"metadata": kept}
