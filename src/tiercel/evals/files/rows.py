"""One row of items, whatever file it stood in, as an item: what is asked, the right answer, what it is measured by."""

import hashlib
from collections.abc import Sequence

import msgspec

from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.evaluation import Expectation, Item
from tiercel.evals.files.complaints import Complaints, LinedProblems
from tiercel.evals.files.documents import SCHEME, read_value
from tiercel.evals.files.expectations import ExpectationReader, Place
from tiercel.evals.files.pictures import Pictures, is_picture, read_as_text
from tiercel.evals.files.prompts import Prompt
from tiercel.evals.files.tables import ALIASES, DefaultTable, ItemTable
from tiercel.evals.files.targets import OURS
from tiercel.evals.files.templates import TemplateError
from tiercel.evals.scorers.scorer import as_text
from tiercel.policy.problems import Steps, nearest
from tiercel.policy.shape import find_problems
from tiercel.wire.registry import CODECS

KEYS = frozenset(ItemTable.__struct_encode_fields__)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHOOSE = "Answer with the letter of the right choice."
ID_DIGITS = 12


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it was written, and where: its own file and line, and the key within the file where it has one."""

    value: Json
    place: Place


class RowReader:
    """Makes items of rows. What is wrong with a row is noted, and it gives no item."""

    def __init__(
        self,
        *,
        default: DefaultTable,
        default_expectations: Sequence[Expectation],
        prompts: Sequence[Prompt],
        expectations: ExpectationReader,
        cluster: str | None,
        complaints: Complaints,
    ) -> None:
        self._default = default
        self._default_expectations = default_expectations
        self._prompts = prompts
        self._expectations = expectations
        self._cluster = cluster
        self._complaints = complaints
        self._pictures = Pictures()

    def items(self, row: Row) -> list[Item]:
        """The row's item, or one for each prompt."""
        before = len(self._complaints)
        table, rest = self._table(row)
        if table is None:
            return []
        metadata = {**self._default.metadata, **rest, **(table.metadata or {})}
        variables = self._variables(table, row)
        names = {**names_of(table, metadata), **variables}
        own = self._expectations.read(table.asserts, _below(row.place, "assert"))
        base = Item(
            id=row_id(table),
            body={},
            target=texts_of(table.target),
            choices=tuple(map(as_text, table.choices)),
            variables=variables,
            expectations=self._expectations.fill((*self._default_expectations, *own), names, row.place),
            metadata=metadata,
            weight=table.weight,
            threshold=table.threshold if table.threshold is not None else self._default.threshold,
            cluster=self._cluster_of(metadata, variables),
            source=table.source or row.place.file,
            line=row.place.line_of(row.place.key),
        )
        config = {**self._default.config, **table.config}
        for field in sorted(OURS & config.keys()):
            self._complain(row, ("config", field), "set by the evaluation itself; leave it out")
        found = [
            msgspec.structs.replace(item, body={**self._with_pictures(item, row), **config})
            for item in self._asked(base, table, names, row)
        ]
        sound = [item for item in found if self._is_sound(item, row)]
        return [] if len(self._complaints) > before else sound

    def _table(self, row: Row) -> tuple[ItemTable | None, JsonObject]:
        """The known keys by their own names, and the others."""
        if not isinstance(row.value, dict):
            self._complain(row, (), f"an item is a table with `input` or `vars`, not {row.value!r:.60}")
            return None, {}
        known: JsonObject = {}
        rest: JsonObject = {}
        for key, value in row.value.items():
            name = ALIASES.get(key, key)
            if name not in KEYS:
                rest[key] = value
            elif name in known and known[name] != value:
                self._complain(row, (key,), f"says again what {name!r} says, and otherwise; keep one")
            else:
                known[name] = value
        if known.get("description") is not None:
            rest["description"] = known["description"]
        before = len(self._complaints)
        place = row.place
        problems = LinedProblems(
            self._complaints, place.file, lambda path: place.line_of((*place.key, *path)), place.key
        )
        find_problems(known, ItemTable, problems)
        if len(self._complaints) > before:
            return None, {}
        return msgspec.convert(known, ItemTable), rest

    def _variables(self, table: ItemTable, row: Row) -> JsonObject:
        """The vars, with their files read; a picture is read where a message shows it."""
        variables = {**self._default.vars, **table.vars}
        for name, value in list(variables.items()):
            if isinstance(value, str) and value.startswith(SCHEME) and not is_picture(value):
                try:
                    variables[name] = read_value(value, row.place.folder)
                except ConfigError as error:
                    self._complain(row, ("vars", name), str(error))
        return variables

    def _asked(self, base: Item, table: ItemTable, names: JsonObject, row: Row) -> list[Item]:
        """The item with its messages, once for each prompt."""
        if not self._prompts:
            messages = _own_messages(table)
            if messages is None:
                meant = next(
                    (hint for key in base.metadata if (hint := nearest(key, ("input", "messages")))), ""
                )
                self._complain(
                    row, (), f"nothing is asked: give it an `input`, or the evaluation a prompt{meant}"
                )
                return []
            return [msgspec.structs.replace(base, body={"messages": messages})]
        if isinstance(table.input, tuple):
            self._complain(row, (), "has messages of its own, and the evaluation has prompts; take one away")
            return []
        found: list[Item] = []
        for prompt in self._prompts:
            if table.choices and "choices" not in prompt.names:
                fix = "does not show them; put {{choices}} into it"
                self._complain(row, ("choices",), f"prompt {prompt.label!r} {fix}")
            try:
                item = self._of_prompt(base, prompt)
                found.append(msgspec.structs.replace(item, body=prompt.body(names)))
            except TemplateError as error:
                self._complain(row, (), f"prompt {prompt.label!r}: {error}")
        return found

    def _of_prompt(self, base: Item, prompt: Prompt) -> Item:
        """Answers to several prompts of one item are no independent evidence."""
        if len(self._prompts) == 1:
            return base
        return msgspec.structs.replace(
            base,
            id=f"{base.id}#{prompt.label}",
            metadata={**base.metadata, "prompt": prompt.label},
            cluster=base.cluster or base.id,
        )

    def _with_pictures(self, item: Item, row: Row) -> JsonObject:
        """The item's body with its pictures read."""
        messages = item.body["messages"]
        name = read_as_text(messages, item.variables)
        if name is not None:
            fix = "make it the url of an `image_url` part"
            self._complain(row, ("vars", name), f"a picture among the words of a message; {fix}")
            return item.body
        try:
            return {**item.body, "messages": self._pictures.shown_in(messages, row.place.folder)}
        except ConfigError as error:
            self._complain(row, (), str(error))
            return item.body

    def _is_sound(self, item: Item, row: Row) -> bool:
        """Whether its request is one that a client could send."""
        try:
            CODECS["openai_chat"].decode_request(msgspec.json.encode({"model": "any", **item.body}))
        except CallerError as error:
            self._complain(row, (), f"no client could send this: {error.message}")
            return False
        return True

    def _cluster_of(self, metadata: JsonObject, variables: JsonObject) -> str | None:
        if self._cluster is None:
            return None
        value: Json = {"metadata": metadata, "vars": variables}
        for step in self._cluster.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        return None if value is None else as_text(value)

    def _complain(self, row: Row, below: Steps, message: str) -> None:
        key = (*row.place.key, *below)
        self._complaints.add(row.place.file, message, line=row.place.line_of(key), key=key)


