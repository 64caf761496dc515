"""One call: what it sends, what it measures, and what each way of not answering becomes."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Sequence

import msgspec
import pytest

from tests.upstream.calls import (
    ANTHROPIC_HELLO,
    DONE,
    HELLO,
    KEY,
    LIMITS,
    REQUEST,
    USAGE,
    calls,
    completion,
    delta,
    frame,
    hello_stream,
    named,
    target_at,
)
from tests.upstream.scripted import (
    Peer,
    Script,
    answer,
    chunk,
    chunked,
    closes_after,
    replies,
    resets_after,
    silent,
)
from tiercel.domain.catalog import Provider
from tiercel.domain.events import Broken, End, Fold, StreamEvent, TextDelta
from tiercel.domain.request import Format
from tiercel.upstream.auth import call_headers, call_url
from tiercel.upstream.call import CallLimits, CallResult
from tiercel.upstream.errors import InvalidRequestError

JSON = "Content-Type: application/json"


def kind(result: CallResult) -> str | None:
    return result.failure.kind if result.failure else None


# Good answers


async def test_whole_answer() -> None:
    async with calls(replies(answer(completion("Hello"), "200 OK", JSON, "x-request-id: req-7"))) as made:
        result = await made.call()
    assert result.failure is None
    assert result.response is not None
    assert result.response.text == "Hello"
    assert result.usage is not None
    assert (result.usage.input, result.usage.output, result.usage.source) == (9, 5, "upstream")
    assert result.seconds > 0
    assert result.seconds == result.ttft_seconds == result.ttfa_seconds
    assert result.upstream_id == "req-7"


@pytest.mark.parametrize(
    ("format", "payload"), [("openai_chat", hello_stream()), ("anthropic", chunked(*ANTHROPIC_HELLO))]
)
async def test_streamed_answer(format: Format, payload: bytes) -> None:
    """The events that were handed on add up to the response that is returned."""
    async with calls(replies(payload)) as made:
        result = await made.call(stream=True, format=format)
    assert result.failure is None
    assert result.response is not None
    assert result.response.text == "Hello"
    assert result.usage is not None
    assert (result.usage.input, result.usage.output, result.usage.source) == (9, 5, "upstream")
    fold = Fold()
    for event in made.events:
        fold.add(event)
    assert (fold.response(), made.events[-1]) == (result.response, End())


async def test_connection_is_kept_after_a_stream_whose_last_bytes_come_late() -> None:
    """The result is there with the last event; the end of the body may come after it."""
    finish = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(*HELLO, end=False))
        await finish.wait()
        await peer.send(b"0\r\n\r\n")
        await peer.request()
        await peer.send(hello_stream())
        await peer.gone()

    async with calls(script) as made:
        assert (await made.call(stream=True)).failure is None
        finish.set()
        await asyncio.sleep(0.01)
        assert (await made.call(stream=True)).failure is None
        assert len(made.server.peers) == 1


@pytest.mark.parametrize(
    ("format", "path", "expected"),
    [
        ("openai_chat", "/v1/chat/completions", f"authorization: Bearer {KEY}"),
        ("anthropic", "/v1/messages", f"x-api-key: {KEY}"),
    ],
)
async def test_call_carries_the_credential_as_its_format_wants_it(
    format: Format, path: str, expected: str
) -> None:
    async with calls(replies(hello_stream())) as made:
        await made.call(stream=True, format=format)
        head, _, body = made.server.peers[0].requests[0].decode().partition("\r\n\r\n")
    assert head.startswith(f"POST {path} HTTP/1.1\r\n")
    assert expected in head.split("\r\n")
    assert json.loads(body)["model"] == "m-1"


def test_configured_headers_win_over_the_format_s_and_a_missing_key_sends_none() -> None:
    provider = Provider(
        name="p", format="openai_chat", base_url="http://h/v1", headers={"X-Title": "t", "Accept": "x/y"}
    )
    headers = dict(call_headers(provider, (("x-title", "codec"),), provider.format))
    assert headers == {"content-type": "application/json", "accept": "x/y", "x-title": "t"}


@pytest.mark.parametrize("path", ["@evil.example/", ".evil.example/", ":81/"])
def test_credential_goes_to_the_provider_s_own_origin_only(path: str) -> None:
    provider = Provider(name="p", format="openai_chat", base_url="http://good.example")
    with pytest.raises(InvalidRequestError):
        call_url(provider, path)


async def test_what_the_target_cannot_carry_is_reported() -> None:
    request = msgspec.structs.replace(REQUEST, extra={"unheard_of": 1})
    async with calls(replies(chunked(*ANTHROPIC_HELLO))) as made:
        result = await made.call(stream=True, format="anthropic", request=request)
    assert result.lost == ("unheard_of",)


# Clocks


async def test_first_token_of_any_kind_stops_ttft_and_first_content_ttfa() -> None:
    """An empty delta stops neither, thinking stops TTFT, text stops TTFA."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(delta(role="assistant", content=""), end=False))
        await asyncio.sleep(0.03)
        await peer.send(chunk(delta(reasoning_content="hm")))
        await asyncio.sleep(0.03)
        await peer.send(b"".join(chunk(piece) for piece in HELLO) + b"0\r\n\r\n")
        await peer.gone()

    async with calls(script) as made:
        result = await made.call(stream=True)
    assert result.ttft_seconds is not None
    assert result.ttfa_seconds is not None
    assert 0.03 <= result.ttft_seconds < result.ttfa_seconds - 0.02 <= result.seconds


