"""`assert` lists as expectations."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.evaluation import Expectation
from tiercel.evals.files.complaints import Complaints, LinedProblems
from tiercel.evals.files.documents import SCHEME, read_value
from tiercel.evals.files.promptfoo_types import PROGRAMS
from tiercel.evals.files.surroundings import KnownScorers
from tiercel.evals.files.tables import ExpectationTable, SetTable
from tiercel.evals.files.templates import TemplateError, fill_value, names_in
from tiercel.policy.problems import Steps, nearest
from tiercel.policy.shape import find_problems

NOT = "not-"
KEYS = frozenset(ExpectationTable.__struct_encode_fields__)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an `assert` list stands: the file, the folder its files are in, the key, and the line of each thing."""

    file: str
    folder: Path
    line_of: Callable[[Steps], int | None]
    key: Steps = ()


class ExpectationReader:
    """Reads lists of assertions against the scorers that there are, and the names of the judges."""

    def __init__(self, scorers: KnownScorers, judges: Collection[str], complaints: Complaints) -> None:
        self._scorers = scorers
        self._judges = judges
        self._complaints = complaints

    def read(self, rows: Sequence[Json], place: Place) -> list[Expectation]:
        """The expectations that could be read; what is wrong with the others is noted."""
        found: list[Expectation] = []
        for position, row in enumerate(rows):
            found += self._one(row, (position,), place)
        return found

    def _one(self, row: Json, at: Steps, place: Place) -> list[Expectation]:
        if not isinstance(row, dict):
            self._complain(place, at, "expected a table such as {type: contains, value: Paris}")
            return []
        if row.get("type") == "assert-set":
            return self._set(row, at, place)
        known = {key: value for key, value in row.items() if key in KEYS}
        if not self._fits(known, ExpectationTable, at, place):
            return []
        table = msgspec.convert(known, ExpectationTable)
        options = {key: value for key, value in row.items() if key not in KEYS}
        expectation = Expectation(
            scorer=table.type.removeprefix(NOT) if not self._scorers.has(table.type) else table.type,
            value=table.value,
            options=options,
            negated=table.type.startswith(NOT) and not self._scorers.has(table.type),
            threshold=table.threshold,
            weight=table.weight,
            metric=table.metric,
            judge=table.judge,
            line=place.line_of((*place.key, *at)),
        )
        usable = self._usable(expectation, at, place)
        return [] if usable is None else [usable]

    def _set(self, row: JsonObject, at: Steps, place: Place) -> list[Expectation]:
        if "threshold" in row:
            self._complain(
                place, (*at, "threshold"), "an assert-set's own threshold is not known; give the item one"
            )
            return []
        if not self._fits(row, SetTable, at, place):
            return []
        table = msgspec.convert(row, SetTable)
        inside = [
            found
            for position, inner in enumerate(table.asserts)
            for found in self._one(inner, (*at, "assert", position), place)
        ]
        total = sum(expectation.weight for expectation in inside) or 1.0
        return [
            replace(
                expectation,
                weight=expectation.weight * table.weight / total,
                metric=expectation.metric or table.metric,
            )
            for expectation in inside
        ]

    def _fits(self, row: JsonObject, table: type, at: Steps, place: Place) -> bool:
        before = len(self._complaints)
        key = (*place.key, *at)
        find_problems(
            row,
            table,
            LinedProblems(self._complaints, place.file, lambda path: place.line_of((*key, *path)), key),
        )
        return len(self._complaints) == before

    def _usable(self, expectation: Expectation, at: Steps, place: Place) -> Expectation | None:
        """The expectation with its files read and its judge found; `None` where something is wrong."""
        complaint = self._scorer_complaint(expectation)
        if complaint is not None:
            self._complain(place, (*at, "type"), complaint)
            return None
        try:
            expectation = replace(expectation, value=_loaded(expectation.value, place.folder))
        except ConfigError as error:
            self._complain(place, (*at, "value"), str(error))
            return None
        try:
            varies = _has_names(expectation.value)
        except TemplateError as error:
            self._complain(place, (*at, "value"), str(error))
            return None
        if not varies:
            for problem in self._scorers.problems(expectation):
                self._complain(place, at, problem)
        return self._with_judge(expectation, at, place)

    def _scorer_complaint(self, expectation: Expectation) -> str | None:
        name = expectation.scorer
        is_program = name in PROGRAMS and expectation.value is not None  # our check `python` takes no value
        if self._scorers.has(name) and not is_program:
            return None
        if name in PROGRAMS:
            return (
                f"{name!r} runs a program from the file, which is never done; "
                "write a scorer of your own and name it as module:function"
            )
        known = list(self._scorers.names)
        hint = nearest(name, known) or f"; there are {', '.join(sorted(known))}"
        return f"{name!r}: nobody measures this{hint}"

    def _with_judge(self, expectation: Expectation, at: Steps, place: Place) -> Expectation | None:
        if expectation.judge is not None:
            if expectation.judge in self._judges:
                return expectation
            hint = nearest(expectation.judge, self._judges) or "; name one of `judges`"
            self._complain(place, (*at, "judge"), f"{expectation.judge!r}: there is no such judge{hint}")
            return None
        if not self._scorers.needs_judge(expectation.scorer):
            return expectation
        if len(self._judges) == 1:
            return replace(expectation, judge=next(iter(self._judges)))
        fix = "say which with `judge`" if self._judges else "add `judges: {j1: {model: …}}`"
        self._complain(place, at, f"{expectation.scorer!r} asks a judge; {fix}")
        return None

    def fill(
        self, expectations: Sequence[Expectation], variables: JsonObject, place: Place
    ) -> tuple[Expectation, ...]:
        """The expectations with an item's own values in them; what a scorer cannot use is noted at the item."""
        filled: list[Expectation] = []
        for expectation in expectations:
            try:
                value = fill_value(expectation.value, variables)
            except TemplateError as error:
                self._complain(place, (), f"{expectation.name}: {error}")
                continue
            if value == expectation.value:  # seen when it was read
                filled.append(expectation)
                continue
            one = replace(expectation, value=value)
            for problem in self._scorers.problems(one):
                self._complain(place, (), f"{expectation.name}: {problem}")
            filled.append(one)
        return tuple(filled)

    def _complain(self, place: Place, at: Steps, message: str) -> None:
        key = (*place.key, *at)
        self._complaints.add(place.file, message, line=place.line_of(key), key=key)


def _loaded(value: Json, folder: Path) -> Json:
    return read_value(value, folder) if isinstance(value, str) and value.startswith(SCHEME) else value


def _has_names(value: Json) -> bool:
    """Whether an item's values go into it. Raises `TemplateError` for a template that cannot be filled in."""
    match value:
        case str():
            return bool(names_in(value))
        case list():
            return any([_has_names(item) for item in value])
        case dict():
            return any([_has_names(item) for item in value.values()])
        case _:
            return False
