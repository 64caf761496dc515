"""What a model answered, in no vendor's shape: choices made of parts, why it ended, what was used."""

from typing import Literal

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Part, Reasoning, Refusal, Text, ToolCall

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error", "unknown"]


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """Why the answer ended; `raw` is the provider's own word."""

    reason: FinishReason
    raw: str | None = None
    stop_sequence: str | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens, split so that no token is in two fields. Billing multiplies each field by its own price.

    `visible` is output without reasoning. `source` says whether the provider counted or we estimated.
    `reported_cost_nano` is what the provider itself says it charged (OpenRouter), in nano-dollars.
    """

    uncached: int = 0
    cached: int = 0
    written: int = 0
    visible: int = 0
    reasoning: int = 0
    source: Literal["upstream", "estimated", "partial"] = "upstream"
    reported_cost_nano: int | None = None

    @property
    def input(self) -> int:
        return self.uncached + self.cached + self.written

    @property
    def output(self) -> int:
        return self.visible + self.reasoning


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the `n` answers."""

    index: int = 0
    parts: tuple[Part, ...] = ()
    finish: Finish = Finish(reason="unknown")
    logprobs: Json = None
    extra: JsonObject = {}
    message_extra: JsonObject = {}

    @property
    def text(self) -> str:
        """What a reader sees: the text parts joined without a separator."""
        return "".join([part.text for part in self.parts if isinstance(part, Text)])

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple([part for part in self.parts if isinstance(part, ToolCall)])

    @property
    def refusal(self) -> str:
        text = ""  # added up: nearly always there is nothing, and this is asked of every answer
        for part in self.parts:
            if isinstance(part, Refusal):
                text += part.text
        return text

    @property
    def reasoning(self) -> str:
        return "".join([part.text for part in self.parts if isinstance(part, Reasoning)])

    @property
    def is_empty(self) -> bool:
        """Nothing a client could use: no text but white space, no tool call, no refusal, no other content."""
        return not self.text.strip() and all([isinstance(part, Text | Reasoning) for part in self.parts])

    def with_text(self, text: str, finish: Finish | None = None) -> "Choice":
        """The same choice with its text replaced; reasoning and tool calls stay."""
        parts: list[Part] = []
        placed = False
        for part in self.parts:
            if not isinstance(part, Text):
                parts.append(part)
            elif not placed:
                parts.append(Text(text=text, extra=part.extra))
                placed = True
        if not placed:
            parts.append(Text(text=text))
        return msgspec.structs.replace(self, parts=tuple(parts), finish=finish or self.finish)


class ModelResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `model` is the name the provider gave; `extra` holds top-level fields we do not read."""

    id: str = ""
    model: str = ""
    created: int = 0
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    extra: JsonObject = {}

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text if self.choices else ""


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a codec needs and must not make itself: the answer's id, when it was created (Unix seconds), and the model's
    name to show."""

    id: str
    created: int
    model: str
