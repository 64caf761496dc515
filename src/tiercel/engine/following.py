"""A stream that must be JSON: only the JSON in it goes out, and only as far as it fits its schema.

The check of the whole answer still has the last word. What it would deliver must begin with what went out; then the
rest follows, and else the stream ends with an error.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from tiercel.checks.incremental.seek import Seeker
from tiercel.checks.incremental.shape import Shape
from tiercel.checks.json_schema import schema_verdict
from tiercel.domain.climb import Verdict
from tiercel.domain.events import (
    ArgumentsDelta,
    OpaqueDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallStart,
)
from tiercel.domain.failure import Failure
from tiercel.engine.holding import LAST_EVENTS, TOO_SLOW, Measured
from tiercel.upstream.errors import UnwantedError

WHITE_SPACE = " \t\r\n"
"""Before JSON it means nothing, and does not go out."""
NO_JSON_EVENTS = (RefusalDelta, ToolCallStart, ArgumentsDelta, OpaqueDelta)


class FollowedJSON:
    """The passage of an answer that must be JSON of this shape, as `check` wants it. `measure` begins to measure a
    beginning.

    An answer that calls tools, refuses, ends or brings the probabilities of its tokens before anything of it went out
    stays to its end.
    """

    def __init__(self, shape: Shape | None, measure: Callable[[], Measured], *, check: str) -> None:
        self.complaint: Failure | Verdict | None = None
        self._seeker = Seeker(shape, self._may_go, self._begins)
        self._check = check
        self._measure = measure
        self._measured = measure()
        self._kept: list[StreamEvent] = []
        self._sent: list[str] = []
        self._is_closed = False

    def pass_on(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        if self._is_closed:
            return ()
        if not self._seeker.is_open and any(isinstance(event, LAST_EVENTS) for event in events):
            return self._close()  # all of it is here
        out: list[StreamEvent] = []
        for event in events:
            if isinstance(event, TextDelta):
                out += self._followed(event)
            else:
                out.append(event)
            if not self._seeker.is_open and _waits_for_the_end(event):
                return self._close()
        if self._seeker.is_open:
            out = [*self._kept, *out]
            self._kept = []
            return out
        self._kept += out
        return ()

    def rest_of(self, text: str) -> str | None:
        sent = "".join(self._sent)
        text = text.lstrip(WHITE_SPACE)
        return text[len(sent) :] if text.startswith(sent) else None

    def _followed(self, event: TextDelta) -> list[StreamEvent]:
        try:
            text = self._seeker.feed(event.text)
        except UnwantedError:
            self.complaint = TOO_SLOW
            self._close()
            raise
        if self._seeker.finding is not None:
            self.complaint = replace(schema_verdict(self._seeker.finding), check=self._check)
            self._close()
            raise UnwantedError
        if text:
            self._sent.append(text)
        return [replace(event, text=text)] if text or event.extra else []

    def _begins(self) -> None:
        self._measured = self._measure()

    def _may_go(self, settled: str) -> bool:
        self._measured.add(settled)
        return self._measured.may_go()

    def _close(self) -> Sequence[StreamEvent]:
        """Nothing more goes out before the end."""
        self._is_closed = True
        self._kept = []
        return ()


def _waits_for_the_end(event: StreamEvent) -> bool:
    if isinstance(event, TextDelta):
        return event.logprobs is not None
    return isinstance(event, NO_JSON_EVENTS)
