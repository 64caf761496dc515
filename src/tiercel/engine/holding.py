"""What of a stream may go out before its end, where the policy holds its beginning back.

A passage stands between one attempt and the client. It keeps events until its beginning may go out; `ladder` decides
when, here it is only measured. A passage that wants no more of an answer says why in `complaint` and raises: the call
then ends, and nothing of it has reached the client.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from tiercel.domain.climb import Verdict
from tiercel.domain.events import (
    ArgumentsDelta,
    Broken,
    End,
    Finished,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    is_content,
)
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Hold
from tiercel.domain.tokens import token_weight
from tiercel.ladder.beginning import judge_beginning
from tiercel.upstream.errors import UnwantedError

TOO_SLOW = Failure(
    kind="timeout", message="the model began to write more slowly than the policy allows", code="too_slow"
)
LAST_EVENTS = (Finished, End, Broken)


class Passage(Protocol):
    """Between one attempt and the client. `complaint` is why no more of the answer was wanted, if so."""

    @property
    def complaint(self) -> Failure | Verdict | None: ...

    def pass_on(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Those of the events, and of what was kept, that go out now. Raises `UnwantedError`."""
        ...

    def rest_of(self, text: str) -> str | None:
        """What of the answer's whole text has not gone out; `None` where something else has."""
        ...


class Measured:
    """How many tokens of content came, and since when."""

    def __init__(self, hold: Hold, *, others_follow: bool, clock: Callable[[], float]) -> None:
        self._hold = hold
        self._others_follow = others_follow
        self._clock = clock
        self._began: float | None = None
        self.tokens = 0.0

    def add(self, text: str) -> None:
        """More content came."""
        if self._began is None:
            self._began = self._clock()
        self.tokens += token_weight(text)

    def may_go(self) -> bool:
        """Whether the beginning may go out. Raises `UnwantedError` where it is to be left."""
        seconds = 0.0 if self._began is None else self._clock() - self._began
        verdict = judge_beginning(
            self._hold, tokens=self.tokens, seconds=seconds, others_follow=self._others_follow
        )
        if verdict == "leave":
            raise UnwantedError
        return verdict == "go"


class HeldBeginning:
    """Keeps the first tokens of content. What ends, is refused or looks declined by then stays to its end, when every
    check has seen it; the rest passes as it comes.

    `suspects` are the checks' own looks at a beginning: one is enough to keep it.
    """

    def __init__(self, measured: Measured, suspects: Sequence[Callable[[str], bool]]) -> None:
        self.complaint: Failure | None = None
        self._measured = measured
        self._suspects = suspects
        self._kept: list[StreamEvent] = []
        self._state: str = "held"

    def pass_on(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        if self._state == "open":
            return events
        if self._state == "closed":
            return ()
        self._kept.extend(events)
        for event in events:
            if isinstance(event, (RefusalDelta, *LAST_EVENTS)):
                return self._close()
            if isinstance(event, TextDelta | ArgumentsDelta) and (self._measured.tokens or is_content(event)):
                self._measured.add(event.text)
        try:
            if not self._measured.may_go():
                return ()
        except UnwantedError:
            self.complaint = TOO_SLOW
            self._close()
            raise
        text = "".join([event.text for event in self._kept if isinstance(event, TextDelta)])
        if any([suspects(text) for suspects in self._suspects]):
            return self._close()
        self._state = "open"
        kept, self._kept = self._kept, []
        return kept

    def rest_of(self, text: str) -> str | None:
        return ""

    def _close(self) -> Sequence[StreamEvent]:
        """All of it waits for the end."""
        self._state = "closed"
        self._kept = []
        return ()


class HeldWhole:
    """Lets nothing out before the end."""

    complaint: Failure | None = None

    def pass_on(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        return ()

    def rest_of(self, text: str) -> str | None:
        return text
