"""The HTTP client against a server that does exactly what it is told, good and bad."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from tests.upstream.scripted import (
    Peer,
    Script,
    answer,
    chunk,
    chunked,
    closes_after,
    replies,
    resets_after,
    scripted,
    silent,
    until,
)
from tiercel.upstream.connection import HttpLimits
from tiercel.upstream.errors import (
    BodyTooLargeError,
    EncodedError,
    HttpError,
    InvalidRequestError,
    ProtocolError,
    ResetError,
    TimedOutError,
)
from tiercel.upstream.http import HttpClient
from tiercel.upstream.response import PAUSE_ABOVE_BYTES, HttpResponse

QUICK = HttpLimits(first_byte_seconds=0.15, idle_seconds=0.15, deadline_seconds=1.0, max_body_bytes=1_000_000)


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient({})
    yield made
    await made.aclose()
    assert made.open_connections == 0


async def post(client: HttpClient, url: str, limits: HttpLimits = QUICK) -> HttpResponse:
    return await client.request("POST", f"{url}/v1/x?y=1", [("x-a", "b")], b"{}", limits)


async def body_of(client: HttpClient, url: str, limits: HttpLimits = QUICK) -> bytes:
    return await (await post(client, url, limits)).read()


async def test_request_line_headers_and_body_are_sent_as_given(client: HttpClient) -> None:
    async with scripted(replies(answer(b"ok"))) as server:
        await body_of(client, server.url)
        assert server.peers[0].requests == [
            b"POST /v1/x?y=1 HTTP/1.1\r\n"
            b"Host: 127.0.0.1:%d\r\nUser-Agent: tiercel\r\nAccept-Encoding: identity\r\n"
            b"x-a: b\r\nContent-Length: 2\r\n\r\n{}" % server.port
        ]


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (answer(b"hello"), b"hello"),
        (answer(b""), b""),
        (chunked(b"hel", b"lo"), b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + answer(b"hello"), b"hello"),
        (b"\r\n" + answer(b"hello"), b"hello"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"hello"), b"hello"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nab\r\n0\r\nX-Trailer: 1\r\n\r\n",
            b"ab",
        ),
    ],
)
async def test_body_arrives_whatever_frames_it(client: HttpClient, payload: bytes, body: bytes) -> None:
    async with scripted(replies(payload)) as server:
        assert await body_of(client, server.url) == body


async def test_body_may_end_with_the_connection(client: HttpClient) -> None:
    async with scripted(closes_after(b"HTTP/1.1 200 OK\r\n\r\nto the end")) as server:
        assert await body_of(client, server.url) == b"to the end"


async def test_any_split_of_the_bytes_gives_the_same_answer(client: HttpClient) -> None:
    payload = b"HTTP/1.1 100 Continue\r\n\r\n" + chunked(b"one", b"two")

    async def drip(peer: Peer) -> None:
        await peer.request()
        for position in range(len(payload)):
            await peer.send(payload[position : position + 1])
            await asyncio.sleep(0)

    async with scripted(drip) as server:
        assert await body_of(client, server.url) == b"onetwo"


async def test_header_names_are_lower_case_and_repeated_ones_joined(client: HttpClient) -> None:
    async with scripted(replies(answer(b"", "200 OK", "X-One: a", "x-ONE: b", "X-Empty:"))) as server:
        response = await post(client, server.url)
        assert (response.headers["x-one"], response.headers["x-empty"]) == ("a, b", "")


async def wanted_whole(client: HttpClient, url: str, limits: HttpLimits = QUICK) -> HttpResponse:
    return await client.send(client.prepare("POST", url), b"{}", limits, whole=True)


async def test_good_answer_that_is_wanted_whole_is_waited_for_to_its_end(client: HttpClient) -> None:
    """However it comes, and also where it is so large that a slow reader would make the server wait."""
    body = b"x" * (8 * PAUSE_ABOVE_BYTES)

    async def script(peer: Peer) -> None:
        await peer.request()
        for part in (answer(body)[: -len(body)], body[:1], body[1:-1], body[-1:]):
            await peer.send(part)
            await asyncio.sleep(0.001)
        await peer.gone()

    async with scripted(script) as server:
        response = await wanted_whole(client, server.url)
        assert client.idle_connections == 1
        assert await response.read() == body


async def test_error_that_was_wanted_whole_is_known_by_its_head(client: HttpClient) -> None:
    """So that one whose body does not come can be judged by its status."""
    head = b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\n"
    async with scripted(replies(head)) as server:
        response = await wanted_whole(client, server.url, HttpLimits())
        assert response.status == 500
        response.close()


@pytest.mark.parametrize(("ends_by", "error"), [(replies, TimedOutError), (closes_after, ResetError)])
async def test_answer_that_was_wanted_whole_and_breaks_off_is_an_error(
    client: HttpClient, ends_by: Callable[[bytes], Script], error: type[HttpError]
) -> None:
    async with scripted(ends_by(answer(b"hello")[:-2])) as server:
        with pytest.raises(error):
            await (await wanted_whole(client, server.url)).read()


async def test_cancelling_the_wait_for_a_whole_answer_closes_the_connection(client: HttpClient) -> None:
    async with scripted(replies(answer(b"hello")[:-2])) as server:
        task = asyncio.create_task(wanted_whole(client, server.url, HttpLimits()))
        await until(lambda: any(peer.requests for peer in server.peers))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: client.open_connections == 0)


async def test_one_header_is_found_without_the_others(client: HttpClient) -> None:
    """The first of its name, at the beginning of a line and in the head alone."""
    lines = ("X-Id-Not: 1", "Y: x-id: 2", "x-ID:\t 3 ", "X-Id: 4", "X-Last: 5")
    async with scripted(replies(answer(b"\r\nx-none: 6\r\n", "200 OK", *lines))) as server:
        response = await post(client, server.url)
        names = (b"x-id", b"x-last", b"x-none", b"y", b"http/1.1 200 ok")
        assert [response.header(name) for name in names] == [b"3", b"5", b"", b"x-id: 2", b""]
        assert response.fields[b"x-id"] == b"3, 4"


# Connections


async def test_connection_is_reused_after_a_complete_answer(client: HttpClient) -> None:
    async with scripted(replies(answer(b"1"), chunked(b"2"), answer(b"3"))) as server:
        assert [await body_of(client, server.url) for _ in range(3)] == [b"1", b"2", b"3"]
        assert len(server.peers) == 1


async def test_parallel_requests_have_a_connection_each(client: HttpClient) -> None:
    async with scripted(replies(answer(b"x"))) as server:
        await asyncio.gather(*(body_of(client, server.url) for _ in range(5)))
        assert len(server.peers) == 5


async def two_calls(client: HttpClient, *scripts: Script) -> tuple[bytes, int]:
    """The second call's body and how many connections both took."""
    async with scripted(*scripts) as server:
        await body_of(client, server.url)
        return await body_of(client, server.url), len(server.peers)


