"""The tasks of `tiercel demo`: what is asked, what a right answer says, and how models stumble over it.

They are data (`data/*.toml`, our own invented office and engineering work); here they become values and request bodies.
A simulated answer is only meaningful for these tasks: nothing is learned from it about any real model.
"""

import base64
import struct
import tomllib
import zlib
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from tiercel.domain.facts import Task as TaskKind
from tiercel.domain.json import Json, JsonObject

Stumble = Literal["wrong", "cut", "empty", "fenced", "prose", "newlines", "invalid", "refuses"]
"""How a model fails at a task: content nobody can use, or text in the wrong shape."""

FaultName = Literal["overloaded", "server_error", "cut", "html", "stream_error"]

FILES = ("tasks.toml", "tasks_hard.toml")
LOG_TOKENS = 270_000


class PlannedCall(msgspec.Struct, frozen=True, kw_only=True):
    """The tool call that a right answer makes; `arguments` is JSON text."""

    name: str
    arguments: str


class DemoTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One task. The fields are explained at the top of `data/tasks.toml`."""

    name: str
    kind: TaskKind
    difficulty: float
    prompt: str
    answer: str
    wrong: str | None = None
    also_wrong: tuple[str, ...] = ()
    tests: str | None = None
    expect: tuple[str, ...] = ()
    repeat: int = 1
    system: str | None = None
    before: str | None = None
    after: str | None = None
    attach: Literal["log", "screenshot", "swatch"] | None = None
    schema: str | None = None
    json: bool = False
    tools: tuple[str, ...] = ()
    calls: tuple[PlannedCall, ...] = ()
    max_tokens: int | None = None
    stream: bool = False
    hints: dict[str, str] = {}
    stumbles: dict[str, Stumble] = {}
    faults: dict[str, FaultName] = {}
    outcome: Literal["answered", "refused"] = "answered"

    @property
    def text(self) -> str:
        """What a right answer says, whole."""
        numbered = (self.answer.replace("{n}", str(number)) for number in range(1, self.repeat + 1))
        return "".join(numbered).strip()

    @property
    def wants_json(self) -> bool:
        return self.json or self.schema is not None

    @property
    def results_before(self) -> int:
        """How many results of tools the task begins with."""
        if self.after is None:
            return 0
        return sum(message["role"] == "tool" for message in _loads(self.after))

    def grade(self, text: str, calls: tuple[str, ...] = ()) -> bool | None:
        """Whether an answer is right, as far as its text or its tool calls' names can tell; `None`: cannot say."""
        if self.calls:
            return calls == tuple(call.name for call in self.calls)
        if not self.expect:
            return None
        return all(needle.lower() in text.lower() for needle in self.expect)

    def body(self, model: str = "auto") -> JsonObject:
        """The request that asks for this task, in the `openai_chat` format."""
        body: JsonObject = {"model": model, "messages": self._messages()}
        if self.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        if self.tests is not None:
            body["metadata"] = {"tiercel.tests": self.tests}
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        if self.tools:
            body["tools"] = [_tool_spec(name) for name in self.tools]
        if self.schema is not None:
            named = {"name": self.name.replace("-", "_"), "schema": _loads(self.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif self.json:
            body["response_format"] = {"type": "json_object"}
        return body

    def _messages(self) -> list[JsonObject]:
        messages: list[JsonObject] = []
        if self.system is not None:
            messages.append({"role": "system", "content": self.system})
        if self.before is not None:
            messages += _loads(self.before)
        messages.append({"role": "user", "content": self._content()})
        if self.after is not None:
            messages += _loads(self.after)
        return messages

    def _content(self) -> Json:
        match self.attach:
            case None:
                return self.prompt
            case "log":
                return [{"type": "text", "text": service_log()}, {"type": "text", "text": self.prompt}]
            case "screenshot" | "swatch":
                image = screenshot_png() if self.attach == "screenshot" else swatch_png()
                url = "data:image/png;base64," + base64.b64encode(image).decode()
                return [
                    {"type": "text", "text": self.prompt},
                    {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                ]


class _ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    description: str
    parameters: str


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    tools: dict[str, _ToolSpec] = {}
    tasks: tuple[DemoTask, ...] = ()


@cache
def _files() -> tuple[_File, ...]:
    folder = resources.files("tiercel.testing") / "data"
    texts = ((folder / name).read_text("utf-8") for name in FILES)
    return tuple(msgspec.convert(tomllib.loads(text), _File) for text in texts)


def demo_tasks() -> tuple[DemoTask, ...]:
    """All tasks of the demo, in the order of the files."""
    return tuple(task for file in _files() for task in file.tasks)


def _tool_spec(name: str) -> JsonObject:
    spec = next(file.tools[name] for file in _files() if name in file.tools)
    function = {"name": name, "description": spec.description, "parameters": _loads(spec.parameters)}
    return {"type": "function", "function": function}


def _loads(text: str) -> Json:
    return msgspec.json.decode(text.encode())


@cache
def service_log() -> str:
    """A made-up log of about 270,000 tokens in which one line says what failed first."""
    lines: list[str] = []
    size = 0
    second = 0
    while size < LOG_TOKENS * 4:
        clock = f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}"
        node, millis = second * 7 % 24, second * 37 % 90 + 3
        if clock == "03:17:42":
            line = f"{clock} ERROR cache-07 lost quorum, refusing writes"
        elif second % 97 == 0:
            line = f"{clock} INFO  scheduler rotated lease of worker-{node:02}"
        else:
            job = 100_000 + second * 13
            line = f"{clock} INFO  worker-{node:02} done job {job} in {millis} ms, queue depth {second % 19}"
        lines.append(line)
        size += len(line) + 1
        second += 1
    return "\n".join(lines)


def png(rows: list[bytes]) -> bytes:
    """A PNG of 8-bit RGB rows, each three bytes a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\x00" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@cache
def swatch_png() -> bytes:
    """An orange square."""
    return png([b"\xff\x8c\x00" * 16] * 16)


@cache
def screenshot_png() -> bytes:
    """A tiny page: a white sheet, a grey field above, and a green button whose middle is at (48, 40)."""
    blank, field, button = b"\xff\xff\xff", b"\xd8\xd8\xd8", b"\x2e\xa0\x43"
    rows = []
    for y in range(64):
        middle = field if 12 <= y < 22 else button if 34 <= y < 46 else blank
        rows.append(blank * 24 + middle * 48 + blank * 24)
    return png(rows)