COMMENTS = b": PROCESSING\n\n"


async def comments_only(peer: Peer) -> None:
    await peer.request()
    await peer.send(chunked(end=False))
    with contextlib.suppress(ConnectionError):
        while True:
            await peer.send(chunk(COMMENTS))
            await asyncio.sleep(0.02)


async def drips_text(peer: Peer) -> None:
    await peer.request()
    await peer.send(chunked(end=False))
    with contextlib.suppress(ConnectionError):
        while True:
            await peer.send(chunk(delta(content="x")))
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("script", "stream", "code"),
    [
        (silent, True, "first_token"),
        (comments_only, True, "first_token"),
        (replies(chunked(delta(role="assistant"), end=False)), True, "first_token"),
        (replies(chunked(delta(content="x"), end=False)), True, "idle"),
        (drips_text, True, "deadline"),
        (silent, False, "deadline"),
        (replies(answer(completion("Hello"))[:-5]), False, "idle"),
    ],
)
async def test_each_clock_of_a_call_ends_it(script: Script, stream: bool, code: str) -> None:
    limits = CallLimits(first_token_seconds=0.15, idle_seconds=0.15, total_seconds=0.3)
    async with calls(script) as made:
        result = await made.call(stream=stream, limits=limits)
    assert result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("timeout", code)


async def test_whole_answer_may_take_longer_than_a_first_token() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.06)
        await peer.send(answer(completion("Hello")))
        await peer.gone()

    limits = CallLimits(first_token_seconds=0.02, idle_seconds=30.0, total_seconds=30.0)
    async with calls(script) as made:
        assert (await made.call(limits=limits)).failure is None


async def test_slow_consumer_holds_the_provider_back() -> None:
    """Where `on_events` returns an awaitable, nothing further is read until it is done."""
    seen: list[int] = []

    async def wait() -> None:
        seen.append(1)
        await asyncio.sleep(0.01)
        seen.append(-1)

    async with calls(replies(hello_stream())) as made:
        result = await made.call(stream=True, on_events=lambda events: wait())
    assert result.failure is None
    assert seen == [1, -1] * (len(seen) // 2)


# Failures


def error_body(message: str, code: str | None = None, type: str = "error") -> bytes:
    return json.dumps({"error": {"message": message, "type": type, "code": code}}).encode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (closes_after(b""), "reset"),
        (resets_after(b"HTTP/1.1 200 OK\r\n"), "reset"),
        (replies(answer(error_body("slow down"), "429 Too Many Requests", "Retry-After: 7")), "rate_limited"),
        (replies(answer(error_body("", "insufficient_quota"), "429 Too Many Requests")), "quota"),
        (replies(answer(error_body("no"), "500 Oops")), "server_error"),
        (replies(answer(b"<html>", "502 Bad Gateway", "Content-Type: text/html")), "server_error"),
        (replies(answer(b"", "503 Busy")), "overloaded"),
        (replies(answer(b"", "529 Busy")), "overloaded"),
        (replies(answer(error_body("bad"), "400 Bad Request")), "bad_request"),
        (replies(answer(error_body("", "context_length_exceeded"), "400 Bad")), "context_too_long"),
        (replies(answer(error_body("no"), "401 Unauthorized")), "auth"),
        (replies(answer(error_body("no"), "404 Not Found")), "model_gone"),
        (replies(answer(b"", "302 Found", "Location: http://127.0.0.1:1/")), "bad_response"),
        (replies(answer(b"<html>login</html>", "200 OK", "Content-Type: text/html")), "bad_response"),
        (replies(answer(b"x", "200 OK", "Content-Encoding: gzip")), "bad_response"),
        (replies(b"HTTP/1.1 103 Hi\r\n\r\n" * 1_000), "bad_response"),
        (replies(answer(b"", "200 OK", "X: " + "y" * 100_000)), "bad_response"),
        (replies(answer(error_body("", "502"), "200 OK", JSON)), "server_error"),
        (replies(answer(error_body("busy", "overloaded_error"), "200 OK", JSON)), "overloaded"),
        (replies(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"), "too_large"),
    ],
)
async def test_provider_that_does_not_answer_is_a_failure(
    script: Script, expected: str, stream: bool
) -> None:
    async with calls(script) as made:
        result = await made.call(stream=stream)
    assert (kind(result), result.response, result.usage) == (expected, None, None)
    assert made.events == []


async def test_unreachable_provider_is_a_failure() -> None:
    async with calls(silent) as made:
        target = target_at("http://127.0.0.1:1")
        result = await made.upstream.call(REQUEST, target, LIMITS)
    assert (kind(result), result.response) == ("unreachable", None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("-7", None), ("1000000000", 300.0), ("garbage", None)],
)
async def test_wait_that_is_asked_for_is_in_the_failure(header: str, seconds: float | None) -> None:
    payload = answer(error_body("slow down"), "429 Too Many Requests", f"Retry-After: {header}")
    async with calls(replies(payload)) as made:
        result = await made.call()
    assert result.failure is not None
    assert result.failure.retry_after_seconds == seconds


