"""HTTP/1.1 as the server speaks it: what a request may look like, and how each is answered."""

import asyncio
import logging

import pytest

from tests.gateway.plain_server import HOST, LAST, MAX_BODY_BYTES, Echo, post, read_answer, serving, until
from tests.security.raw_bytes import statuses
from tiercel.domain.errors import CallerError
from tiercel.gateway.connection import KEEP_ALIVE_SECONDS
from tiercel.gateway.exchange import ClientLeftError, Exchange, Headers, header_lines

PLAIN: Headers = [(b"content-type", b"text/plain")]


async def hello(exchange: Exchange) -> None:
    """An answer to whatever is asked."""
    await exchange.answer(200, PLAIN, b"hello")


async def in_pieces(exchange: Exchange) -> None:
    """An answer whose length nobody knows when it begins."""
    await exchange.start(int(exchange.path[1:]), PLAIN)
    assert exchange.send_now(b"one") == (exchange.method != "HEAD" and exchange.path == "/200")
    await exchange.send(b"two")
    await exchange.send(b"", last=True)


async def test_an_answer_says_what_it_is_told_and_nothing_else() -> None:
    async with serving(hello) as here, here.client() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = await reader.readuntil(b"hello")
        assert answer == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"


async def test_a_connection_is_kept_and_used_again() -> None:
    echo = Echo()
    async with serving(echo) as here, here.client() as (reader, writer):
        for body in (b"first", b"", b"a third one"):
            writer.write(post(body))
            head, answered = await read_answer(reader)
            assert (answered, b"connection:" in head) == (body, False)
    assert [seen.body for seen in echo.seen] == [b"first", b"", b"a third one"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n" + LAST + b"\r\n",
        b"GET / HTTP/1.0\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.0\r\n" + HOST + b"connection: keep-alive\r\n\r\n",
    ],
)
async def test_a_connection_ends_where_the_client_says_so_or_speaks_http_1_0(request_bytes: bytes) -> None:
    async with serving(hello) as here:
        received = await here.answers(request_bytes + b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (statuses(received), received.count(b"connection: close\r\n")) == ([200], 1)


async def test_requests_in_advance_are_answered_in_their_order() -> None:
    begun: list[str] = []

    async def app(exchange: Exchange) -> None:
        begun.append(exchange.path)
        if exchange.path == "/slow":
            await asyncio.sleep(0.05)
            assert begun == ["/slow"]
        await exchange.answer(200, [], exchange.path.encode())

    async with serving(app) as here:
        requests = post(b"1", path=b"/slow") + post(b"22", path=b"/quick") + post(b"3", LAST, path=b"/last")
        received = await here.answers(requests)
    assert begun == ["/slow", "/quick", "/last"]
    assert received.index(b"/slow") < received.index(b"/quick") < received.index(b"/last")


@pytest.mark.parametrize("at_once", [True, False])
async def test_whoever_asks_whether_to_go_on_is_told_so(at_once: bool) -> None:
    echo = Echo()
    async with serving(echo) as here, here.client() as (reader, writer):
        request = post(b"body", HOST + b"Expect: 100-Continue\r\n")
        writer.write(request if at_once else request[:-4])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        if not at_once:
            writer.write(b"body")
        assert (await read_answer(reader))[1] == b"body"


async def test_nobody_is_told_to_go_on_with_what_is_not_wanted() -> None:
    async with serving(hello) as here, here.client() as (reader, writer):
        writer.write(post(b"body", HOST + b"expect: 100-continue\r\n")[:-4])
        head, _ = await read_answer(reader)
        assert head.startswith(b"HTTP/1.1 200 ")


async def test_a_body_in_chunks_is_put_together() -> None:
    echo = Echo()
    async with serving(echo) as here:
        head = b"POST / HTTP/1.1\r\n" + LAST + b"transfer-encoding: chunked\r\n\r\n"
        await here.answers(head, b"3\r\nabc\r\n", b"2\r\nde", b"\r\n0\r\n", b"x-late: 1\r\n\r\n")
    (seen,) = echo.seen
    assert (seen.body, b"x-late" in seen.headers) == (b"abcde", False)


async def test_path_and_query_and_headers_are_taken_apart() -> None:
    echo = Echo()
    async with serving(echo) as here:
        await here.answers(b"GET /a%20b?c=%20d HTTP/1.1\r\n" + LAST + b"X-Two: 1\r\nx-two: 2\r\n\r\n")
    (seen,) = echo.seen
    assert (seen.method, seen.path, seen.query, seen.headers[b"x-two"]) == ("GET", "/a b", b"c=%20d", b"1")


async def test_an_answer_of_unknown_length_comes_in_chunks() -> None:
    async with serving(in_pieces) as here:
        received = await here.answers(b"GET /200 HTTP/1.1\r\n" + LAST + b"\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.parametrize("line", [b"HEAD /200", b"GET /204", b"GET /304"])
async def test_an_answer_without_a_body_has_none(line: bytes) -> None:
    async with serving(in_pieces) as here:
        received = await here.answers(line + b" HTTP/1.1\r\n" + LAST + b"\r\n")
    assert received.endswith(b"\r\n\r\n")
    assert b"chunked" not in received


async def test_the_head_of_an_answer_tells_the_length_that_its_body_would_have() -> None:
    async with serving(hello) as here:
        received = await here.answers(b"HEAD / HTTP/1.1\r\n" + LAST + b"\r\n")
    assert b"content-length: 5\r\n" in received
    assert received.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("body", [b"", b"1234"])
async def test_whoever_wants_another_protocol_is_answered_in_this_one_and_for_the_last_time(
    body: bytes,
) -> None:
    """What follows such a request may be read in two ways."""
    async with serving(hello) as here:
        asked = post(body, HOST + b"connection: upgrade\r\nupgrade: websocket\r\n")
        received = await here.answers(asked, post(b"hidden"))
    assert (statuses(received), received.count(b"connection: close\r\n")) == ([200], 1)


@pytest.mark.parametrize("in_time", [0, 3, 4, 100])
async def test_the_body_of_whoever_wants_another_protocol_is_read(in_time: int) -> None:
    """As the clients of the JDK send it, which ask for HTTP/2 so unless they are told not to."""
    wanting = HOST + b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n"
    asked = post(b"1234", wanting)
    end = len(asked) - 4 + in_time
    echo = Echo()
    async with serving(echo) as here, here.client() as (reader, writer):
        writer.write(asked[:end])
        if in_time < 4:
            connection = await here.connection()
            await until(lambda: connection.answering is not None)
            writer.write(asked[end:])
        assert (await read_answer(reader))[1] == b"1234"
        assert await reader.read() == b""
    assert [seen.body for seen in echo.seen] == [b"1234"]


async def test_a_body_that_nobody_takes_is_held_back() -> None:
    release = asyncio.Event()

    async def app(exchange: Exchange) -> None:
        await release.wait()
        await exchange.answer(200, [], b"")

    async with serving(app) as here, here.client() as (reader, writer):
        size = 20_000_000
        writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"content-length: %d\r\n\r\n" % size + b"x" * size)
        writer.write(post(b"", LAST))
        connection = await here.connection()
        await until(lambda: connection.reading_paused)
        assert connection.answering is not None
        assert connection.answering.body_bytes < 1_000_000
        release.set()
        assert statuses(await asyncio.wait_for(reader.read(), 10.0)) == [200, 200]


async def test_a_body_that_grows_too_large_is_refused_before_its_end() -> None:
    async def app(exchange: Exchange) -> None:
        try:
            await exchange.answer(200, [], await exchange.body(100_000))
        except CallerError as error:
            await exchange.answer(413, [], error.message.encode())

    async with serving(app) as here, here.client() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(11):
            writer.write(b"%x\r\n%b\r\n" % (10_000, b"x" * 10_000))
        _, told = await read_answer(reader)
        assert told == b"the request's body is larger than 100000 bytes"
        writer.write(b"0\r\n\r\n" + post(b"next"))
        assert (await read_answer(reader))[1] == b"next"


async def test_a_client_that_leaves_is_noticed_wherever_its_request_is() -> None:
    """While its body is waited for, while it is answered, and before its turn has come."""
    seen: list[str] = []
    begun = asyncio.Event()

    async def app(exchange: Exchange) -> None:
        begun.set()
        try:
            await exchange.body(MAX_BODY_BYTES)
            exchange.ends_with_client = True
            await asyncio.sleep(10.0)
        except ClientLeftError:
            seen.append("in its body")
        except asyncio.CancelledError:
            seen.append(f"being answered {exchange.client_left}")

    async with serving(app) as here:
        for request in (post(b"body")[:-1], post(b"body"), post(b"body") * 2):
            async with here.client() as (_, writer):
                begun.clear()
                writer.write(request)
                await asyncio.wait_for(begun.wait(), 5.0)
            await until(lambda: not here.door.tasks)
    assert seen == ["in its body", "being answered True", "being answered True"]


async def test_what_is_wrong_with_a_later_body_is_not_told_in_the_place_of_an_earlier_answer() -> None:
    async with serving(lambda exchange: asyncio.sleep(0.2)) as here:
        chunked = b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n"
        assert await here.answers(post(b"first") + chunked) == b""


async def test_an_application_that_does_not_answer_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    async def app(exchange: Exchange) -> None:
        if exchange.path == "/raises":
            raise ZeroDivisionError
        if exchange.path == "/begins":
            await exchange.start(200, [])

    caplog.set_level(logging.ERROR)
    async with serving(app) as here:
        for path in (b"/raises", b"/returns"):
            received = await here.answers(post(b"", path=path))
            assert received.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert not (await here.answers(post(b"", path=b"/begins"))).endswith(b"0\r\n\r\n")
    told = [record.getMessage() for record in caplog.records]
    assert len([message for message in told if "was not answered" in message]) == 3
    assert len([message for message in told if "exception" in message]) == 1


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nb: c"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"\x00"),
        (b"x", b"\x7f"),
        (b"x: y\r\nz", b"1"),
        (b"x y", b"1"),
        (b"", b"1"),
    ],
)
async def test_a_header_that_would_be_another_one_is_never_sent(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="no header may"):
        header_lines([*PLAIN, header])

    async def app(exchange: Exchange) -> None:
        await (
            exchange.answer(200, [header], b"")
            if exchange.path == "/whole"
            else exchange.start(200, [header])
        )

    async with serving(app) as here:
        for path in (b"/whole", b"/begun"):
            assert statuses(await here.answers(post(b"", path=path))) == [500]


