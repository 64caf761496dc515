"""One call to one deployment, with its clocks: request in, answer or failure out. Knows nothing about climbs.

Nothing that a provider does raises here: every way of not answering becomes a `Failure`.
"""

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from tiercel.domain.catalog import Provider, Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.events import Broken, End, Fold, ReasoningDelta, StreamEvent, is_content
from tiercel.domain.failure import Failure
from tiercel.domain.request import Format, ModelRequest, Text
from tiercel.domain.response import ModelResponse, Usage
from tiercel.upstream.auth import Header, call_headers, call_url, credential_of
from tiercel.upstream.connection import HttpLimits
from tiercel.upstream.errors import HttpError, ResetError, TimedOutError
from tiercel.upstream.failures import (
    as_refused_parameter,
    classify_exception,
    classify_status,
    failure_of,
    refine,
    timed_out,
)
from tiercel.upstream.http import HttpClient, Prepared
from tiercel.upstream.refused_parameters import RefusedParameters, refused_parameters, without
from tiercel.upstream.response import HttpResponse
from tiercel.upstream.usage import believable, complete_usage
from tiercel.upstream.wait_hint import wait_seconds
from tiercel.wire.call_format import call_format
from tiercel.wire.codec import Codec, EncodedCall, ErrorFacts
from tiercel.wire.quirks import quirks_named
from tiercel.wire.tool_fit import ToolFit, fit_tools

OnEvents: TypeAlias = Callable[[Sequence[StreamEvent]], Awaitable[None] | None]
MAX_ERROR_BYTES = 65_536
ERROR_BODY_SECONDS = 5.0
"""An error whose body does not come within this time is judged by its status alone."""
MAX_ASKED_BYTES = 64_000_000
"""A batch of embeddings is large."""
MAX_ID_CHARS = 128
MAX_KNOWN = 1_024
"""Calls, but for their bodies, that are remembered."""
BUDGET_SHARE = 0.95
"""Thinking that took this share of the token limit is what left an answer empty."""

_Kind: TypeAlias = tuple[int, str, tuple[Header, ...]]
"""Calls that differ in nothing but their bodies: the provider's id, the path, the codec's headers."""


class CallLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one call; seconds count from its beginning, `idle_seconds` from the last byte received.

    `first_token_seconds` holds for streams, where it ends at the first reasoning or content token. A whole answer's
    first byte comes with its last one, so it has `total_seconds`.
    """

    first_token_seconds: float
    idle_seconds: float
    total_seconds: float
    max_answer_bytes: int = 8_000_000


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call: a response, or a failure, or a failure with the part of the response that had arrived.

    An answer counts only when `failure` is `None`. `seconds` is the whole call, `ttft_seconds` until the first token
    of any kind, `ttfa_seconds` until the first that a client can use; both are `seconds` for a whole answer and
    `None` where there was none. `usage` is `None` where nothing can have been used. `lost` names what the target
    could not carry, `refused` what of that was left out because the provider had refused it before. `upstream_id` is
    the provider's own name for the call, for a question to its support.
    """

    response: ModelResponse | None = None
    failure: Failure | None = None
    seconds: float = 0.0
    ttft_seconds: float | None = None
    ttfa_seconds: float | None = None
    usage: Usage | None = None
    lost: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    upstream_id: str | None = None