async def test_limit_per_day_is_a_quota_whatever_wait_it_names() -> None:
    details = [{"quotaId": "GenerateRequestsPerDayPerProject"}, {"retryDelay": "34.4s"}]
    body = [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x", "details": details}}]
    async with calls(replies(answer(json.dumps(body).encode(), "429 Too Many Requests"))) as made:
        assert kind(await made.call()) == "quota"


async def test_error_whose_body_never_comes_is_judged_by_its_status() -> None:
    async with calls(replies(b"HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\n")) as made:
        assert kind(await made.call()) == "overloaded"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "bad_response"),
        (b"{", "bad_response"),
        (b"[]", "bad_response"),
        (b'{"choices": "x"}', "bad_response"),
        (completion("Hello").replace(b"stop", b"st\xffop"), "bad_response"),
        (completion(""), "empty"),
        (completion("  \n"), "empty"),
        (completion(None), "empty"),
        (completion("", "length"), "empty_length"),
        (completion("", "length", reasoning_content="hm"), "empty_length"),
        (completion("", "stop", reasoning_content="hm"), "empty"),
        (completion("", "content_filter"), None),
        (completion(None, "stop", refusal="no"), None),
    ],
)
async def test_whole_answer_without_an_answer_in_it(body: bytes, expected: str | None) -> None:
    async with calls(replies(answer(body))) as made:
        assert kind(await made.call()) == expected


async def test_empty_answer_after_thinking_that_took_the_whole_limit() -> None:
    """Some providers call it a stop."""
    body = json.loads(completion("", "stop"))
    body["usage"]["completion_tokens"] = 99
    body["usage"]["completion_tokens_details"] = {"reasoning_tokens": 99}
    async with calls(replies(answer(json.dumps(body).encode()))) as made:
        result = await made.call()
    assert kind(result) == "empty_length"
    assert result.usage is not None
    assert (result.usage.reasoning, result.usage.source) == (99, "upstream")


