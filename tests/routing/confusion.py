"""The labelled prompts, and how often the facts read from them agree: `python -m tests.routing.confusion [--mistakes]`.

Labels and rules have the same author; the prompts marked `held_out` were written before the rules and not looked at
while they were tuned. That makes their figure the more honest one, and still a friendly one.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import get_args

import msgspec

from tiercel.domain.facts import Facts, Task
from tiercel.domain.json import JsonObject
from tiercel.domain.request import (
    Hints,
    Media,
    Message,
    ModelRequest,
    Part,
    ResponseFormat,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from tiercel.routing.facts import read_facts

FILE = Path(__file__).with_name("labelled.jsonl")
TASKS: tuple[Task, ...] = get_args(Task)
CHEAP: frozenset[Task] = frozenset(("summary", "classification", "extraction", "simple_chat"))
HARD: frozenset[Task] = frozenset(("reasoning", "coding", "long_writing", "agent_step", "gui"))


class Turn(msgspec.Struct, forbid_unknown_fields=True):
    """One message in short form; `calls` names tools that the assistant called."""

    role: Role
    content: str = ""
    calls: tuple[str, ...] = ()


class Labelled(msgspec.Struct, forbid_unknown_fields=True):
    """A request in short form with what its facts should be; tools are written `name: description`."""

    task: Task
    prompt: str = ""
    messages: tuple[Turn, ...] = ()
    system: str = ""
    tools: tuple[str, ...] = ()
    response_format: str = ""
    image: bool = False
    complexity: str | None = None
    risk: str | None = None
    held_out: bool = False

    @property
    def facts(self) -> Facts:
        return read_facts(self.request, Hints())

    @property
    def request(self) -> ModelRequest:
        turns = list(self.messages)
        if self.system:
            turns.insert(0, Turn(role="system", content=self.system))
        if self.prompt:
            turns.append(Turn(role="user", content=self.prompt))
        messages = [_message(turn, number) for number, turn in enumerate(turns)]
        if self.image:
            picture = Media(kind="image", url="https://example.com/screen.png")
            messages[-1] = msgspec.structs.replace(messages[-1], parts=(*messages[-1].parts, picture))
        return ModelRequest(
            format="openai_chat",
            model="auto",
            messages=tuple(messages),
            tools=tuple(_tool(text) for text in self.tools),
            response_format=_response_format(self.response_format),
        )


def _message(turn: Turn, number: int) -> Message:
    if turn.role == "tool":
        result = ToolResult(call_id=f"call_{number}", parts=(Text(text=turn.content),))
        return Message(role="tool", parts=(result,))
    parts: list[Part] = [Text(text=turn.content)] if turn.content else []
    parts += [ToolCall(id=f"call_{number}_{name}", name=name, arguments="{}") for name in turn.calls]
    return Message(role=turn.role, parts=tuple(parts))


def _tool(text: str) -> Tool:
    name, _, description = text.partition(": ")
    parameters: JsonObject = {"type": "object", "properties": {"input": {"type": "string"}}}
    return Tool(name=name, description=description, parameters=parameters)


def _response_format(kind: str) -> ResponseFormat | None:
    match kind:
        case "json_object":
            return ResponseFormat(kind="json_object")
        case "json_schema":
            return ResponseFormat(kind="json_schema", name="answer", schema={"type": "object"})
        case _:
            return None


def load() -> list[Labelled]:
    """All labelled prompts, in the order of the file."""
    lines = FILE.read_text("utf-8").splitlines()
    return [msgspec.json.decode(line, type=Labelled) for line in lines]


class Result(msgspec.Struct, frozen=True):
    """How a set of prompts came out; `pairs` counts (label, found)."""

    pairs: Counter[tuple[Task, Task]]

    @property
    def total(self) -> int:
        return self.pairs.total()

    @property
    def accuracy(self) -> float:
        return sum(n for (label, found), n in self.pairs.items() if label == found) / self.total

    @property
    def hard_taken_for_cheap(self) -> int:
        """The costly mistake: a task for a strong model, confidently labelled as one for a cheap one."""
        return sum(n for (label, found), n in self.pairs.items() if label in HARD and found in CHEAP)

    def table(self) -> str:
        width = max(map(len, TASKS))
        head = " ".join(f"{task[:6]:>6}" for task in TASKS)
        rows = [f"{'label / found':<{width}} {head}"]
        for label in TASKS:
            counts = " ".join(f"{self.pairs[label, found] or '·':>6}" for found in TASKS)
            rows.append(f"{label:<{width}} {counts}")
        return "\n".join(rows)


def evaluate(prompts: list[Labelled]) -> Result:
    """Read the facts of each and count."""
    return Result(Counter((prompt.task, prompt.facts.task) for prompt in prompts))


def report(show_mistakes: bool) -> str:
    """Both tables; with `show_mistakes`, each tuned prompt that came out wrong."""
    prompts = load()
    lines = []
    for held_out in (False, True):
        result = evaluate([prompt for prompt in prompts if prompt.held_out == held_out])
        name = "held out" if held_out else "tuned"
        lines.append(f"{name}: {result.accuracy:.3f} of {result.total} right")
        lines.append(f"hard taken for cheap: {result.hard_taken_for_cheap}\n{result.table()}\n")
    for prompt in prompts if show_mistakes else ():
        facts = prompt.facts
        if not prompt.held_out and facts.task != prompt.task:
            text = prompt.prompt or prompt.messages[-1].content
            lines.append(f"{prompt.task} found {facts.task} ({facts.signals['task']}): {text[:70]!r}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(report("--mistakes" in sys.argv) + "\n")
