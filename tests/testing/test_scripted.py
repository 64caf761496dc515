"""The scripted provider: says what it was told to, in its format, and remembers what it was asked."""

import asyncio
from typing import Any

import openai
import pytest
from anthropic import AsyncAnthropic, InternalServerError

from tiercel.testing.faults import Delivery, Fault
from tiercel.testing.scripted import Called, Fails, Raw, Says, ScriptedProvider

HELLO: list[Any] = [{"role": "user", "content": "hello"}]


def openai_client(provider: ScriptedProvider) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=provider.base_url, api_key="sk-test", max_retries=0, timeout=60)


def anthropic_client(provider: ScriptedProvider) -> AsyncAnthropic:
    root = provider.base_url.removesuffix("/v1")
    return AsyncAnthropic(base_url=root, api_key="sk-test", max_retries=0, timeout=60)


async def raw_exchange(provider: ScriptedProvider, body: bytes = b"{}") -> bytes:
    """Everything the server sends to one plain request until it closes or has been silent for a moment."""
    host, port = provider.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/x HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    received = b""
    try:
        while data := await asyncio.wait_for(reader.read(65_536), 0.2):
            received += data
    except (TimeoutError, ConnectionError):
        pass
    writer.close()
    return received


async def test_the_openai_sdk_reads_an_answer() -> None:
    says = Says(text="hi", input_tokens=7, cached_tokens=2)
    async with ScriptedProvider(says) as provider, openai_client(provider) as client:
        answer = await client.chat.completions.create(model="m", messages=HELLO)
    assert answer.choices[0].message.content == "hi"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 7


async def test_the_openai_sdk_reads_a_stream_with_a_tool_call() -> None:
    says = Says(text="two words", calls=(Called(name="look", arguments='{"at":1}'),), finish="tool_calls")
    async with ScriptedProvider(says) as provider, openai_client(provider) as client:
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == "two words"
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert [call.function.name for call in calls if call.function] == ["look"]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_anthropic_sdk_reads_text_thinking_and_a_tool_call(stream: bool) -> None:
    says = Says(
        text="so", reasoning="hm", calls=(Called(name="look", arguments='{"at":1}'),), finish="tool_calls"
    )
    async with ScriptedProvider(says, format="anthropic") as provider, anthropic_client(provider) as client:
        if stream:
            async with client.messages.stream(model="m", messages=HELLO, max_tokens=9) as opened:
                message: Any = await opened.get_final_message()
        else:
            message = await client.messages.create(model="m", messages=HELLO, max_tokens=9)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[2].input == {"at": 1}
    assert message.stop_reason == "tool_use"


async def test_it_remembers_path_headers_and_body() -> None:
    async with ScriptedProvider(Says(text="hi")) as provider, openai_client(provider) as client:
        await client.chat.completions.create(model="named", messages=HELLO)
        seen = provider.requests[0]
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.headers["authorization"] == "Bearer sk-test"
    assert seen.json["model"] == "named"


async def test_replies_come_in_the_order_of_the_queue() -> None:
    async with (
        ScriptedProvider(Says(text="1"), Says(text="2")) as provider,
        openai_client(provider) as client,
    ):
        answers = [await client.chat.completions.create(model="m", messages=HELLO) for _ in "12"]
        assert provider.unused == 0
    assert [answer.choices[0].message.content for answer in answers] == ["1", "2"]


async def test_a_call_nobody_scripted_is_refused_aloud() -> None:
    async with ScriptedProvider() as provider, openai_client(provider) as client:
        with pytest.raises(openai.APIStatusError, match="nothing more is scripted"):
            await client.chat.completions.create(model="m", messages=HELLO)


async def test_a_status_error_carries_code_and_retry_after() -> None:
    fails = Fails(status=429, message="slow down", code="rate_limit_exceeded", retry_after="2")
    async with ScriptedProvider(fails) as provider, openai_client(provider) as client:
        with pytest.raises(openai.RateLimitError, match="slow down") as caught:
            await client.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "2"


