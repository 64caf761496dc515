"""One upstream stream of generateContent answers as events.

Each chunk is a whole answer object with what is new. Calls come whole, or in pieces where they were asked for so. No
chunk says that it is the last: the stream ends with the connection, and is good if every candidate had its finish.
"""

from tiercel.domain.events import (
    ArgumentsDelta,
    Broken,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.failure import Failure
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Opaque, Reasoning, Text
from tiercel.domain.response import Finish, Usage
from tiercel.wire.error_facts import stream_failure
from tiercel.wire.event_stream import EventStreamDecoder
from tiercel.wire.fields import leftovers
from tiercel.wire.gemini.finish import read_finish
from tiercel.wire.gemini.logprobs import read_logprobs
from tiercel.wire.gemini.partial_arguments import MisplacedError, PartialArguments
from tiercel.wire.gemini.parts import read_call, text_in
from tiercel.wire.gemini.response import CANDIDATE, READ_CANDIDATE, answer_part, no_candidates_finish
from tiercel.wire.gemini.signature import FORMAT
from tiercel.wire.gemini.usage import read_usage
from tiercel.wire.identifiers import minted_id

_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"
_PIECES = frozenset(("partialArgs", "willContinue"))


class _Candidate:
    """What has to be remembered of one candidate until its end."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.finish: str | None = None
        self.fields: JsonObject = {}
        self.has_content = False
        self._calls = 0
        self._seen: dict[str, JsonObject] = {}
        self._partial: PartialArguments | None = None

    def take_parts(self, listed: Json, answer_id: str, events: list[StreamEvent]) -> None:
        """Raises `MisplacedError` where a call's pieces do not fit together."""
        for part in listed if isinstance(listed, list) else ():
            if not isinstance(part, dict):
                continue
            call = part.get("functionCall")
            if isinstance(call, dict):
                self._take_call(part, call, answer_id, events)
            else:
                self._take_part(part, events)

    def end(self) -> list[StreamEvent]:
        """Raises `MisplacedError` like `take_parts`."""
        events: list[StreamEvent] = []
        self._close_call(events)
        finish = read_finish(self.finish, self._calls > 0)
        if finish.reason == "error":
            return [*events, Broken(failure=_ended_in_error(finish.raw))]
        if self.fields and self.has_content:  # without an answer there is nothing that they could tell of
            raw = {CANDIDATE: self.fields}
            events.append(OpaqueDelta(source=FORMAT, raw=raw, choice=self.index))
        return [*events, Finished(finish=finish, choice=self.index)]

    def _take_part(self, part: JsonObject, events: list[StreamEvent]) -> None:
        read = answer_part(part)
        match read:
            case Text():
                self.has_content = self.has_content or bool(read.text)
                events.append(TextDelta(text=read.text, extra=read.extra, choice=self.index))
            case Reasoning():
                events.append(
                    ReasoningDelta(
                        text=read.text,
                        signature=read.signature,
                        source=FORMAT,
                        extra=read.extra,
                        choice=self.index,
                    )
                )
            case Opaque():
                self.has_content = True
                events.append(OpaqueDelta(source=FORMAT, raw=read.raw, choice=self.index))

    def _take_call(
        self, part: JsonObject, call: JsonObject, answer_id: str, events: list[StreamEvent]
    ) -> None:
        if text_in(call, "name"):
            self._start_call(part, call, answer_id, events)
        if self._partial is None:
            return
        pieces = call.get("partialArgs")
        for piece in pieces if isinstance(pieces, list) else ():
            self._partial.add(piece)
        if call.get("willContinue") is not True:
            self._close_call(events)

    def _start_call(
        self, part: JsonObject, call: JsonObject, answer_id: str, events: list[StreamEvent]
    ) -> None:
        self._close_call(events)
        given = text_in(call, "id")
        if given and self._seen.get(given) == call:
            return  # the same call once more
        call_id = given if given and given not in self._seen else minted_id(answer_id, self._calls)
        self._seen[call_id] = call
        self.has_content = True
        read = read_call(part, leftovers(call, _PIECES), call_id)
        start = ToolCallStart(
            index=self._calls, id=call_id, name=read.name, extra=read.extra, choice=self.index
        )
        self._calls += 1
        events.append(start)
        if call.get("willContinue") is True or "partialArgs" in call:
            self._partial = PartialArguments()
        else:
            events.append(ArgumentsDelta(index=self._calls - 1, text=read.arguments, choice=self.index))

    def _close_call(self, events: list[StreamEvent]) -> None:
        if self._partial is not None:
            text = self._partial.text()
            self._partial = None
            events.append(ArgumentsDelta(index=self._calls - 1, text=text, choice=self.index))


class GeminiStreamDecoder(EventStreamDecoder):
    """Decodes one stream; see `StreamDecoder` for what it guarantees."""

    def __init__(self) -> None:
        super().__init__()
        self._candidates: dict[int, _Candidate] = {}
        self._blocked: Finish | None = None
        self._answer_id = ""
        self._started = False
        self._usage: Usage | None = None

    def _take_object(self, source: JsonObject, event: str | None, events: list[StreamEvent]) -> bool:
        if source.get("error"):
            self._break(stream_failure(source["error"]), events)
            return False
        if not source:  # a heartbeat
            return True
        self._start(source, events)
        candidates = source.get("candidates")
        try:
            if candidates is not None and not isinstance(candidates, list):
                raise MisplacedError("candidates that are no list")
            for item in candidates or ():
                if isinstance(item, dict):
                    self._take_candidate(item, events)
        except MisplacedError as error:
            self._break(Failure(kind="bad_response", message=f"the stream held {error}"), events)
            return False
        if source.get("promptFeedback") and not self._candidates:
            blocked = no_candidates_finish(source)
            self._blocked = blocked if blocked.reason == "content_filter" else self._blocked
        usage = read_usage(source.get("usageMetadata"))
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(UsageUpdate(usage=usage))
        return True

    def _start(self, source: JsonObject, events: list[StreamEvent]) -> None:
        if self._started:
            return
        self._started = True
        self._answer_id = text_in(source, "responseId")
        events.append(Start(id=self._answer_id, model=text_in(source, "modelVersion")))

    def _take_candidate(self, item: JsonObject, events: list[StreamEvent]) -> None:
        index = item.get("index")
        index = index if isinstance(index, int) else 0
        candidate = self._candidates.get(index)
        if candidate is None:
            candidate = self._candidates[index] = _Candidate(index)
        content = item.get("content")
        if isinstance(content, dict):
            candidate.take_parts(content.get("parts"), self._answer_id, events)
        logprobs = read_logprobs(item.get("logprobsResult"))
        if logprobs is not None:
            events.append(TextDelta(text="", logprobs=logprobs, choice=index))
        candidate.fields |= leftovers(item, READ_CANDIDATE)
        word = item.get("finishReason")
        if isinstance(word, str) and word not in ("", _UNSPECIFIED) and candidate.finish is None:
            candidate.finish = word

    def _closed(self, events: list[StreamEvent]) -> None:
        unfinished = any(candidate.finish is None for candidate in self._candidates.values())
        if unfinished or not (self._candidates or self._blocked):
            self._truncated(events)
        else:
            self._end(events)

    def _done(self, events: list[StreamEvent]) -> None:
        """Not of this format: some proxies add it, and it ends nothing."""

    def _end(self, events: list[StreamEvent]) -> None:
        self._over = True
        if not self._candidates and self._blocked is not None:
            events.append(Finished(finish=self._blocked))
        for index in sorted(self._candidates):
            try:
                events += self._candidates[index].end()
            except MisplacedError as error:
                self._break(Failure(kind="bad_response", message=f"the stream held {error}"), events)
                return
            if isinstance(events[-1], Broken):
                return
        events.append(End())


def _ended_in_error(word: str | None) -> Failure:
    return Failure(kind="stream_error", message="the provider broke off its answer with an error", code=word)
