"""What a simulated model does with a request: the same for the same seed, model, request and effort. Pure.

The order of things: does it know the task (else a canned answer that says what it is); would it be right; how does it
stumble; how does it dress its JSON; does the budget suffice. No model's real ability is in here.
"""

import hashlib
import re

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.domain.request import (
    Effort,
    Media,
    ModelRequest,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse, Usage
from tiercel.domain.tokens import CHARS_PER_TOKEN, TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, estimate_tokens
from tiercel.testing.lab.from_schema import smallest
from tiercel.testing.lab.models import SimulatedModel
from tiercel.testing.tasks import DemoTask, Stumble

EFFORT_HELP: dict[Effort, float] = {
    "none": 0.0,
    "minimal": -0.06,
    "low": -0.03,
    "high": 0.04,
    "xhigh": 0.06,
    "max": 0.06,
}
LUCK = 0.10
"""How far chance moves a model's skill at one task, up or down."""

RE_ASK_HELPS = 0.7
"""The share of complaints about an answer's shape that the next answer heeds."""

INPUT_TOKENS_PER_SECOND = 20_000.0
CACHED_FROM_TOKENS = 1_024
CACHED_SHARE = 0.9
CUT_AT = 0.6

THOUGHT = "Simulated thinking: reading the request, weighing the answer."
FENCED = "```json\n{text}\n```"
PREFACED = "Here is the JSON you asked for:\n\n{text}\n\nLet me know if you need anything else."
CANNED = (
    "Simulated answer of {model} to a request of about {tokens} tokens. The lab has real answers only to the tasks of "
    "`tiercel demo` and to recorded prompts."
)
_BETWEEN_WORDS = re.compile(r"(?<=[A-Za-z]) (?=[A-Za-z])")


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked what, under which seed. `task` is the demo task the prompt belongs to, if any."""

    model: SimulatedModel
    request: ModelRequest
    task: DemoTask | None = None
    seed: int = 0

    @property
    def effort(self) -> Effort:
        return self.request.effort or self.model.manner.default_effort

    @property
    def corrected(self) -> bool:
        """Whether this asks again with a complaint about the answer before."""
        if self.task is None:
            return False
        prompt = self.task.prompt.strip()
        texts = [m.text.strip() for m in self.request.messages if m.role == "user"]
        return not texts[-1].endswith(prompt) and any(text.endswith(prompt) for text in texts)

    @property
    def wants_json(self) -> bool:
        wanted = self.request.response_format
        if wanted is not None and wanted.wants_json:
            return True
        return self.task is not None and self.task.wants_json

    def draw(self, what: str) -> float:
        """A number in [0, 1) that belongs to this scene and this question, and never changes."""
        texts = "\x1f".join(message.text for message in self.request.messages)
        key = f"{self.seed}|{self.model.name}|{self.effort}|{what}|{texts}"
        digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, and how long it takes: silence until the first token, then tokens at a speed."""

    response: ModelResponse
    first_token_seconds: float
    tokens_per_second: float

    @property
    def seconds(self) -> float:
        """The time of the whole answer."""
        usage = self.response.usage or Usage()
        return self.first_token_seconds + usage.output / self.tokens_per_second


def perform(scene: Scene) -> Performance:
    """What the model answers, and how fast."""
    stumble = _stumble(scene)
    calls = _calls(scene)
    text = "" if calls else _text(scene, stumble)
    finish: FinishReason = "tool_calls" if calls else "stop"
    thinking = _thinking_tokens(scene)
    if stumble == "cut" and text:
        text, finish = text[: int(len(text) * CUT_AT)], "length"
    if stumble == "empty":
        text, calls = "", ()
    visible = _visible_tokens(text, calls)
    budget = scene.request.max_output_tokens
    if budget is not None and thinking + visible > budget:
        finish = "length"
        thinking = min(thinking, budget)
        visible = budget - thinking
        text, calls = text[: int(visible * CHARS_PER_TOKEN)], ()
    usage = _usage(scene, visible, thinking)
    response = ModelResponse(
        model=scene.model.upstream_name,
        choices=(Choice(parts=_parts(stumble, text, calls, thinking), finish=Finish(reason=finish)),),
        usage=usage,
    )
    first = scene.model.manner.first_token_seconds + usage.input / INPUT_TOKENS_PER_SECOND
    return Performance(
        response=response, first_token_seconds=first, tokens_per_second=scene.model.tokens_per_second
    )


def input_tokens(request: ModelRequest) -> int:
    """About how many tokens the request has, by the gateway's own estimate: the lab has no tokenizer either."""
    count = sum(TOKENS_PER_MESSAGE + sum(map(_part_tokens, message.parts)) for message in request.messages)
    for tool in request.tools:
        count += estimate_tokens(tool.description) + len(msgspec.json.encode(tool.parameters)) // 4
    return count


def _part_tokens(part: Part) -> int:
    match part:
        case Text() | Reasoning() | Refusal():
            return estimate_tokens(part.text)
        case Media():
            return TOKENS_PER_IMAGE
        case ToolCall():
            return estimate_tokens(part.arguments) + estimate_tokens(part.name)
        case ToolResult():
            return sum(map(_part_tokens, part.parts))
        case _:
            return TOKENS_PER_MESSAGE


def _visible_tokens(text: str, calls: tuple[ToolCall, ...]) -> int:
    return estimate_tokens(text) + sum(map(_part_tokens, calls))


def _usage(scene: Scene, visible: int, thinking: int) -> Usage:
    total = input_tokens(scene.request)
    history = sum(sum(map(_part_tokens, message.parts)) for message in scene.request.messages[:-1])
    continued = any(message.role == "assistant" for message in scene.request.messages)
    cached = 0
    if continued and scene.model.manner.caches and history >= CACHED_FROM_TOKENS:
        cached = int(history * CACHED_SHARE)
    return Usage(uncached=total - cached, cached=cached, visible=visible, reasoning=thinking)


def _parts(
    stumble: Stumble | None, text: str, calls: tuple[ToolCall, ...], thinking: int
) -> tuple[Part, ...]:
    parts: list[Part] = []
    if thinking and text:
        parts.append(Reasoning(text=THOUGHT))
    if stumble == "refuses":
        parts.append(Refusal(text="This simulated model declines."))
    elif text:
        parts.append(Text(text=text))
    return (*parts, *calls)


def _thinking_tokens(scene: Scene) -> int:
    base = scene.model.manner.thinking.get(scene.effort, 0)
    difficulty = 0.5 if scene.task is None else scene.task.difficulty
    return int(base * (0.5 + difficulty) * (0.8 + 0.4 * scene.draw("thinking")))


def _stumble(scene: Scene) -> Stumble | None:
    task = scene.task
    if task is None:
        return None
    planned = task.stumbles.get(scene.model.name)
    if planned is not None and not (scene.corrected and scene.draw("heeds") < RE_ASK_HELPS):
        return planned
    reach = (
        scene.model.manner.skill + EFFORT_HELP.get(scene.effort, 0.0) + LUCK * (2 * scene.draw("luck") - 1)
    )
    if planned is not None or reach >= task.difficulty:
        return None
    if task.repeat > 1:
        return "cut"
    return "wrong" if task.wrong is not None else None


def _text(scene: Scene, stumble: Stumble | None) -> str:
    if scene.task is None:
        return _dressed(scene, None, _canned(scene))
    text = scene.task.text
    if stumble == "wrong" and scene.task.wrong is not None:
        text = scene.task.wrong.strip()
    if stumble == "invalid":
        text = _without_first_key(text)
    return _dressed(scene, stumble, text)


def _canned(scene: Scene) -> str:
    wanted = scene.request.response_format
    if wanted is not None and wanted.kind == "json_schema":
        return msgspec.json.encode(smallest(wanted.schema)).decode()
    if wanted is not None and wanted.kind == "json_object":
        return msgspec.json.encode({"simulated": True, "model": scene.model.name}).decode()
    return CANNED.format(model=scene.model.name, tokens=input_tokens(scene.request))


def _dressed(scene: Scene, stumble: Stumble | None, text: str) -> str:
    """The text as this model would wrap it, where JSON was wanted."""
    if not scene.wants_json:
        return text
    manner = scene.model.manner
    wanted = scene.request.response_format
    held = manner.obeys and wanted is not None and wanted.kind == "json_schema"
    if stumble == "newlines":
        return _BETWEEN_WORDS.sub("\n", text, count=1)
    if stumble == "fenced" or (not held and scene.draw("fence") < manner.fences):
        return FENCED.format(text=text)
    if stumble == "prose" or (not held and scene.draw("preface") < manner.preface):
        return PREFACED.format(text=text)
    return text


def _without_first_key(text: str) -> str:
    value = msgspec.json.decode(text.encode())
    return msgspec.json.encode(dict(list(value.items())[1:])).decode()


def _calls(scene: Scene) -> tuple[ToolCall, ...]:
    """The tool calls of the answer: the task's own, one that was demanded, or one that the prompt names."""
    request = scene.request
    mode = "auto" if request.tool_choice is None else request.tool_choice.mode
    if not request.tools or mode == "none":
        return ()
    if scene.task is not None and scene.task.calls:
        planned = scene.task.calls
        return tuple(
            ToolCall(id=_call_id(scene, number), name=call.name, arguments=call.arguments)
            for number, call in enumerate(planned)
        )
    tool = _demanded(request, mode)
    if tool is None:
        return ()
    arguments = msgspec.json.encode(smallest(tool.parameters or _EMPTY)).decode()
    return (ToolCall(id=_call_id(scene, 0), name=tool.name, arguments=arguments),)


_EMPTY: JsonObject = {"type": "object"}


def _demanded(request: ModelRequest, mode: str) -> Tool | None:
    named = () if request.tool_choice is None else request.tool_choice.names
    offered = [tool for tool in request.tools if not named or tool.name in named]
    if mode in ("required", "named"):
        return next(iter(offered), None)
    last = request.messages[-1]
    return next((tool for tool in offered if last.role == "user" and tool.name in last.text), None)


def _call_id(scene: Scene, number: int) -> str:
    return f"call_{int(scene.draw(f'call {number}') * 16**12):012x}"
