"""Events as a client's stream of chunks: role first, finish with an empty delta, usage alone and last, `[DONE]`."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from tiercel.domain.events import (
    ArgumentsDelta,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ModelRequest, Text
from tiercel.domain.response import Stamp, Usage
from tiercel.wire.codec import Problem
from tiercel.wire.fields import shared
from tiercel.wire.openai_chat.finish import WRITTEN
from tiercel.wire.openai_chat.reasoning_details import FIELD, SentDetails
from tiercel.wire.openai_chat.usage import write_usage
from tiercel.wire.openai_error import encode_problem
from tiercel.wire.sse import frame

DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": keep-alive\n\n"
TEXT_PLACE = "<the text of this chunk>"
_encode = msgspec.json.Encoder().encode


class ChatStreamEncoder:
    """Encodes one stream. Thinking goes out as `reasoning_content`, the field most clients of this format read; what
    must come back with it follows as `reasoning_details`."""

    def __init__(self, request: ModelRequest, stamp: Stamp) -> None:
        self._stamp = stamp
        self._include_usage = request.include_usage
        self._extra: JsonObject = {}
        self._opened: set[int] = set()
        self._custom: set[tuple[int, int]] = set()
        self._details: defaultdict[int, SentDetails] = defaultdict(SentDetails)
        self._usage: Usage | None = None
        self._over = False
        self._around_text: tuple[bytes, bytes] | None = None

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        return b"".join([self._encode(event) for event in events])

    def problem(self, problem: Problem) -> bytes:
        """The error as the stream's last event; no finish, no `[DONE]`, so that nobody takes the answer for whole."""
        if self._over:
            return b""
        self._over = True
        return frame(encode_problem(problem))

    def heartbeat(self) -> bytes:
        return b"" if self._over else HEARTBEAT

    def _encode(self, event: StreamEvent) -> bytes:
        if self._over:
            return b""
        match event:
            case TextDelta():
                return self._text(event)
            case ArgumentsDelta():
                return self._arguments(event)
            case ToolCallStart():
                return self._call(event)
            case ReasoningDelta():
                return self._reasoning(event)
            case RefusalDelta():
                return self._delta(event.choice, {"refusal": event.text})
            case OpaqueDelta():
                foreign = event.source != "openai_chat" or not isinstance(event.raw, dict)
                return b"" if foreign else self._delta(event.choice, event.raw)
            case Start():
                self._extra = shared(event.extra)
                return self._open(0)
            case Finished():
                return self._open(event.choice) + self._chunk(
                    [_choice(event.choice, {}, WRITTEN[event.finish.reason])]
                )
            case UsageUpdate():
                self._usage = event.usage
                return b""
            case End():
                return self._end()
            case _:  # Broken: the caller says what happened, with `problem`
                return b""

    def _text(self, event: TextDelta) -> bytes:
        if event.extra:
            sealed = self._details[event.choice].add_apart(Text(text=event.text, extra=event.extra))
            plain = self._text(replace(event, extra={}))
            return plain + self._delta(event.choice, {FIELD: sealed}) if sealed else plain
        if event.choice != 0 or event.logprobs is not None or 0 not in self._opened:
            return self._delta(event.choice, {"content": event.text}, event.logprobs)
        if self._around_text is None:
            # what stands around the text is the same in every chunk, so it is written once
            before, _, after = self._delta(0, {"content": TEXT_PLACE}).partition(TEXT_PLACE.encode())
            self._around_text = before[:-1], after[1:]
        before, after = self._around_text
        return b"%b%b%b" % (before, _encode(event.text), after)

    def _call(self, event: ToolCallStart) -> bytes:
        if event.kind == "custom":
            self._custom.add((event.choice, event.index))
        payload = "input" if event.kind == "custom" else "arguments"
        head = {"index": event.index, "id": event.id, "type": event.kind}
        call = {**head, event.kind: {"name": event.name, payload: ""}, **shared(event.extra)}
        return self._delta(event.choice, {"tool_calls": [call]})

    def _arguments(self, event: ArgumentsDelta) -> bytes:
        is_custom = (event.choice, event.index) in self._custom
        body = {"custom": {"input": event.text}} if is_custom else {"function": {"arguments": event.text}}
        return self._delta(event.choice, {"tool_calls": [{"index": event.index, **body}]})

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        delta: JsonObject = {"reasoning_content": event.text} if event.text else {}
        sealed = self._details[event.choice].add(event)
        if sealed:
            delta[FIELD] = sealed
        return self._delta(event.choice, delta) if delta else b""

    def _delta(self, choice: int, delta: JsonObject, logprobs: Json = None) -> bytes:
        return self._open(choice) + self._chunk([_choice(choice, delta, None, logprobs)])

    def _open(self, choice: int) -> bytes:
        """Each choice begins with a chunk that names its role."""
        if choice in self._opened:
            return b""
        self._opened.add(choice)
        return self._chunk([_choice(choice, {"role": "assistant", "content": "", "refusal": None})])

    def _end(self) -> bytes:
        self._over = True
        if not self._include_usage or self._usage is None:
            return DONE
        return self._chunk([], self._usage) + DONE

    def _chunk(self, choices: list[JsonObject], usage: Usage | None = None) -> bytes:
        chunk: JsonObject = {
            **self._extra,
            "id": self._stamp.id,
            "object": "chat.completion.chunk",
            "created": self._stamp.created,
            "model": self._stamp.model,
            "choices": choices,
        }
        if self._include_usage:
            chunk["usage"] = write_usage(usage) if usage else None
        return frame(_encode(chunk))


def _choice(
    index: int, delta: JsonObject, finish_reason: str | None = None, logprobs: Json = None
) -> JsonObject:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
