"""`tests`: where items come from, as rows with their places. Lines of JSON are read one by one."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.evals.files.complaints import Complaints
from tiercel.evals.files.csv_rows import Short, csv_rows
from tiercel.evals.files.documents import Document, find_files, read_document, unsound
from tiercel.evals.files.expectations import Place
from tiercel.evals.files.rows import Row
from tiercel.evals.files.surroundings import Surroundings
from tiercel.policy.problems import Steps

TRAFFIC = "traffic://"
LINES = frozenset((".jsonl", ".ndjson"))
LISTS = frozenset((".yaml", ".yml", ".json"))
ENDINGS = ".jsonl, .csv, .yaml or .json"


class Sources:
    """Reads `tests` of one evaluation."""

    def __init__(
        self, *, folder: Path, surroundings: Surroundings, short: Short, complaints: Complaints
    ) -> None:
        self._folder = folder
        self._surroundings = surroundings
        self._short = short
        self._complaints = complaints

    def rows(self, tests: object, document: Document) -> Iterator[Row]:
        """Every row, in the order of the file; what cannot be read is noted."""
        if isinstance(tests, str):
            yield from self._named(tests, document, ("tests",))
            return
        for position, entry in enumerate(tests if isinstance(tests, tuple | list) else ()):
            key: Steps = ("tests", position)
            if isinstance(entry, str):
                yield from self._named(entry, document, key)
            else:
                yield Row(value=entry, place=self._place(document, key))

    def _named(self, named: str, document: Document, key: Steps) -> Iterator[Row]:
        try:
            if named.startswith(TRAFFIC):
                yield from self._traffic(named)
                return
            for path in find_files(named, self._folder):
                yield from self._file(path)
        except ConfigError as error:
            for problem in error.problems:
                self._complaints.add(document.name, problem, line=document.line_of(key), key=key)

    def _traffic(self, named: str) -> Iterator[Row]:
        if self._surroundings.traffic is None:
            raise ConfigError(
                f"{named!r}: traffic cannot be read here; `tiercel eval capture` writes it to a file"
            )
        for value in self._surroundings.traffic(named):
            yield Row(value=value, place=Place(file=named, folder=self._folder, line_of=lambda _: None))

    def _file(self, path: Path) -> Iterator[Row]:
        suffix = path.suffix.lower()
        name = self._name(path)
        if suffix in LINES:
            yield from self._json_lines(path, name)
        elif suffix == ".csv":
            complain = partial(self._at, name)
            for line, value in csv_rows(path, name, self._short, complain):
                yield Row(value=value, place=self._at_line(name, path, line))
        elif suffix in LISTS:
            document = read_document(path, name)
            if not isinstance(document.value, list):
                raise ConfigError(f"{name}: a list of items was expected; begin each with `- `")
            for position, value in enumerate(document.value):
                yield Row(value=value, place=self._place(document, (position,), path.parent))
        else:
            raise ConfigError(f"{name}: items come from {ENDINGS}")

    def _json_lines(self, path: Path, name: str) -> Iterator[Row]:
        try:
            with path.open("rb") as file:
                for number, raw in enumerate(file, 1):
                    if raw.isspace():
                        continue
                    value = self._line(raw.removeprefix(b"\xef\xbb\xbf"), name, number)
                    if value is not None:
                        yield Row(value=value, place=self._at_line(name, path, number))
        except FileNotFoundError:
            raise ConfigError(f"{name}: no such file") from None
        except OSError as error:
            raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error

    def _line(self, raw: bytes, name: str, number: int) -> Json:
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._complaints.add(name, f"not JSON: {error}", line=number)
            return None
        except RecursionError:
            self._complaints.add(name, "nested too deeply", line=number)
            return None
        complaint = unsound(value)
        if complaint is not None:
            self._complaints.add(name, complaint, line=number)
            return None
        return {} if value is None else value

    def _at(self, name: str, line: int, message: str) -> None:
        self._complaints.add(name, message, line=line)

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._folder)) if path.is_relative_to(self._folder) else str(path)

    def _place(self, document: Document, key: Steps, folder: Path | None = None) -> Place:
        return Place(file=document.name, folder=folder or self._folder, line_of=document.line_of, key=key)

    def _at_line(self, name: str, path: Path, line: int) -> Place:
        return Place(file=name, folder=path.parent, line_of=lambda _: line)