def test_headers_go_out_as_they_are() -> None:
    assert header_lines([(b"x-a", b""), (b"x-b", b"\xe9 \t'\"")]) == b"x-a: \r\nx-b: \xe9 \t'\"\r\n"
    assert header_lines([]) == b""


async def test_a_connection_that_is_not_used_is_closed_without_a_word() -> None:
    async with serving(hello) as here, here.client() as (reader, writer):
        writer.write(post(b""))
        await read_answer(reader)
        connection = await here.connection()
        now = asyncio.get_running_loop().time()
        connection.sweep(now + KEEP_ALIVE_SECONDS - 1)
        writer.write(post(b""))
        await read_answer(reader)
        connection.sweep(asyncio.get_running_loop().time() + KEEP_ALIVE_SECONDS + 1)
        assert await reader.read() == b""


async def test_a_server_that_stops_says_so_in_its_last_answer() -> None:
    release = asyncio.Event()

    async def app(exchange: Exchange) -> None:
        await release.wait()
        await exchange.answer(200, [], b"")

    async with serving(app) as here, here.client() as (reader, writer):
        writer.write(post(b"1") + post(b"2"))
        connection = await here.connection()
        await until(lambda: connection.answering is not None)
        connection.leave()
        release.set()
        received = await asyncio.wait_for(reader.read(), 5.0)
    assert (statuses(received), received.count(b"connection: close")) == ([200, 200], 1)
    assert received.endswith(b"connection: close\r\n\r\n")