def row_id(table: ItemTable) -> str:
    """The id it was given, else one made of what is asked and of the right answer: the same wherever it stands."""
    if table.id is not None:
        return str(table.id)
    content = [table.input, table.vars, table.target, table.choices]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:ID_DIGITS]


def names_of(table: ItemTable, metadata: JsonObject) -> JsonObject:
    """What templates may name beside the item's vars."""
    names: JsonObject = {"metadata": metadata}
    targets = texts_of(table.target)
    if isinstance(table.input, str):
        names["input"] = table.input
    if targets:
        names |= {"target": targets[0], "targets": list(targets)}
    if table.choices:
        names["choices"] = lettered(tuple(map(as_text, table.choices)))
    return names


def texts_of(value: Json) -> tuple[str, ...]:
    """Right answers as texts: one, several, or none."""
    match value:
        case None:
            return ()
        case list() | tuple():
            return tuple(as_text(item) for item in value if item is not None)
        case _:
            return (as_text(value),)


def lettered(choices: tuple[str, ...]) -> str:
    """`A) first` and so on, a line each; beyond Z by number."""
    marks = [LETTERS[n] if n < len(LETTERS) else str(n + 1) for n in range(len(choices))]
    return "\n".join(f"{mark}) {choice}" for mark, choice in zip(marks, choices, strict=True))


def _own_messages(table: ItemTable) -> list[JsonObject] | None:
    """The messages of an item that needs no prompt; choices are shown below the question."""
    if table.input is None:
        return None
    shown = f"\n\n{lettered(tuple(map(as_text, table.choices)))}\n\n{CHOOSE}" if table.choices else ""
    if isinstance(table.input, str):
        return [{"role": "user", "content": table.input + shown}]
    messages = list(table.input)
    last = messages[-1]
    if shown and isinstance(last.get("content"), str):
        messages[-1] = {**last, "content": last["content"] + shown}
    return messages


def _below(place: Place, step: str) -> Place:
    return msgspec.structs.replace(place, key=(*place.key, step))
