"""A suite of tasks with known demands, read from TOML: prompts, request fields, and gates as in policy.toml.

Whatever could only go wrong after money was spent is a problem here: unknown checks, request fields that no client
could send, gates that would never apply.
"""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, field

from tiercel.checks.run import wants_json
from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Gate
from tiercel.domain.request import ModelRequest
from tiercel.policy.policy_file import find_gate_contradictions, gates_of
from tiercel.policy.policy_tables import Gates, GateTable, PolicyFile
from tiercel.policy.problems import Problems
from tiercel.policy.shape import find_problems
from tiercel.policy.tables import FilledText, Name, Share, Table
from tiercel.policy.toml_reader import check_version, content_hash, read_table, read_text
from tiercel.wire.registry import CODECS

SHIPPED = "five-tasks.toml"
HEADERS = {"request": 1, "gates": 2, "tasks": 2}
OURS = frozenset(("model", "messages", "stream", "stream_options", "n"))
"""Request fields that the benchmark sets itself."""

Resolve = Callable[[Gate], Gate]
"""The gate with what only its check knows. Raises `ConfigError` with what is wrong with it."""


class TaskTable(Table, frozen=True, kw_only=True):
    """One task: what is asked, and what an answer must pass."""

    name: Annotated[Name, Meta(description="A name for tables and results.")]
    title: Annotated[FilledText | None, Meta(description="What the task is, in a few words.")] = None
    prompt: Annotated[FilledText, Meta(description="The user's message.")]
    system: Annotated[FilledText | None, Meta(description="A system message before it.")] = None
    request: Annotated[
        JsonObject, Meta(description="Request fields of this task, over those of [request].")
    ] = field(default_factory=dict)
    gates: Annotated[
        Annotated[Gates, Meta(min_length=1)],
        Meta(description="What an answer must pass: names of [gates.…] or of checks, or tables."),
    ]
    expected: Annotated[
        FilledText | None, Meta(description="The known right number, for the check `number`; never sent.")
    ] = None
    target: Annotated[
        FilledText | None,
        Meta(description="A right answer. It must pass the gates before any model is asked."),
    ] = None
    wrong: Annotated[
        FilledText | None, Meta(description="A plausible wrong answer. It must miss a gate.")
    ] = None
    difficulty: Annotated[Share, Meta(description="Only for simulated models: the skill it takes.")] = 0.5


class SuiteFile(Table, frozen=True, kw_only=True):
    """A suite: tasks, what all their requests carry, and gates to be used by name."""

    version: int
    title: Annotated[FilledText, Meta(description="What the suite is, in a few words.")]
    request: Annotated[JsonObject, Meta(description="Fields that every request carries.")] = field(
        default_factory=dict
    )
    gates: Annotated[dict[Name, GateTable], Meta(description="Gates by name.")] = field(default_factory=dict)
    tasks: Annotated[
        Annotated[tuple[TaskTable, ...], Meta(min_length=1)], Meta(description="The tasks, in their order.")
    ]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task, ready to be asked: `fields` is the request but for its model, `request` the same as a value.

    `target` is a right answer and `wrong` a wrong one, where the suite gives them; `difficulty` concerns only simulated
    models.
    """

    name: str
    title: str
    prompt: str
    fields: JsonObject
    request: ModelRequest
    gates: tuple[Gate, ...]
    target: str | None = None
    wrong: str | None = None
    difficulty: float = 0.5

    def body(self, model: str) -> bytes:
        """The request as a client would send it."""
        return msgspec.json.encode({"model": model, **self.fields})


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks that were read and found usable. `source` is the file's name, `hash` names exactly its content."""

    title: str
    source: str
    hash: str
    tasks: tuple[Task, ...]


def load_suite(path: Path | None, resolve: Resolve) -> Suite:
    """The suite in this file, or the five tasks that come with Tiercel. Raises `ConfigError`."""
    if path is None:
        text = files("tiercel.evals").joinpath("data", SHIPPED).read_text("utf-8")
        return read_suite(text, SHIPPED, resolve)
    if not path.exists():
        raise ConfigError(
            f"{path}: no such file; without --suite the five tasks that come with Tiercel are run"
        )
    return read_suite(read_text(path), path.name, resolve)


def read_suite(text: str, name: str, resolve: Resolve) -> Suite:
    """The suite that this text describes. Raises one `ConfigError` with all problems, each with its fix."""
    table = read_table(text, name)
    problems = Problems(name, HEADERS)
    check_version(table, problems)
    find_problems(table, SuiteFile, problems)
    problems.raise_if_any()
    file = msgspec.convert(table, SuiteFile)
    _find_contradictions(file, problems)
    problems.raise_if_any()
    tasks = [_task(row, file, resolve, problems) for row in file.tasks]
    problems.raise_if_any()
    return Suite(
        title=file.title,
        source=name,
        hash=content_hash(table),
        tasks=tuple(task for task in tasks if task is not None),
    )


def _find_contradictions(file: SuiteFile, problems: Problems) -> None:
    seen: set[str] = set()
    for row in file.tasks:
        path = ("tasks", row.name)
        if row.name in seen:
            problems.add(path, "the name is used twice; rename one of the tasks")
        seen.add(row.name)
        find_gate_contradictions(row.gates, (*path, "gates"), problems)
        for key in sorted(OURS & row.request.keys()):
            problems.add((*path, "request", key), "the benchmark sets this itself; leave it out")
    for key in sorted(OURS & file.request.keys()):
        problems.add(("request", key), "the benchmark sets this itself; leave it out")


def _task(row: TaskTable, file: SuiteFile, resolve: Resolve, problems: Problems) -> Task | None:
    path = ("tasks", row.name)
    messages = [{"role": "user", "content": row.prompt}]
    if row.system is not None:
        messages.insert(0, {"role": "system", "content": row.system})
    fields: JsonObject = {"messages": messages, **file.request, **row.request}
    try:
        request = CODECS["openai_chat"].decode_request(msgspec.json.encode({"model": "any", **fields}))
    except CallerError as error:
        problems.add((*path, "request"), f"no client could send this: {error.message}")
        return None
    if row.expected is not None:
        request = msgspec.structs.replace(request, annotations={"expected": row.expected})
    return Task(
        name=row.name,
        title=row.title or row.name,
        prompt=row.prompt,
        fields=fields,
        request=request,
        gates=_gates(row, file, request, resolve, problems),
        target=row.target,
        wrong=row.wrong,
        difficulty=row.difficulty,
    )


def _gates(
    row: TaskTable, file: SuiteFile, request: ModelRequest, resolve: Resolve, problems: Problems
) -> tuple[Gate, ...]:
    """The task's gates; a gate that would never look at the answer is a problem too."""
    named = PolicyFile(version=1, gates=file.gates, tiers={}, rules=())
    gates: list[Gate] = []
    for position, gate in enumerate(gates_of(row.gates, named)):
        path = ("tasks", row.name, "gates", position)
        try:
            resolved = resolve(gate)
        except ConfigError as error:
            for problem in error.problems:
                problems.add(path, problem)
            continue
        if resolved.applies == "json" and not wants_json(request):
            fix = "give it a schema, or the request a response_format"
            problems.add(
                path, f"gate {gate.check!r}: the request asks for no JSON, so it never applies; {fix}"
            )
        gates.append(resolved)
    return tuple(gates)
