"""What an import comes to: the new files' content, and everything that is not in them."""

import hashlib
from collections.abc import Sequence

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.evaluation import Evaluation
from tiercel.evals.files.documents import Document
from tiercel.evals.results import Result
from tiercel.policy.problems import Steps, dotted

HEAD = """\
# Made of {name} by `tiercel eval import {source}`. What could not be carried over was told then, and nowhere else.
"""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Answers and scores that the file held, for comparing. Times are Unix seconds."""

    evaluation: Evaluation
    results: tuple[Result, ...]
    started_at: float
    finished_at: float | None


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """`evaluation` is the content of eval.yaml, `rows` that of items.jsonl.

    `left` says what was not carried over, with its line; `notes` what means something a little different here.
    """

    source: str
    name: str
    evaluation: JsonObject
    rows: tuple[JsonObject, ...]
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()

    def evaluation_text(self) -> str:
        """`eval.yaml`. Raises `ConfigError` where the library that writes it is missing."""
        try:
            import yaml
        except ImportError as error:
            raise ConfigError(
                "writing YAML needs more than was installed: pip install 'tiercel[evals]'"
            ) from error
        text: str = yaml.safe_dump(
            self.evaluation, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
        )
        return HEAD.format(name=self.name, source=self.source) + text

    def items_text(self) -> str:
        """`items.jsonl`."""
        return "".join(msgspec.json.encode(row).decode() + "\n" for row in self.rows)


class Carrying:
    """Collects what is left behind, and what changes its meaning, each said once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._left: dict[str, None] = {}
        self._notes: dict[str, None] = {}

    def leave(self, key: Steps, why: str, *, file: str | None = None, line: int | None = None) -> None:
        """Something stays behind."""
        name = file or self._document.name
        line = line if file else self._document.line_of(key)
        places = [name, *([f"line {line}"] if line else []), *([dotted(key)] if key else [])]
        self._left[": ".join([*places, why])] = None

    def note(self, what: str) -> None:
        """Something is carried over that does not mean quite the same."""
        self._notes[what] = None

    @property
    def left(self) -> tuple[str, ...]:
        return tuple(self._left)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)


def with_own_ids(rows: Sequence[JsonObject]) -> tuple[JsonObject, ...]:
    """The rows; of those that ask the same each but the first gets an id, since none may be lost."""
    seen: dict[str, int] = {}
    found: list[JsonObject] = []
    for row in rows:
        given = row.get("id")
        content = given if given is not None else _asked(row)
        name = str(given) if given is not None else hashlib.sha256(_asked(row)).hexdigest()[:12]
        key = str(content)
        seen[key] = seen.get(key, 0) + 1
        found.append(row if seen[key] == 1 else {"id": f"{name}-{seen[key]}", **_without(row, "id")})
    return tuple(found)


def without_empty(row: JsonObject) -> JsonObject:
    """The row without keys that say nothing."""
    return {key: value for key, value in row.items() if value not in (None, "", [], {}, ())}


def _asked(row: JsonObject) -> bytes:
    content: list[Json] = [row.get(key) for key in ("input", "vars", "target", "choices")]
    return msgspec.json.encode(content, order="sorted")


def _without(row: JsonObject, key: str) -> JsonObject:
    return {name: value for name, value in row.items() if name != key}
