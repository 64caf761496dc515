"""One upstream stream of chunks as events, made regular: finish once and last, usage wherever it stood, errors seen.

The finish is held until the stream ends, since servers repeat it, send it early, or call a stop what was a tool call.
"""

from tiercel.domain.events import (
    Broken,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    UsageUpdate,
)
from tiercel.domain.failure import Failure
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Opaque, Part, Reasoning, Refusal, Text
from tiercel.domain.response import Usage
from tiercel.wire.error_facts import stream_failure
from tiercel.wire.event_stream import EventStreamDecoder
from tiercel.wire.fields import leftovers
from tiercel.wire.openai_chat.finish import read_finish
from tiercel.wire.openai_chat.reasoning_details import FIELD, GrowingDetails
from tiercel.wire.openai_chat.response import read_content, reasoning_text
from tiercel.wire.openai_chat.tool_call_deltas import ToolCallDeltas
from tiercel.wire.openai_chat.usage import read_usage
from tiercel.wire.quirks import Quirks, UsagePlace

_TOP = frozenset(("id", "object", "created", "model", "choices", "usage", "obfuscation"))
_DELTA = frozenset(("role", "content", "refusal", "tool_calls", "index", "name", FIELD))


class _ChoiceState:
    """What has to be remembered of one choice until its end."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.calls = ToolCallDeltas(index)
        self.raw_finish: str | None = None
        self.details = GrowingDetails()

    def end(self) -> list[StreamEvent]:
        events: list[StreamEvent] = [*self.seals(self.details.rest()), *self.calls.end()]
        finish = read_finish(self.raw_finish, self.calls.are_complete)
        if finish.reason == "error":
            return [*events, Broken(failure=_ended_in_error(finish.raw))]
        return [*events, Finished(finish=finish, choice=self.index)]

    def seals(self, thoughts: list[Reasoning]) -> list[ReasoningDelta]:
        """The ends of these thoughts, whose text has gone before them."""
        return [
            ReasoningDelta(
                signature=thought.signature,
                redacted=thought.redacted,
                source=thought.source,
                extra=thought.extra,
                choice=self.index,
            )
            for thought in thoughts
        ]


class ChatStreamDecoder(EventStreamDecoder):
    """Decodes one stream; see `StreamDecoder` for what it guarantees."""

    def __init__(self, quirks: Quirks) -> None:
        super().__init__()
        self._quirks = quirks
        self._read_fields = _DELTA.union(quirks.reasoning_fields)
        self._choices: dict[int, _ChoiceState] = {}
        self._answer_id = ""
        self._started = False
        self._usage: Usage | None = None

    def _closed(self, events: list[StreamEvent]) -> None:
        """With its finish the answer is whole, also where `[DONE]` is missing."""
        if not self._choices or any(c.raw_finish is None for c in self._choices.values()):
            self._truncated(events)
        else:
            self._done(events)

    def _take_object(self, source: JsonObject, event: str | None, events: list[StreamEvent]) -> bool:
        error = source.get("error") or (source if event == "error" else None)
        if error:
            self._break(stream_failure(error), events)
            return False
        choices = source.get("choices")
        listed = choices if isinstance(choices, list) else []
        if choices is not None and listed is not choices:  # what it held of the answer would be lost
            self._break(
                Failure(kind="bad_response", message="the stream held choices that are no list"), events
            )
            return False
        if not self._started:
            self._start(source, bool(listed), events)
        for item in listed:
            if isinstance(item, dict):
                self._take_choice(item, events)
        if source.get("usage") is not None:
            self._take_usage(source["usage"], events)
        for place in self._quirks.usage_places:
            self._take_usage(_usage_at(place, source, listed), events)
        return True

    def _take_usage(self, value: Json, events: list[StreamEvent]) -> None:
        usage = read_usage(value)
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(UsageUpdate(usage=usage))

    def _start(self, chunk: JsonObject, has_choices: bool, events: list[StreamEvent]) -> None:
        """Azure opens with a chunk that has neither id nor choices: that is not the start yet."""
        if not (has_choices or chunk.get("id")):
            return
        self._started = True
        answer_id, model, created = chunk.get("id"), chunk.get("model"), chunk.get("created")
        self._answer_id = answer_id if isinstance(answer_id, str) else ""
        events.append(
            Start(
                id=self._answer_id,
                model=model if isinstance(model, str) else "",
                created=created if isinstance(created, int) else 0,
                extra=leftovers(chunk, _TOP),
            )
        )

    def _take_choice(self, item: JsonObject, events: list[StreamEvent]) -> None:
        index = item.get("index")
        index = index if isinstance(index, int) else 0
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _ChoiceState(index)
        delta = item.get("delta")
        if isinstance(delta, dict):
            content = delta.get("content")
            is_plain = content.__class__ is str and item.get("logprobs") is None
            if len(delta) == 1 and is_plain and not state.details.waiting:
                # nearly every chunk is a piece of text and nothing else
                if content:
                    events.append(TextDelta(text=content, choice=index))
            else:
                self._take_delta(delta, item.get("logprobs"), state, events)
        word = item.get("finish_reason")
        if isinstance(word, str) and word and state.raw_finish is None:
            state.raw_finish = word

    def _take_delta(
        self, delta: JsonObject, logprobs: Json, state: _ChoiceState, events: list[StreamEvent]
    ) -> None:
        details = delta.get(FIELD)
        if isinstance(details, list):
            events += state.seals(state.details.take(details))
        reasoning = reasoning_text(delta, self._quirks)
        if reasoning:
            events.append(ReasoningDelta(text=reasoning, source="openai_chat", choice=state.index))
        content = delta.get("content")
        if content:
            events += state.seals(state.details.sealed())
        if isinstance(content, str):
            if content or logprobs is not None:
                events.append(TextDelta(text=content, choice=state.index, logprobs=logprobs))
        elif content:
            events += [event for part in read_content(content) if (event := _part_event(part, state.index))]
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            events.append(RefusalDelta(text=refusal, choice=state.index))
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            events += state.seals(state.details.sealed())
            events += state.calls.take(calls, self._answer_id)
        for key, value in leftovers(delta, self._read_fields).items():
            if value:
                events.append(OpaqueDelta(source="openai_chat", raw={key: value}, choice=state.index))

    def _done(self, events: list[StreamEvent]) -> None:
        self._over = True
        for index in sorted(self._choices):
            events += self._choices[index].end()
            if isinstance(events[-1], Broken):
                return
        events.append(End())


def _part_event(part: Part, choice: int) -> StreamEvent | None:
    match part:
        case Text():
            return TextDelta(text=part.text, choice=choice)
        case Reasoning():
            return ReasoningDelta(text=part.text, source=part.source, choice=choice)
        case Refusal():
            return RefusalDelta(text=part.text, choice=choice)
        case Opaque():
            return OpaqueDelta(source=part.source, raw=part.raw, choice=choice)
        case _:
            return None


def _usage_at(place: UsagePlace, source: JsonObject, choices: list[Json]) -> Json:
    """The usage that some servers put elsewhere: in an object of their own, or in a choice."""
    holders = [source.get(place)] if place == "x_groq" else choices
    return next(
        (holder["usage"] for holder in holders if isinstance(holder, dict) and "usage" in holder), None
    )


def _ended_in_error(word: str | None) -> Failure:
    return Failure(kind="stream_error", message="the provider broke off its answer with an error", code=word)