@pytest.mark.parametrize(
    "first",
    [
        closes_after(answer(b"1")),
        resets_after(answer(b"1")),
        replies(answer(b"1", "200 OK", "Connection: close")),
        replies(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1"),
        replies(answer(b"1") + b"unasked"),
        replies(answer(b"1") + answer(b"unasked")),
    ],
)
async def test_connection_that_may_not_be_reused_is_not(client: HttpClient, first: Script) -> None:
    assert await two_calls(client, first, replies(answer(b"2"))) == (b"2", 2)


def dies_on_second(peer_ends: Callable[[Peer], None]) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"1"))
        await peer.request()
        peer_ends(peer)

    return script


async def test_stale_connection_is_retried_once_on_a_new_one(client: HttpClient) -> None:
    """The server dies on the second request before any byte of its answer: nobody notices."""
    assert await two_calls(client, dies_on_second(Peer.reset), replies(answer(b"2"))) == (b"2", 2)


async def test_new_connection_that_dies_is_not_retried(client: HttpClient) -> None:
    async def dies(peer: Peer) -> None:
        await peer.request()

    async with scripted(dies_on_second(Peer.reset), dies, replies(answer(b"3"))) as server:
        await body_of(client, server.url)
        with pytest.raises(ResetError):
            await body_of(client, server.url)
        assert len(server.peers) == 2