TOOL_CALL = {"index": 0, "id": "t-1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PART = delta(content="Hel")
PARTS = chunked(PART, end=False)


@pytest.mark.parametrize(
    ("script", "expected", "text"),
    [
        (closes_after(PARTS), "reset", "Hel"),
        (resets_after(PARTS), "reset", "Hel"),
        (replies(chunked(PART)), "truncated", "Hel"),
        (closes_after(PARTS + b"20\r\ndata: {"), "reset", "Hel"),
        (replies(chunked(PART, frame(error={"message": "x", "code": 502}))), "server_error", "Hel"),
        (replies(chunked(PART, frame(error={"message": "x", "code": 429}))), "rate_limited", "Hel"),
        (replies(chunked(PART, frame(error="odd"), DONE)), "stream_error", "Hel"),
        (replies(chunked(PART, b"data: {broken\n\n")), "bad_response", "Hel"),
        (replies(chunked(*[PART] * 20_000)), "too_large", None),
        (replies(chunked(delta("stop"), DONE)), "empty", ""),
        (replies(chunked(delta("length", reasoning_content="hm"), DONE)), "empty_length", ""),
        (replies(chunked(delta("content_filter"), DONE)), None, ""),
        (replies(chunked(delta("tool_calls", tool_calls=[TOOL_CALL]), DONE)), None, ""),
        (replies(chunked(PART, delta("stop"))), None, "Hel"),
        (resets_after(chunked(PART, delta("stop"), end=False)), None, "Hel"),
        (replies(chunked(PART, delta("stop"), end=False)), None, "Hel"),
    ],
)
async def test_stream_that_breaks_ends_in_its_failure(
    script: Script, expected: str | None, text: str | None
) -> None:
    """The last event agrees with the result, and what had arrived is kept. A seen finish is a whole answer."""
    async with calls(script) as made:
        result = await made.call(stream=True)
    assert kind(result) == expected
    assert result.response is not None
    assert text is None or result.response.text == text
    last = made.events[-1]
    assert last == (End() if result.failure is None else Broken(failure=result.failure))
    assert sum(isinstance(event, End | Broken) for event in made.events) == 1


async def test_broken_anthropic_stream_keeps_the_usage_it_had_told() -> None:
    error = named("error", error={"type": "overloaded_error", "message": "Overloaded"})
    async with calls(replies(chunked(*ANTHROPIC_HELLO[:3], error))) as made:
        result = await made.call(stream=True, format="anthropic")
    assert kind(result) == "overloaded"
    assert result.usage is not None
    assert (result.usage.input, result.usage.visible, result.usage.source) == (9, 2, "partial")


async def test_json_where_a_stream_was_asked_for_is_no_answer() -> None:
    async with calls(replies(answer(completion("Hello"), "200 OK", JSON))) as made:
        result = await made.call(stream=True)
    assert (kind(result), made.events) == ("bad_response", [])


@pytest.mark.parametrize("stream", [False, True])
async def test_missing_usage_is_estimated_and_says_so(stream: bool) -> None:
    whole = json.loads(completion("Hello there, friend"))
    del whole["usage"]
    streamed = chunked(*[piece for piece in HELLO if piece != USAGE])
    payload = streamed if stream else answer(json.dumps(whole).encode())
    async with calls(replies(payload)) as made:
        result = await made.call(stream=stream)
    assert result.usage is not None
    assert result.usage.source == "estimated"
    assert result.usage.input > 0
    assert result.usage.visible > 0
    assert result.response is not None
    assert result.response.usage == result.usage


@pytest.mark.parametrize("consumer_holds", [False, True])
async def test_cancelling_a_call_closes_its_connection(consumer_holds: bool) -> None:
    """Also while its consumer holds the stream up."""
    began, gone, never = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(PARTS)
        with contextlib.suppress(ConnectionError):
            await peer.gone()
        gone.set()

    async def hold() -> None:
        await never.wait()

    def on_events(events: Sequence[StreamEvent]) -> Awaitable[None] | None:
        began.set()
        return hold() if consumer_holds else None

    limits = CallLimits(first_token_seconds=9, idle_seconds=9, total_seconds=9)
    async with calls(script) as made:
        task = asyncio.create_task(made.call(stream=True, limits=limits, on_events=on_events))
        await asyncio.wait_for(began.wait(), 1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 1.0)


async def test_key_that_a_provider_quotes_is_in_no_field_of_the_result() -> None:
    body = error_body(f"Incorrect API key provided: {KEY}, {KEY[:9]}", f"code {KEY}", f"type {KEY}")
    for status in ("400 Bad Request", "401 Unauthorized", "429 Too Many", "500 Oops", "200 OK"):
        async with calls(replies(answer(body, status, JSON))) as made:
            result = await made.call()
        assert result.failure is not None
        assert "canary" not in msgspec.json.encode(result).decode()


async def test_key_in_a_stream_s_error_is_masked_too() -> None:
    async with calls(replies(chunked(PART, frame(error={"message": f"bad key {KEY}", "code": KEY})))) as made:
        result = await made.call(stream=True)
    assert "canary" not in msgspec.json.encode(result).decode()
    assert not any("canary" in str(event) for event in made.events if not isinstance(event, TextDelta))