async def test_what_breaks_after_the_answer_is_no_matter_of_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(exchange: Exchange) -> None:
        await exchange.answer(200, [], b"")
        if exchange.path == "/breaks":
            raise ZeroDivisionError

    caplog.set_level(logging.ERROR)
    async with serving(app) as here, here.client() as (reader, writer):
        for path in (b"/breaks", b"/x"):
            writer.write(post(b"", path=path))
            assert (await read_answer(reader))[0].startswith(b"HTTP/1.1 200 ")
    (told,) = caplog.records
    assert told.exc_info is not None


async def test_nothing_more_is_read_of_a_client_that_does_not_take_its_answer() -> None:
    async def app(exchange: Exchange) -> None:
        await exchange.answer(200, [], b"x" * 10_000_000)

    async with serving(app) as here, here.client() as (reader, writer):
        writer.write(post(b""))
        await reader.readexactly(64)
        connection = await here.connection()
        await until(lambda: connection.answering is None)
        assert connection.reading_paused
        writer.write(post(b"", LAST))
        assert len(await asyncio.wait_for(reader.read(), 10.0)) > 20_000_000


async def test_an_answer_whose_beginning_was_given_up_begins_later() -> None:
    """As a heartbeat that waits for a client to take an earlier answer, until there is an answer of its own."""
    given_up = asyncio.Event()

    async def app(exchange: Exchange) -> None:
        if exchange.path == "/large":
            await exchange.answer(200, [], bytes(20_000_000))
            return
        beginning = asyncio.create_task(exchange.start(200, []))
        await asyncio.sleep(0.01)
        beginning.cancel()
        await asyncio.wait((beginning,))
        assert beginning.cancelled()
        given_up.set()
        if not exchange.started:
            await exchange.start(200, [])
        await exchange.send(b"second", last=True)

    async with serving(app) as here, here.client() as (reader, writer):
        writer.write(post(b"1", path=b"/large") + post(b"2", LAST))
        await given_up.wait()
        assert statuses(await reader.read()) == [200, 200]