class Upstream:
    """Calls deployments. `clock` is monotonic seconds; `now` is Unix seconds, for waits that are given as a date."""

    def __init__(
        self,
        http: HttpClient,
        codecs: Mapping[Format, Codec],
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._codecs = codecs
        self._clock = clock
        self._now = now
        self._refused = RefusedParameters(clock)
        self._known: dict[_Kind, tuple[Provider, Prepared]] = {}

    async def call(
        self,
        request: ModelRequest,
        target: Target,
        limits: CallLimits,
        on_events: OnEvents | None = None,
        on_lost: Callable[[tuple[str, ...]], None] | None = None,
    ) -> CallResult:
        """Ask `target` to answer `request`, as a stream if it says so.

        `on_lost` is told, before anything is sent, what the target cannot carry, if there is anything.

        A stream's events go to `on_events` as they arrive; where that returns an awaitable, the provider is read no
        further until it is done. The last event is `End` or `Broken`, in accord with the result, once a stream had
        begun. Cancelling closes the connection.
        """
        provider = target.deployment.provider
        codec = self._codecs[call_format(request, target) if provider.speaks else provider.format]
        tools: ToolFit | None = None
        if request.tools:
            request, tools = fit_tools(
                request, codec.format, takes_custom=_takes_custom(provider, codec.format)
            )
        refused = self._refused.of(request, target) if self._refused.known else ()
        if refused:
            target = without(target, refused)
        call = _Call(
            request=request,
            target=target,
            limits=limits,
            clock=self._clock,
            began=self._clock(),
            on_events=on_events,
            tools=tools,
        )
        encoded = codec.encode_request(request, target)
        call.lost = encoded.lost
        if encoded.lost and on_lost is not None:
            on_lost(encoded.lost)
        try:
            known = self._known.get((id(provider), encoded.path, encoded.headers))
            prepared = known[1] if known is not None else self._prepared(provider, encoded, codec.format)
            stream = target.stream
            bounds = _http_limits(limits, provider, stream=stream)
            response = await self._http.send(prepared, encoded.body, bounds, whole=not stream)
        except HttpError as error:
            call.failure = call.why(error)
            return call.result(None)
        try:
            await self._answer(response, codec, call)
        except HttpError as error:
            await call.break_off(call.why(error))
        finally:
            if response.source is not None:
                response.close()
        result = call.result(response)
        if call.newly_refused:
            self._refused.note(request, target, call.newly_refused)
        return msgspec.structs.replace(result, refused=refused) if refused else result

    async def ask(self, provider: Provider, encoded: EncodedCall, *, seconds: float) -> bytes | Failure:
        """The body of an answer that no model speaks: a count of tokens, embeddings. All of it within `seconds`."""
        limits = HttpLimits(
            connect_seconds=provider.connect_seconds,
            first_byte_seconds=seconds,
            idle_seconds=seconds,
            deadline_seconds=seconds,
            max_body_bytes=MAX_ASKED_BYTES,
        )
        try:
            prepared = self._prepared(provider, encoded, provider.format)
            response = await self._http.send(prepared, encoded.body, limits, whole=True)
            try:
                body = await response.read()
            finally:
                response.close()
        except HttpError as error:
            return classify_exception(error)
        is_html = b"html" in response.header(b"content-type").lower()
        if 200 <= response.status < 300:
            return failure_of("bad_response", code="html") if is_html else body
        facts = self._facts(response, body, self._codecs[provider.format])
        return classify_status(response.status, facts, html=is_html, credential=credential_of(provider))

    def _prepared(self, provider: Provider, encoded: EncodedCall, format: Format) -> Prepared:
        """The call but for its body, made once for each provider and path."""
        # each value holds its provider, so that no other can get the same id
        key = id(provider), encoded.path, encoded.headers
        prepared = self._http.prepare(
            "POST",
            call_url(provider, encoded.path),
            call_headers(provider, encoded.headers, format),
            proxy=provider.proxy,
            ca_file=provider.ca_file,
        )
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[key] = provider, prepared
        return prepared

    async def _answer(self, response: HttpResponse, codec: Codec, call: "_Call") -> None:
        """Take in the answer, whatever it turns out to be."""
        # one search through the head is cheaper than to find its type, and mostly says enough
        is_html = b"html" in response.lowered and b"html" in response.header(b"content-type").lower()
        if not 200 <= response.status < 300:
            call.failure = await self._read_error(response, codec, call, is_html)
        elif is_html:
            call.failure = failure_of("bad_response", code="html")
        elif not call.target.stream:
            call.take_whole(await response.read(), codec)
        elif b"application/json" in response.header(b"content-type").lower():
            # a stream was asked for: one piece of JSON is an error in disguise, or no answer that we can use
            call.take_whole(await response.read(), codec)
            call.failure = call.failure or failure_of("bad_response", code="not_a_stream")
        else:
            await _read_stream(response, codec, call)

    async def _read_error(
        self, response: HttpResponse, codec: Codec, call: "_Call", is_html: bool
    ) -> Failure:
        body = b""
        response.set_deadline(call.clock() - call.began + ERROR_BODY_SECONDS)
        with contextlib.suppress(HttpError):  # the status alone says enough
            body = await response.read(MAX_ERROR_BYTES)
        facts = self._facts(response, body, codec)
        failure = classify_status(response.status, facts, html=is_html, credential=call.credential)
        if failure.kind == "bad_request":
            call.newly_refused = refused_parameters(facts.message, call.request, call.target)
        return as_refused_parameter(failure) if call.newly_refused else failure

    def _facts(self, response: HttpResponse, body: bytes, codec: Codec) -> ErrorFacts:
        headers = response.headers
        facts = codec.decode_error(response.status, headers, body)
        wait = wait_seconds(headers, body.decode("utf-8", "replace"), self._now())
        # Gemini's limits per day come with a wait of seconds, which would not help
        code = "quota_per_day" if response.status == 429 and b"PerDay" in body else facts.code
        return msgspec.structs.replace(facts, code=code, retry_after_seconds=wait)


def _takes_custom(provider: Provider, format: Format) -> bool:
    if format == "openai_chat":
        return quirks_named(provider.quirks).custom_tools
    return format == "openai_responses"


def _http_limits(limits: CallLimits, provider: Provider, *, stream: bool) -> HttpLimits:
    begin = limits.total_seconds
    if stream and limits.first_token_seconds < begin:
        begin = limits.first_token_seconds
    return HttpLimits(
        connect_seconds=provider.connect_seconds,
        first_byte_seconds=begin,
        idle_seconds=limits.idle_seconds,
        deadline_seconds=begin,
        max_body_bytes=limits.max_answer_bytes,
    )


async def _read_stream(response: HttpResponse, codec: Codec, call: "_Call") -> None:
    decoder = codec.stream_decoder(call.target)

    def take(data: bytes) -> Awaitable[None] | None:
        events = decoder.feed(data)
        if not events:
            return None
        if call.tools is not None:
            events = call.tools.restored_events(events)
        had_begun = call.has_begun
        pause = call.take_events(events)
        if not had_begun and call.has_begun:
            response.set_deadline(call.limits.total_seconds)
        if call.is_over:
            response.let_go()
        return pause

    try:
        await response.pour(take)
    except (ResetError, TimedOutError) as error:
        # what has finished by the format's own rules is whole, even if the connection then broke
        events = call.own(decoder.close())
        if not events or not isinstance(events[-1], End):
            await _done(call.take_events([event for event in events if not isinstance(event, Broken)]))
            raise error
        await _done(call.take_events(events))
        return
    await _done(call.take_events(call.own(decoder.close())))
    if not call.is_over:
        await call.break_off(failure_of("truncated"))


async def _done(pause: Awaitable[None] | None) -> None:
    if pause is not None:
        await pause


class _Call(msgspec.Struct, kw_only=True, eq=False):
    """What is known of one call while it runs. `has_begun` says whether a stream's first token is here."""

    request: ModelRequest
    target: Target
    limits: CallLimits
    clock: Callable[[], float]
    began: float
    on_events: OnEvents | None
    tools: ToolFit | None
    lost: tuple[str, ...] = ()
    fold: Fold | None = None  # of a stream, once it has begun
    response: ModelResponse | None = None  # of an answer that is complete
    failure: Failure | None = None
    newly_refused: tuple[str, ...] = ()
    has_begun: bool = False
    is_over: bool = False
    ttft: float | None = None
    ttfa: float | None = None

    @property
    def credential(self) -> str:
        return credential_of(self.target.deployment.provider)

    def own(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """The events with calls of tools as the client knows them."""
        return events if self.tools is None else self.tools.restored_events(events)

    def why(self, error: HttpError) -> Failure:
        """The failure an exception is, now that the call's own state can tell which clock it was."""
        waited = isinstance(error, TimedOutError) and error.phase in ("first_byte", "deadline")
        limits = self.limits
        no_token = self.target.stream and not self.has_begun
        if waited and no_token and limits.first_token_seconds < limits.total_seconds:
            return timed_out("first_token")
        return classify_exception(error)

    def take_events(self, events: Sequence[StreamEvent]) -> Awaitable[None] | None:
        """Fold the events, stop the clocks they stop, and hand them on; what it returns must be awaited."""
        if not events or self.is_over:
            return None
        fold = self.fold
        if fold is None:
            fold = self.fold = Fold()
        for event in events:
            fold.add(event)
            if self.ttfa is None:
                self._stop_clocks(event)
        last = events[-1]
        if isinstance(last, Broken):
            self.is_over = True
            self.failure = refine(last.failure, credential=self.credential)
        elif isinstance(last, End):
            self.is_over = True
            self.response = fold.response()
            self.failure = self._judge(self.response)
        if self.failure is not None:
            events = [*events[:-1], Broken(failure=self.failure)]
        return self.on_events(events) if self.on_events is not None else None

    async def break_off(self, failure: Failure) -> None:
        """The answer will not be completed."""
        if self.is_over:
            return
        self.failure = failure
        self.is_over = True
        if self.fold is not None and self.on_events is not None:
            await _done(self.on_events([Broken(failure=failure)]))

    def take_whole(self, body: bytes, codec: Codec) -> None:
        """A whole answer came at once."""
        try:
            response = codec.decode_response(body, self.target)
        except UpstreamDataError as error:
            self.failure = classify_exception(error, credential=self.credential)
            return
        self.response = response if self.tools is None else self.tools.restored(response)
        self.failure = self._judge(self.response)

    def result(self, answer: HttpResponse | None) -> CallResult:
        """What came of it; `answer` is what brought it, if anything did."""
        seconds = self.clock() - self.began
        failure, response, usage = self.failure, self.response, None
        if response is None and self.fold is not None:
            response = self.fold.response()
        if response is not None:
            usage = believable(response.usage)
            whole = failure is None or failure.kind in ("empty", "empty_length")
            if usage is None or usage is not response.usage or not whole:
                usage = complete_usage(self.request, response, usage, whole=whole)
                response = msgspec.structs.replace(response, usage=usage)
        if self.fold is None and response is not None and failure is None:
            self.ttft = self.ttfa = seconds
        upstream_id = None
        if answer is not None and b"-id:" in answer.lowered:
            upstream_id = _named_id(answer)
        if upstream_id is None and response is not None:
            upstream_id = response.id[:MAX_ID_CHARS] or None
        return CallResult(
            response=response,
            failure=failure,
            seconds=seconds,
            ttft_seconds=self.ttft,
            ttfa_seconds=self.ttfa,
            usage=usage,
            lost=self.lost,
            upstream_id=upstream_id,
        )

    def _stop_clocks(self, event: StreamEvent) -> None:
        if is_content(event):
            self.ttfa = self.clock() - self.began
        elif not (isinstance(event, ReasoningDelta) and event.text):
            return
        if self.ttft is None:
            self.has_begun = True
            self.ttft = self.ttfa or self.clock() - self.began

    def _judge(self, response: ModelResponse) -> Failure | None:
        """Why a complete answer is none: it has nothing in it, or says itself that it is an error."""
        choices = response.choices
        if len(choices) == 1 and choices[0].finish.reason == "stop" and choices[0].parts:
            first = choices[0].parts[0]
            if isinstance(first, Text) and first.text and not first.text.isspace():
                return None  # as nearly all are
        reasons = {choice.finish.reason for choice in response.choices}
        if reasons == {"error"}:
            return failure_of("server_error", code="finish_error")
        if not all(choice.is_empty for choice in response.choices) or "content_filter" in reasons:
            return None
        if "length" in reasons or self._thinking_took_all(response.usage):
            return failure_of("empty_length")
        return failure_of("empty")

    def _thinking_took_all(self, usage: Usage | None) -> bool:
        budget = self.target.max_output_tokens or self.request.max_output_tokens
        return budget is not None and usage is not None and usage.reasoning >= budget * BUDGET_SHARE


def _named_id(answer: HttpResponse) -> str | None:
    for name in (b"x-request-id", b"request-id", b"x-generation-id"):
        named = answer.header(name)
        if named:
            value = named[:MAX_ID_CHARS].decode("latin-1")
            return value if value.isascii() and value.isprintable() else None
    return None