async def test_an_anthropic_error_has_anthropics_shape() -> None:
    fails = Fails(status=529, message="busy")
    async with ScriptedProvider(fails, format="anthropic") as provider, anthropic_client(provider) as client:
        with pytest.raises(InternalServerError) as caught:
            await client.messages.create(model="m", messages=HELLO, max_tokens=9)
    body: Any = caught.value.body
    assert body["error"] == {"type": "overloaded_error", "message": "busy"}


async def test_raw_bytes_go_out_as_they_are() -> None:
    async with ScriptedProvider(Raw(data=b"HTTP/1.1 200 OK\r\n\r\nso")) as provider:
        assert await raw_exchange(provider) == b"HTTP/1.1 200 OK\r\n\r\nso"


async def test_a_delivery_goes_out_as_it_is() -> None:
    async with ScriptedProvider(Delivery(status=503, pieces=(b"no",))) as provider:
        assert (
            await raw_exchange(provider) == b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno"
        )


STREAM = b'{"stream": true}'


@pytest.mark.parametrize(
    ("fault", "has", "lacks"),
    [
        (Fault(after=2, cut=True), b"one", b"two"),
        (Fault(after=2, stall=True), b"one", b"two"),
        (Fault(after=2, error_in_stream=True, message="broke"), b'"message":"broke"', b"two"),
        (Fault(after=2, body="malformed"), b"half an even", b" two"),
        (Fault(body="html"), b"<!DOCTYPE html>", b"one"),
        (Fault(body="nothing"), b"content-length: 0", b"one"),
        (Fault(after=1, cut=True), b"assistant", b"0\r\n\r\n"),
    ],
)
async def test_a_stream_goes_wrong_where_the_fault_says(fault: Fault, has: bytes, lacks: bytes) -> None:
    async with ScriptedProvider(Says(text="one two three", fault=fault)) as provider:
        received = await raw_exchange(provider, STREAM)
    assert has in received
    assert lacks not in received


async def test_a_body_that_is_cut_announced_its_whole_length() -> None:
    async with ScriptedProvider(Says(text="one two", fault=Fault(after=3, cut=True))) as provider:
        received = await raw_exchange(provider)
    head, _, body = received.partition(b"\r\n\r\n")
    announced = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert 0 < len(body) < announced


async def test_a_dripping_answer_is_whole_in_the_end() -> None:
    says = Says(text="hi", fault=Fault(drip_seconds=0.0001))
    async with ScriptedProvider(says) as provider, openai_client(provider) as client:
        answer = await client.chat.completions.create(model="m", messages=HELLO)
    assert answer.choices[0].message.content == "hi"


async def test_a_held_answer_comes_when_released() -> None:
    release = asyncio.Event()
    async with (
        ScriptedProvider(Says(text="late", release=release)) as provider,
        openai_client(provider) as client,
    ):
        pending = asyncio.ensure_future(client.chat.completions.create(model="m", messages=HELLO))
        await provider.wait_for_requests(1)
        assert not pending.done()
        release.set()
        answer = await pending
    assert answer.choices[0].message.content == "late"


async def test_it_notices_a_client_that_leaves() -> None:
    async with ScriptedProvider(Says(text="x", release=asyncio.Event())) as provider:
        async with openai_client(provider) as client:
            pending = asyncio.ensure_future(client.chat.completions.create(model="m", messages=HELLO))
            await provider.wait_for_requests(1)
            pending.cancel()
            await asyncio.wait_for(provider.wait_for_abandoned(1), 5)
        assert provider.abandoned == 1


async def test_it_describes_itself_as_a_deployment() -> None:
    async with ScriptedProvider(name="mine") as provider:
        deployment = provider.deployment("alpha")
        assert deployment.provider.base_url == provider.base_url
        assert (deployment.name, deployment.upstream_name, deployment.provider.name) == (
            "alpha",
            "alpha",
            "mine",
        )