async def test_reused_connection_that_dies_in_mid_answer_is_not_retried(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"1"))
        await peer.request()
        await peer.send(b"HTTP/1.1 20")

    async with scripted(script) as server:
        await body_of(client, server.url)
        with pytest.raises(ResetError):
            await body_of(client, server.url)
        assert len(server.peers) == 1


async def test_reused_connection_that_dies_after_an_interim_answer_is_not_retried(client: HttpClient) -> None:
    """The server was there: it may have begun to work."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"1"))
        await peer.request()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    async with scripted(script, replies(answer(b"2"))) as server:
        await body_of(client, server.url)
        with pytest.raises(ResetError):
            await body_of(client, server.url)
        assert len(server.peers) == 1


async def test_closing_in_mid_body_closes_the_connection(client: HttpClient) -> None:
    async with scripted(replies(chunked(b"part", end=False))) as server:
        response = await post(client, server.url)
        assert await anext(response) == b"part"
        await response.aclose()
        await client.aclose()
        assert client.open_connections == 0


async def test_letting_go_keeps_the_connection_when_the_body_ends_soon(client: HttpClient) -> None:
    """A stream's last event is known before its last bytes; the reader need not wait for them."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(b"last event", end=False))
        await go_on.wait()
        await peer.send(b"0\r\n\r\n")
        await peer.request()
        await peer.send(answer(b"2"))
        await peer.gone()

    async with scripted(script, silent) as server:
        response = await post(client, server.url)
        assert await anext(response) == b"last event"
        response.let_go()
        go_on.set()
        await until(lambda: client.idle_connections == 1)
        assert (await body_of(client, server.url), len(server.peers)) == (b"2", 1)


async def test_letting_go_of_a_long_rest_closes_the_connection(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(b"x", end=False))
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.send(chunk(b"y" * 10_000))

    async with scripted(script) as server:
        response = await post(client, server.url)
        await anext(response)
        response.let_go()
        await until(lambda: client.open_connections == 0)


async def test_cancelling_closes_the_connection(client: HttpClient) -> None:
    """The server sees the client go at once, before the head as well as in mid-body."""
    for begin in (b"", chunked(b"x", end=False)):
        seen_gone = asyncio.Event()

        async def script(peer: Peer, begin: bytes = begin, seen_gone: asyncio.Event = seen_gone) -> None:
            await peer.request()
            await peer.send(begin)
            with contextlib.suppress(ConnectionError):
                await peer.gone()
            seen_gone.set()

        async with scripted(script) as server:
            task = asyncio.create_task(body_of(client, server.url, HttpLimits()))
            await until(lambda: any(peer.requests for peer in server.peers))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(seen_gone.wait(), 1.0)


async def test_closing_the_client_fails_running_calls(client: HttpClient) -> None:
    async with scripted(silent) as server:
        task = asyncio.create_task(body_of(client, server.url, HttpLimits()))
        await until(lambda: client.open_connections == 1)
        await client.aclose()
        with pytest.raises(ResetError):
            await task


LOOP_READS_BYTES = 262_144


async def test_slow_reader_makes_the_server_wait(client: HttpClient) -> None:
    """What lies unread stays near the limit, and all of it arrives in the end."""
    total = 4_000_000
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while sent < total:
            await peer.send(b"x" * 10_000)
            sent += 10_000
        await peer.gone()

    async with scripted(script) as server:
        response = await post(client, server.url, HttpLimits(idle_seconds=0.05))
        await asyncio.sleep(0.1)  # longer than the idle limit: a pause of ours is not the server's
        first = await anext(response)
        # beyond the limit there may be what the event loop took from the socket at once, and the start of it
        assert len(first) < PAUSE_ABOVE_BYTES + 2 * LOOP_READS_BYTES
        assert len(first) + len(await response.read()) == total


