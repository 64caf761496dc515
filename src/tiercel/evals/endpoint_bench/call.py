"""One streamed call with its clocks. Role-only and empty deltas stop none of them."""

import time
from collections.abc import Sequence

import msgspec

from tiercel.domain.catalog import Deployment, Model, Provider, Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.events import Broken, Fold, ReasoningDelta, StreamEvent, TextDelta, is_content
from tiercel.domain.response import Usage
from tiercel.upstream.connection import HttpLimits
from tiercel.upstream.errors import HttpError, TimedOutError
from tiercel.upstream.http import HttpClient, Prepared
from tiercel.upstream.response import HttpResponse
from tiercel.wire.registry import CODECS

MAX_ERROR_BYTES = 100_000
CODEC = CODECS["openai_chat"]
WHERE = Target(
    deployment=Deployment(
        name="endpoint",
        model=Model(name="endpoint"),
        provider=Provider(name="endpoint", format="openai_chat", base_url=""),
        upstream_name="endpoint",
    )
)
"""Who answers, as the codec wants to know it."""


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one request. All seconds run from when it was due; `due` from the start of its load.

    `sent_seconds` is the wait for a free place. `first_token_seconds` is the first of any kind, thinking included,
    `first_answer_seconds` the first that a reader can use, `last_token_seconds` the last, `seconds` the stream's end.
    `failure` is empty for an answer. Tokens are the server's own count, `None` where it gave none.
    `tokens_per_second` is after the first piece, whose share of the tokens is taken by its share of the characters;
    `None` also where thoughts were counted that were not shown.
    """

    due: float
    sent_seconds: float = 0.0
    headers_seconds: float | None = None
    first_event_seconds: float | None = None
    first_token_seconds: float | None = None
    first_answer_seconds: float | None = None
    last_token_seconds: float | None = None
    seconds: float = 0.0
    failure: str = ""
    detail: str = ""
    finish: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    tokens_per_second: float | None = None


class Endpoint:
    """Where the calls go."""

    def __init__(self, client: HttpClient, prepared: Prepared, timeout_seconds: float) -> None:
        self._client = client
        self._prepared = prepared
        self._limits = HttpLimits(
            connect_seconds=min(10.0, timeout_seconds),
            first_byte_seconds=timeout_seconds,
            idle_seconds=timeout_seconds,
            deadline_seconds=timeout_seconds,
        )

    async def call(self, body: bytes, began: float, due: float) -> Call:
        """Ask once. `began` is the load's start on the clock of `time.perf_counter`, `due` seconds after it."""
        heard = Heard(began + due)
        sent = heard.now()
        failure, detail = "", ""
        headers: float | None = None
        try:
            response = await self._client.send(self._prepared, body, self._limits)
            headers = heard.now()
            try:
                failure, detail = await _read(response, heard)
            finally:
                response.close()
        except TimedOutError as error:
            failure, detail = "timeout", str(error)
        except HttpError as error:
            failure, detail = "connection", str(error)
        except UpstreamDataError as error:
            failure, detail = "no_stream", str(error)
        return heard.call(due=due, sent=sent, headers=headers, failure=failure, detail=detail)


async def _read(response: HttpResponse, heard: "Heard") -> tuple[str, str]:
    """Hear the stream; what failed, and in which words, both empty for an answer. Raises `HttpError`,
    `UpstreamDataError`."""
    if response.status != 200:
        facts = CODEC.decode_error(response.status, {}, await response.read(MAX_ERROR_BYTES))
        return f"http_{response.status}", facts.message or ""
    if b"event-stream" not in response.fields.get(b"content-type", b""):
        raise UpstreamDataError("answered without streaming, so there are no clocks")
    decoder = CODEC.stream_decoder(WHERE)
    async for data in response:
        heard.hear(decoder.feed(data))
    heard.hear(decoder.close())
    if heard.broken is not None:
        return "stream_broken", heard.broken
    return ("", "") if heard.first_answer is not None else ("empty", "ended without an answer")


class Heard:
    """The clocks of one stream, in seconds since it was due."""

    def __init__(self, due: float) -> None:
        self._due = due
        self._fold = Fold()
        self._chars_first = 0
        self._chars = 0
        self._showed_thoughts = False
        self.first_event: float | None = None
        self.first_token: float | None = None
        self.first_answer: float | None = None
        self.last_token: float | None = None
        self.broken: str | None = None

    def now(self) -> float:
        return time.perf_counter() - self._due

    def hear(self, events: Sequence[StreamEvent]) -> None:
        """What came at this moment."""
        now = self.now()
        is_first = self.first_token is None
        for event in events:
            if self.first_event is None:
                self.first_event = now
            self._fold.add(event)
            if isinstance(event, Broken):
                self.broken = event.failure.message
            thought = isinstance(event, ReasoningDelta) and bool(event.text)
            said = is_content(event)
            if not (thought or said):
                continue
            self._showed_thoughts |= thought
            self.first_token = now if self.first_token is None else self.first_token
            if said and self.first_answer is None:
                self.first_answer = now
            self.last_token = now
            chars = len(event.text) if isinstance(event, TextDelta | ReasoningDelta) else 1
            self._chars += chars
            self._chars_first += chars if is_first else 0

    def call(self, *, due: float, sent: float, headers: float | None, failure: str, detail: str) -> Call:
        """All of it, at the stream's end."""
        usage = self._fold.usage
        choices = self._fold.response().choices if not failure else ()
        return Call(
            due=due,
            sent_seconds=max(0.0, sent),
            headers_seconds=headers,
            first_event_seconds=self.first_event,
            first_token_seconds=self.first_token,
            first_answer_seconds=self.first_answer,
            last_token_seconds=self.last_token,
            seconds=self.now(),
            failure=failure,
            detail=detail[:200],
            finish=choices[0].finish.reason if choices else "",
            input_tokens=None if usage is None else usage.input,
            output_tokens=None if usage is None else usage.output,
            tokens_per_second=None if usage is None or failure else self._speed(usage),
        )

    def _speed(self, usage: Usage) -> float | None:
        if self.first_token is None or self.last_token is None or self.last_token <= self.first_token:
            return None
        if usage.reasoning and not self._showed_thoughts:
            return None
        after_first = usage.output * (1 - self._chars_first / self._chars)
        return after_first / (self.last_token - self.first_token)
