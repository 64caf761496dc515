"""What a simulated model does with a request: the same for the same seed, model, request and effort. Pure.

The order of things: does it know the task (else a canned answer that says what it is); would it be right; how does it
stumble; how does it dress its JSON; where does it stop; does the budget suffice. No model's real ability is in here.
"""

import re

import msgspec

from tiercel.domain.json import Json
from tiercel.domain.request import Effort, Part, Refusal, ToolCall
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.domain.tokens import CHARS_PER_TOKEN, estimate_tokens
from tiercel.testing.lab.calls import calls_of
from tiercel.testing.lab.canned import canned_answer
from tiercel.testing.lab.scene import Scene
from tiercel.testing.lab.thoughts import sealed_text, shown_thought
from tiercel.testing.lab.tokens import input_tokens, parts_tokens
from tiercel.testing.tasks import Stumble

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

FENCED = "```json\n{text}\n```"
PREFACED = "Here is the JSON you asked for:\n\n{text}\n\nLet me know if you need anything else."
_BETWEEN_WORDS = re.compile(r"(?<=[A-Za-z]) (?=[A-Za-z])")
_TOKENS = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")


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


class _Draft(msgspec.Struct, kw_only=True):
    """The answer while it is made."""

    text: str
    calls: tuple[ToolCall, ...]
    thinking: int
    finish: Finish


def perform(scene: Scene) -> Performance:
    """What the model answers, and how fast."""
    stumble = _stumble(scene)
    draft = _draft(scene, stumble)
    visible = estimate_tokens(draft.text) + parts_tokens(draft.calls)
    budget = scene.request.max_output_tokens
    if budget is not None and draft.thinking + visible > budget:
        draft.finish = Finish(reason="length")
        draft.thinking = min(draft.thinking, budget)
        visible = budget - draft.thinking
        draft.text, draft.calls = draft.text[: int(visible * CHARS_PER_TOKEN)], ()
    usage = _usage(scene, visible, draft.thinking)
    choice = Choice(
        parts=_parts(scene, stumble, draft), finish=draft.finish, logprobs=_logprobs(scene, draft.text)
    )
    response = ModelResponse(model=scene.model.upstream_name, choices=(choice,), usage=usage)
    first = scene.model.manner.first_token_seconds + usage.input / INPUT_TOKENS_PER_SECOND
    return Performance(
        response=response, first_token_seconds=first, tokens_per_second=scene.model.tokens_per_second
    )


def _draft(scene: Scene, stumble: Stumble | None) -> _Draft:
    """What the model would say if nothing limited it."""
    calls = calls_of(scene)
    text = "" if calls else _text(scene, stumble)
    finish = Finish(reason="tool_calls" if calls else "stop")
    if stumble == "cut" and text:
        text, finish = text[: int(len(text) * CUT_AT)], Finish(reason="length")
    if stumble == "empty":
        text, calls = "", ()
    met = [(text.index(stop), stop) for stop in scene.request.sampling.stop if stop and stop in text]
    if met:
        at, stop = min(met)
        text, finish = text[:at], Finish(reason="stop", stop_sequence=stop)
    return _Draft(text=text, calls=calls, thinking=_thinking_tokens(scene), finish=finish)


def _usage(scene: Scene, visible: int, thinking: int) -> Usage:
    total = input_tokens(scene.request)
    history = sum(parts_tokens(message.parts) for message in scene.request.messages[:-1])
    continued = any(message.role == "assistant" for message in scene.request.messages)
    cached = 0
    if continued and scene.model.manner.caches and history >= CACHED_FROM_TOKENS:
        cached = int(history * CACHED_SHARE)
    return Usage(uncached=total - cached, cached=cached, visible=visible, reasoning=thinking)


def _parts(scene: Scene, stumble: Stumble | None, draft: _Draft) -> tuple[Part, ...]:
    parts: list[Part] = []
    thought = shown_thought(scene) if draft.thinking and (draft.text or draft.calls) else None
    if thought is not None:
        parts.append(thought)
    if stumble == "refuses":
        parts.append(Refusal(text="This simulated model declines."))
    elif draft.text:
        parts.append(sealed_text(scene, draft.text))
    return (*parts, *draft.calls)


def _logprobs(scene: Scene, text: str) -> Json:
    """Each token with how likely it was, where that was asked for."""
    if not scene.request.sampling.logprobs or not text:
        return None
    most = scene.request.sampling.top_logprobs or 0
    entries = []
    for number, token in enumerate(_TOKENS.findall(text)):
        likely = {
            "token": token,
            "logprob": -round(scene.draw(f"token {number}"), 4),
            "bytes": list(token.encode()),
        }
        entries.append({**likely, "top_logprobs": [likely] if most else []})
    return {"content": entries}


def _thinking_tokens(scene: Scene) -> int:
    base = scene.model.manner.thinking_at(scene.effort)
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
    if scene.task is None or scene.tools_answered:
        return _dressed(scene, None, canned_answer(scene))
    text = scene.task.text
    if stumble == "wrong" and scene.task.wrong is not None:
        wrongs = (scene.task.wrong, *scene.task.also_wrong)
        text = wrongs[int(scene.draw("which wrong") * len(wrongs))].strip()
    if stumble == "invalid":
        text = _without_first_key(text)
    return _dressed(scene, stumble, text)


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


__all__ = ["Performance", "Scene", "perform"]
