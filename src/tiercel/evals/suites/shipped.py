"""The suites by name, each as the text of an items file, with the pictures that it names. The five tasks of
`tiercel bench tasks` are made into one."""

import re
from importlib.resources import files

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.evals.scorers.checking import PREFIX
from tiercel.evals.suite import Resolve, Task, load_suite
from tiercel.policy.problems import nearest

FIVE_TASKS = "five-tasks"
OF_TASKS = (
    "extraction",
    "classification",
    "summary",
    "translation",
    "coding",
    "reasoning",
    "agent_step",
    "gui",
    "simple_chat",
    "long_writing",
)
PICTURE = re.compile(r"file://([\w./-]+)")
NAMES = (*OF_TASKS, FIVE_TASKS)
"""In the order in which they are listed."""
ABOUT_FIVE_TASKS = (
    "Five tasks: the demands of `tiercel bench tasks` (form, reasoning, mending code, sums, JSON)."
)


class ShippedSuite(msgspec.Struct, frozen=True, kw_only=True):
    """A suite as it is written beside an `eval.yaml`: the name of its items' file, that file's text, and the pictures
    that its items show, by their names there."""

    name: str
    about: str
    file: str
    items: str
    pictures: dict[str, bytes] = {}


def suite_abouts() -> dict[str, str]:
    """What each suite is, in a line."""
    return {name: ABOUT_FIVE_TASKS if name == FIVE_TASKS else _about(_text(name)) for name in NAMES}


def shipped_suite(name: str, resolve: Resolve) -> ShippedSuite:
    """The suite of this name. Raises `ConfigError` where there is none. `resolve` makes the five tasks' gates whole."""
    if name not in NAMES:
        hint = nearest(name, NAMES) or f"; there are {', '.join(NAMES)}"
        raise ConfigError(f"{name!r}: no such suite{hint}")
    if name == FIVE_TASKS:
        return ShippedSuite(name=name, about=ABOUT_FIVE_TASKS, file="items.jsonl", items=_five_tasks(resolve))
    text = _text(name)
    return ShippedSuite(
        name=name, about=_about(text), file="items.yaml", items=text, pictures=_pictures(text)
    )


def _text(name: str) -> str:
    return files("tiercel.evals.suites").joinpath(f"{name}.yaml").read_text("utf-8")


def _pictures(text: str) -> dict[str, bytes]:
    folder = files("tiercel.evals.suites")
    return {name: folder.joinpath(name).read_bytes() for name in sorted({*PICTURE.findall(text)})}


def _about(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ")


def _five_tasks(resolve: Resolve) -> str:
    rows = (msgspec.json.encode(_row(task)).decode() for task in load_suite(None, resolve).tasks)
    return "".join(f"{row}\n" for row in rows)


def _row(task: Task) -> JsonObject:
    """The task as an item: its gates are the expectations, and the gateway's checks measure them."""
    fields = dict(task.fields)
    return {
        "id": task.name,
        "input": fields.pop("messages"),
        "target": task.target,
        "metadata": {"wrong": task.wrong, "difficulty": task.difficulty},
        "config": fields,
        "assert": [
            _number(task, gate.at_least)
            if gate.check == "number"
            else {"type": PREFIX + gate.check, "value": gate.options, "threshold": gate.at_least}
            for gate in task.gates
        ],
    }


def _number(task: Task, threshold: float) -> JsonObject:
    """The right number travels with a live request as a label; an item has it as a value."""
    return {"type": "numeric", "value": task.request.annotations["expected"], "threshold": threshold}