# What is refused


BAD_ANSWERS: dict[str, tuple[bytes, type[HttpError]]] = {
    "no http": (b"SSH-2.0-OpenSSH_9.2\r\n", ProtocolError),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", ProtocolError),
    "bare line feed after a header": (b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n", ProtocolError),
    "bare line feed after the head": (b"HTTP/1.1 200 OK\r\nX: a\r\n\n", ProtocolError),
    "space before a colon": (answer(b"", "200 OK", "X : a"), ProtocolError),
    "header without a colon": (answer(b"", "200 OK", "X"), ProtocolError),
    "nul in a header": (answer(b"", "200 OK", "X: a\0b"), ProtocolError),
    "cr in a header": (answer(b"", "200 OK", "X: a\rb"), ProtocolError),
    "folded header": (answer(b"", "200 OK", "X: a\r\n b"), ProtocolError),
    "two lengths": (answer(b"hi", "200 OK", "Content-Length: 3"), ProtocolError),
    "length and chunks": (answer(b"hi", "200 OK", "Transfer-Encoding: chunked"), ProtocolError),
    "bad chunk size": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ProtocolError),
    "ten thousand headers": (answer(b"", "200 OK", *["X: y"] * 10_000), ProtocolError),
    "too many headers": (answer(b"", "200 OK", *["X: y"] * 201), ProtocolError),
    "huge header": (answer(b"", "200 OK", "X: " + "y" * 1_000_000), ProtocolError),
    "large header in one piece": (answer(b"", "200 OK", "X: " + "y" * 70_000), ProtocolError),
    "huge head in one name": (b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000, ProtocolError),
    "endless trailers": (chunked(b"x")[:-2] + b"X-T: y\r\n" * 300 + b"\r\n", ProtocolError),
    "too many trailers": (chunked(b"x")[:-2] + b"X-T: y\r\n" * 202 + b"\r\n", ProtocolError),
    "flood of interim answers": (b"HTTP/1.1 102 Processing\r\n\r\n" * 100, ProtocolError),
    "upgrade": (b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", ProtocolError),
    "gzip": (answer(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"), EncodedError),
    "gzip in other letters": (answer(b"x", "200 OK", "CONTENT-ENCODING: GZip"), EncodedError),
    "gzip beside identity": (
        answer(b"x", "200 OK", "Content-Encoding: identity", "Content-Encoding: gzip"),
        EncodedError,
    ),
    "brotli": (answer(b"x", "200 OK", "Content-Encoding: br"), EncodedError),
    "zstd": (answer(b"x", "200 OK", "Content-Encoding: zstd"), EncodedError),
    "gzip as transfer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ProtocolError),
    "announced too large": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n", BodyTooLargeError),
    "too large in chunks": (chunked(*[b"x" * 10_000] * 101), BodyTooLargeError),
    "cut head": (b"HTTP/1.1 200 OK\r\nContent-Le", ResetError),
    "cut body": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", ResetError),
    "cut chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi", ResetError),
    "no last chunk": (chunked(b"x", end=False), ResetError),
    "nothing": (b"", ResetError),
}


@pytest.mark.parametrize(("payload", "error"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_bad_answer_is_refused_and_its_connection_closed(
    client: HttpClient, payload: bytes, error: type[HttpError]
) -> None:
    async with scripted(closes_after(payload)) as server:
        with pytest.raises(error):
            await body_of(client, server.url)
        await until(lambda: client.open_connections == 0)


async def test_reset_in_a_body_that_ends_with_the_connection_is_an_error(client: HttpClient) -> None:
    async with scripted(resets_after(b"HTTP/1.1 200 OK\r\n\r\npart")) as server:
        with pytest.raises(ResetError):
            await body_of(client, server.url)


async def test_trailers_have_an_end_also_where_they_come_one_by_one(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(b"x", end=False) + b"0\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.send(b"X-T: y\r\n")
                await asyncio.sleep(0)

    async with scripted(script) as server:
        with pytest.raises(ProtocolError):
            await body_of(client, server.url, HttpLimits())
        await until(lambda: client.open_connections == 0)


async def test_frames_of_chunks_that_come_by_themselves_are_no_trailers(client: HttpClient) -> None:
    """However many there are, as of a server that writes the size, the piece and the end of its line one by one."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(end=False))
        for part in (b"1\r\n", b"x", b"\r\n") * 250 + (b"0\r\n", b"X-T: y\r\n\r\n"):
            await peer.send(part)
            await asyncio.sleep(0)
        await peer.gone()

    async with scripted(script) as server:
        assert await body_of(client, server.url, HttpLimits()) == b"x" * 250
        assert client.idle_connections == 1


async def test_redirect_is_returned_and_not_followed(client: HttpClient) -> None:
    async with scripted(replies(answer(b"", "302 Found", "Location: http://127.0.0.1:1/"))) as server:
        response = await post(client, server.url)
        assert (response.status, len(server.peers)) == (302, 1)


async def test_reading_more_than_the_limit_is_refused(client: HttpClient) -> None:
    async with scripted(replies(answer(b"x" * 100))) as server:
        response = await post(client, server.url)
        with pytest.raises(BodyTooLargeError):
            await response.read(99)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nInjected: 1"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x", "\u20ac"),
        ("x y", "a"),
        ("", "a"),
        ("Host", "other"),
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
    ],
)
async def test_header_that_cannot_be_sent_is_refused_before_connecting(
    client: HttpClient, name: str, value: str
) -> None:
    with pytest.raises(InvalidRequestError):
        await client.request("POST", "http://127.0.0.1:1/", [(name, value)])


# Clocks


async def stalls_in_head(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nConte")
    await peer.gone()


async def drips(peer: Peer) -> None:
    await peer.request()
    await peer.send(chunked(end=False))
    with contextlib.suppress(ConnectionError):
        while True:
            await peer.send(chunk(b"."))
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("script", "limits", "phase"),
    [
        (silent, QUICK, "first_byte"),
        (stalls_in_head, QUICK, "first_byte"),
        (replies(chunked(b"x", end=False)), QUICK, "idle"),
        (drips, msgspec.structs.replace(QUICK, deadline_seconds=0.2), "deadline"),
        (silent, HttpLimits(first_byte_seconds=30.0, deadline_seconds=0.5), "deadline"),
    ],
)
async def test_each_clock_ends_the_call(
    client: HttpClient, script: Script, limits: HttpLimits, phase: str
) -> None:
    async with scripted(script) as server:
        with pytest.raises(TimedOutError) as caught:
            await body_of(client, server.url, limits)
        assert caught.value.phase == phase


async def test_deadline_can_be_moved_while_the_answer_arrives(client: HttpClient) -> None:
    async with scripted(drips) as server:
        limits = msgspec.structs.replace(QUICK, deadline_seconds=60.0)
        response = await post(client, server.url, limits)
        response.set_deadline(0.1)
        with pytest.raises(TimedOutError):
            await response.read()


async def test_deadline_counts_from_the_call_also_on_a_reused_connection(client: HttpClient) -> None:
    """The timer of an earlier, patient call does not delay that of a later, hasty one."""
    async with scripted(replies(answer(b"1"))) as server:
        await body_of(client, server.url, HttpLimits())
        with pytest.raises(TimedOutError):
            await asyncio.wait_for(body_of(client, server.url, QUICK), 1.0)


def test_works_on_uvloop() -> None:
    """The loop that serves: reuse, stale retry, a cut, a timeout and a clean end."""
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> list[object]:
        client = HttpClient({})
        seen: list[object] = []
        async with scripted(dies_on_second(Peer.reset), closes_after(chunked(b"2")), silent) as server:
            seen.append(await body_of(client, server.url))
            seen.append(await body_of(client, server.url))
            with pytest.raises(TimedOutError):
                await body_of(client, server.url)
        await client.aclose()
        return [*seen, client.open_connections]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario()) == [b"1", b"2", 0]
