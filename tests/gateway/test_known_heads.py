"""A head that came before is not parsed again, and nothing else is different for it."""

import asyncio
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.plain_server import HOST, Echo, Running, Seen, post, read_answer, serving, until
from tests.security.framing_cases import FRAMING
from tests.security.raw_bytes import HIDDEN, statuses
from tiercel.domain.errors import CallerError
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.unread import around_length

SDK = HOST + b"authorization: Bearer sk-one\r\nconnection: keep-alive\r\n"
OTHER = HOST + b"authorization: Bearer sk-two\r\nconnection: keep-alive\r\n"


async def asked(here: Running, echo: Echo, *requests: bytes) -> list[Seen]:
    """What the application got of these requests, one after another on one connection."""
    echo.seen.clear()
    async with here.client() as (reader, writer):
        for request in requests:
            writer.write(request)
            await read_answer(reader)
    return echo.seen


async def test_each_request_is_what_it_says_however_often_its_head_came() -> None:
    """Bodies of other lengths, other keys, other paths, other ways to say the length, and the first one again."""
    requests = [
        post(b"one", SDK),
        post(b"two", SDK),
        post(b"something longer", SDK),
        post(b"", SDK),
        post(b"two", OTHER),
        post(b"two", OTHER),
        post(b"two", SDK),
        post(b"two", SDK, path=b"/y"),
        b"GET /x HTTP/1.1\r\n" + SDK + b"\r\n",
        post(b"two", SDK, path=b"/y"),
        post(b"two", SDK, path=b"/y").replace(b"content-length: 3", b"content-length: 0003"),
        post(b"two", SDK, path=b"/y").replace(b"content-length: 3", b"content-length:3"),
        b"POST /y HTTP/1.1\r\n" + SDK + b"transfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n",
        post(b"two", SDK, path=b"/y"),
    ]
    echo = Echo()
    async with serving(echo) as here:
        alone = [(await asked(here, echo, request)).copy() for request in requests]
        together = await asked(here, echo, *requests)
    assert together == [seen for (seen,) in alone]


@settings(max_examples=40, deadline=None)
@given(
    bodies=st.lists(st.binary(max_size=20), min_size=2, max_size=5),
    keys=st.lists(st.sampled_from([SDK, OTHER]), min_size=5, max_size=5),
    cuts=st.lists(st.integers(0, 600), max_size=6),
)
async def test_it_does_not_matter_in_which_pieces_they_come(
    bodies: list[bytes], keys: list[bytes], cuts: list[int]
) -> None:
    requests = [post(body, key) for body, key in zip(bodies, keys, strict=False)]
    whole = b"".join(requests)
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    echo = Echo()
    async with serving(echo) as here, here.client() as (reader, writer):
        for begin, end in pairwise(ends):
            writer.write(whole[begin:end])
            await writer.drain()
            await asyncio.sleep(0.001)
        for body in bodies:
            assert (await read_answer(reader))[1] == body
    wanted = [
        (body, key.split(b"\r\n")[1].partition(b": ")[2]) for body, key in zip(bodies, keys, strict=False)
    ]
    assert [(seen.body, seen.headers[b"authorization"]) for seen in echo.seen] == wanted
    assert [int(seen.headers[b"content-length"]) for seen in echo.seen] == [len(body) for body in bodies]


@pytest.mark.parametrize("data", FRAMING.values(), ids=FRAMING.keys())
async def test_what_could_be_read_in_two_ways_is_refused_after_a_known_head_too(data: bytes) -> None:
    """The head of the good requests before it is the beginning of the bad one's, wherever it begins alike."""
    good = post(b"12345", b"Host: localhost\r\n", path=b"/v1/chat/completions")
    echo = Echo()
    async with serving(echo) as here:
        async with here.client() as (reader, writer):
            for _ in range(3):
                writer.write(good)
                await read_answer(reader)
            writer.write(data)
            received = b""
            with suppress(ConnectionResetError):  # refused in the midst of it
                received = await asyncio.wait_for(reader.read(), 10.0)
    assert set(statuses(received)) <= {200, 400, 414, 431, 505}
    assert [seen.body for seen in echo.seen if b"smuggled" in seen.body] == []
    assert HIDDEN not in received


@pytest.mark.parametrize(
    "length",
    [b"", b"+3", b"-3", b"3 ", b" 3", b"3x", b"0x3", b"3,3", b"3\r\ncontent-length: 3", b"9" * 30, b"\xb2"],
)
async def test_a_length_that_is_none_is_the_parsers(length: bytes) -> None:
    """It takes a space around the figures, and refuses the others; which it does for a head that is new as well."""
    bad = post(b"abc", SDK).replace(b"content-length: 3", b"content-length: " + length)
    outcomes = []
    for before in ((), (post(b"abc", SDK),) * 3):
        echo = Echo()
        async with serving(echo) as here, here.client() as (reader, writer):
            for request in before:
                writer.write(request)
                await read_answer(reader)
            writer.write(bad + b"GET / HTTP/1.1\r\nconnection: close\r\n" + HOST + b"\r\n")
            outcomes.append(statuses(await asyncio.wait_for(reader.read(), 5.0)))
    assert outcomes[0] == outcomes[1]


async def test_a_limit_holds_for_a_known_head_too() -> None:
    async def app(exchange: Exchange) -> None:
        try:
            body = await exchange.body(1_000)
        except CallerError:
            await exchange.answer(413, [], b"")
        else:
            await exchange.answer(200, [], body)

    async with serving(app) as here, here.client() as (reader, writer):
        for size, status in ((10, 200), (10, 200), (2_000, 413), (10, 200), (300_000, 413), (1_000, 200)):
            writer.write(post(b"x" * size, SDK))
            assert (await read_answer(reader))[0].startswith(b"HTTP/1.1 %d " % status)


async def test_a_known_head_of_a_server_that_stops_is_answered_for_the_last_time() -> None:
    echo = Echo()
    async with serving(echo) as here, here.client() as (reader, writer):
        for _ in range(2):
            writer.write(post(b"abc", SDK))
            await read_answer(reader)
        (await here.connection()).leave()
        writer.write(post(b"abc", SDK))
        head, _ = await read_answer(reader)
        assert b"connection: close\r\n" in head
        assert await reader.read() == b""


async def test_a_body_behind_a_known_head_that_does_not_come_is_not_waited_for() -> None:
    echo = Echo()
    async with serving(echo) as here, here.client() as (reader, writer):
        for _ in range(2):
            writer.write(post(b"abc", SDK))
            await read_answer(reader)
        writer.write(post(b"abc", SDK)[:-1])
        connection = await here.connection()
        await until(lambda: connection.answering is not None)
        connection.sweep(asyncio.get_running_loop().time() + 100.0)
        assert statuses(await reader.read()) == [408]
    assert len(echo.seen) == 2


def test_what_is_around_the_length_is_all_of_the_head_but_its_figures() -> None:
    request = post(b"abc", SDK + b"Content-Type: x\r\n") + b"more"
    around = around_length(request)
    assert around is not None
    assert around[0] + b"3" + around[1] == request[: -len(b"abcmore")]
    assert around_length(request[:40]) is None
