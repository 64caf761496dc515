"""A stream as values: what every decoder produces and every encoder consumes, and how events add up to an answer."""

from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.failure import Failure
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Format, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The upstream began. Not content: it commits nothing."""

    id: str = ""
    model: str = ""
    created: int = 0
    extra: JsonObject = {}


class TextDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More visible text; `logprobs` as the provider gave them for these tokens.

    `extra` keeps what must be sent back with the text; pieces of one text add up to one.
    """

    text: str
    choice: int = 0
    logprobs: Json = None
    extra: JsonObject = {}


class RefusalDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More text of a refusal."""

    text: str
    choice: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More of the model's thinking, or the signature that seals it.

    `id` is the block's own, where its format names it at the beginning; `extra` has it again at the end.
    """

    id: str = ""
    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    source: Format | None = None
    extra: JsonObject = {}
    choice: int = 0


class ToolCallStart(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call begins. `index` counts the calls of one choice densely from 0; id and name come once, here.

    `extra` keeps what must be sent back with the call, such as Gemini's thought signature. A call of `kind` "custom"
    has free text for arguments.
    """

    index: int
    id: str
    name: str
    kind: Literal["function", "custom"] = "function"
    choice: int = 0
    extra: JsonObject = {}


class ArgumentsDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More of the arguments' JSON text of tool call `index`."""

    index: int
    text: str
    choice: int = 0


class OpaqueDelta(msgspec.Struct, frozen=True, kw_only=True):
    """Something only the format `source` understands, kept verbatim."""

    source: Format
    raw: Json
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A choice ended: exactly once per choice, after all its content."""

    finish: Finish
    choice: int = 0


class UsageUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What has been used so far; the last one counts."""

    usage: Usage


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """The stream carried an error, or ended without a finish. Always the last event."""

    failure: Failure


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The stream ended as its format says it must. Always the last event of a good stream."""


StreamEvent: TypeAlias = (
    Start
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ToolCallStart
    | ArgumentsDelta
    | OpaqueDelta
    | Finished
    | UsageUpdate
    | Broken
    | End
)

CONTENT_EVENTS = (TextDelta, RefusalDelta, ToolCallStart, ArgumentsDelta, OpaqueDelta)
"""What a client can use: the first of these (with text, where it has text) is the commit point."""


def is_content(event: StreamEvent) -> bool:
    """Whether this is real content: a delta of nothing or of white space is not, nor is reasoning."""
    if isinstance(event, TextDelta | RefusalDelta):
        return bool(event.text) and not event.text.isspace()
    return isinstance(event, CONTENT_EVENTS)


class _ChoiceFold:
    """One choice while it grows."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.text_extra: JsonObject = {}
        self.calls: dict[int, ToolCallStart] = {}
        self.others: dict[str, Part] = {}
        self.reasoning_marks: dict[str, ReasoningDelta] = {}
        self.reasoning_sources: dict[str, Format | None] = {}
        self.finish: Finish | None = None
        self.logprobs: list[Json] = []

    def add_text(self, key: str, text: str) -> None:
        pieces = self.texts.get(key)
        if pieces is None:
            self.order.append(key)
            pieces = self.texts[key] = []
        pieces.append(text)

    def add_reasoning(self, event: ReasoningDelta) -> None:
        # a signature or a redacted block closes its block: what follows is another one
        key = f"reasoning:{len(self.reasoning_marks)}"
        self.add_text(key, event.text)
        self.reasoning_sources.setdefault(key, event.source)
        if event.signature is not None or event.redacted is not None or event.extra:
            self.reasoning_marks[key] = event

    def parts(self) -> tuple[Part, ...]:
        return tuple(self._part(key) for key in self.order)

    def _part(self, key: str) -> Part:
        if key in self.others:
            return self.others[key]
        text = "".join(self.texts[key])
        kind, _, number = key.partition(":")
        if kind == "text":
            return Text(text=text, extra=self.text_extra)
        if kind == "refusal":
            return Refusal(text=text)
        if kind == "call":
            call = self.calls[int(number)]
            arguments = text if text or call.kind == "custom" else "{}"
            return ToolCall(id=call.id, name=call.name, arguments=arguments, kind=call.kind, extra=call.extra)
        mark = self.reasoning_marks.get(key, ReasoningDelta())
        return Reasoning(
            text=text,
            signature=mark.signature,
            redacted=mark.redacted,
            source=mark.source or self.reasoning_sources[key],
            extra=mark.extra,
        )


class Fold:
    """Adds up the events of one stream into a `ModelResponse`. The reference for what a stream means."""

    def __init__(self) -> None:
        self._start = Start()
        self._choices: dict[int, _ChoiceFold] = {}
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self.ended = False

    def add(self, event: StreamEvent) -> None:
        """Take in the next event."""
        if isinstance(event, TextDelta) and not event.extra:  # nearly all are
            choice = self._choices.get(event.choice)
            if choice is None:
                choice = self._choices[event.choice] = _ChoiceFold()
            choice.add_text("text:0", event.text)
            if event.logprobs is not None:
                choice.logprobs.append(event.logprobs)
            return
        match event:
            case Start():
                self._start = event
            case UsageUpdate():
                self.usage = event.usage
            case Broken():
                self.failure = event.failure
            case End():
                self.ended = True
            case _:
                self._add_to_choice(self._choices.setdefault(event.choice, _ChoiceFold()), event)

    @staticmethod
    def _add_to_choice(choice: _ChoiceFold, event: StreamEvent) -> None:
        match event:
            case TextDelta():
                choice.add_text("text:0", event.text)
                if event.extra:
                    choice.text_extra = {**choice.text_extra, **event.extra}
                if event.logprobs is not None:
                    choice.logprobs.append(event.logprobs)
            case RefusalDelta():
                choice.add_text("refusal:0", event.text)
            case ReasoningDelta():
                choice.add_reasoning(event)
            case ToolCallStart():
                choice.calls[event.index] = event
                choice.add_text(f"call:{event.index}", "")
            case ArgumentsDelta():
                choice.add_text(f"call:{event.index}", event.text)
            case OpaqueDelta():
                key = f"opaque:{len(choice.order)}"
                choice.order.append(key)
                choice.others[key] = Opaque(source=event.source, raw=event.raw)
            case Finished():
                choice.finish = event.finish
            case _:
                raise AssertionError(f"not an event of a choice: {event!r}")

    def response(self) -> ModelResponse:
        """The answer as far as it has come; a choice that has not finished has the reason `unknown`."""
        choices = tuple(
            Choice(
                index=index,
                parts=fold.parts(),
                finish=fold.finish or Finish(reason="unknown"),
                logprobs=_merged_logprobs(fold.logprobs),
            )
            for index, fold in sorted(self._choices.items())
        )
        start = self._start
        return ModelResponse(
            id=start.id,
            model=start.model,
            created=start.created,
            choices=choices,
            usage=self.usage,
            extra=start.extra,
        )


def _merged_logprobs(pieces: list[Json]) -> Json:
    """Chunks carry `{"content": [...], "refusal": [...]}` each; the whole answer carries their concatenation."""
    if not pieces:
        return None
    merged: JsonObject = {}
    for piece in pieces:
        if isinstance(piece, dict):
            for key, entries in piece.items():
                if isinstance(entries, list):
                    merged.setdefault(key, []).extend(entries)
    return merged


def unfold(response: ModelResponse) -> list[StreamEvent]:
    """A whole answer as the events of a stream: what `Fold` would add up to the same answer."""
    events: list[StreamEvent] = [
        Start(id=response.id, model=response.model, created=response.created, extra=response.extra)
    ]
    for choice in response.choices:
        calls = 0
        for part in choice.parts:
            events.extend(_unfold_part(part, choice.index, calls))
            calls += isinstance(part, ToolCall)
        if choice.logprobs is not None:
            events.append(TextDelta(text="", choice=choice.index, logprobs=choice.logprobs))
        events.append(Finished(finish=choice.finish, choice=choice.index))
    if response.usage is not None:
        events.append(UsageUpdate(usage=response.usage))
    events.append(End())
    return events


def _unfold_part(part: Part, choice: int, call_index: int) -> list[StreamEvent]:
    match part:
        case Text():
            return [TextDelta(text=part.text, choice=choice, extra=part.extra)]
        case Refusal():
            return [RefusalDelta(text=part.text, choice=choice)]
        case Reasoning():
            return [
                ReasoningDelta(
                    text=part.text,
                    signature=part.signature,
                    redacted=part.redacted,
                    source=part.source,
                    extra=part.extra,
                    choice=choice,
                )
            ]
        case ToolCall():
            return [
                ToolCallStart(
                    index=call_index,
                    id=part.id,
                    name=part.name,
                    kind=part.kind,
                    choice=choice,
                    extra=part.extra,
                ),
                ArgumentsDelta(index=call_index, text=part.arguments, choice=choice),
            ]
        case Opaque():
            return [OpaqueDelta(source=part.source, raw=part.raw, choice=choice)]
        case _:
            # media and tool results do not stream in any format; they reach a client whole or not at all
            return []
