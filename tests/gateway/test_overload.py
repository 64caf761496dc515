"""More is asked than can be done: whoever can be served is, and the others hear so at once."""

import asyncio
import random
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from bench.open_loop import Asked
from tests.crash.served import configure, served
from tests.gateway.house import USER, house
from tests.gateway.plain_http import Answer, call
from tests.gateway.plain_server import read_answer
from tests.security.raw_bytes import statuses
from tiercel.domain.settings import Listener
from tiercel.gateway.door import HEADERS_SECONDS
from tiercel.gateway.load import AT_ONCE, WAIT_SECONDS, Load
from tiercel.testing.clock import FrozenClock
from tiercel.testing.scripted import Says, ScriptedProvider

SERVICE_SECONDS = 0.0005
CAPACITY = 1 / SERVICE_SECONDS
ASK = msgspec.json.encode({"model": "auto", "messages": USER, "max_tokens": 50})
CHAT = "/v1/chat/completions"
REPOSITORY = Path(__file__).parents[2]


class Turning:
    """An event loop in numbers: in each turn everybody who came is let in or not, then each beginner takes its step."""

    def __init__(self) -> None:
        self.clock = FrozenClock(0.0)
        self.load = Load(self.clock, max_in_flight=100_000)
        self.waits: list[float] = []
        self.refused = 0
        self.longest_turn = 0.0
        self._beginners: deque[float] = deque()

    def run(self, arrivals: list[float]) -> None:
        """Until nobody is left. `arrivals` are times in order."""
        coming = deque(arrivals)
        while coming or self._beginners:
            if not self._beginners and coming[0] > self.clock():
                self.clock.advance(coming[0] - self.clock())
            began = self.clock()
            while coming and coming[0] <= began:
                self._arrive(coming.popleft())
            for _ in range(len(self._beginners)):
                self.load.has_begun()
                self.waits.append(self.clock() - self._beginners.popleft())
                self.clock.advance(SERVICE_SECONDS)
            self.longest_turn = max(self.longest_turn, self.clock() - began)

    def _arrive(self, at: float) -> None:
        def begin() -> bool:
            self._beginners.append(at)
            return True

        if not self.load.takes_one_more(0):
            self.refused += 1
        elif self.load.begins_now(is_urgent=False):
            begin()
        else:
            self.load.wait(begin)


def poisson(rate: float, seconds: float) -> list[float]:
    draws = random.Random(7)
    times = [0.0]
    while times[-1] < seconds:
        times.append(times[-1] + draws.expovariate(rate))
    return times


@pytest.mark.parametrize("times_capacity", [2, 5, 10])
def test_what_can_be_done_is_done_however_much_is_asked(times_capacity: int) -> None:
    turning = Turning()
    turning.run(poisson(times_capacity * CAPACITY, 3.0))
    assert len(turning.waits) >= 0.99 * 3.0 * CAPACITY
    # the first tenth of a second looks like a burst; from then on nobody stays to wait much longer than allowed
    assert max(turning.waits[len(turning.waits) // 2 :]) < 1.5 * WAIT_SECONDS


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_nobody_is_refused_while_everybody_can_be_served(share: float) -> None:
    turning = Turning()
    turning.run(poisson(share * CAPACITY, 3.0))
    assert turning.refused == 0


def test_a_burst_is_served_whole_and_does_not_hold_up_the_event_loop() -> None:
    turning = Turning()
    turning.run([0.0] * 1000)
    assert (len(turning.waits), turning.refused) == (1000, 0)
    assert turning.longest_turn <= AT_ONCE * SERVICE_SECONDS * 1.001


def test_whoever_left_while_waiting_takes_nobodys_place() -> None:
    clock = FrozenClock()
    load = Load(clock, max_in_flight=100)
    began: list[str] = []

    def second() -> bool:
        began.append("second")
        return True

    for _ in range(AT_ONCE):
        assert load.begins_now(is_urgent=False)
    load.wait(lambda: False)
    load.wait(second)
    load.has_begun()
    assert (began, load.waiting) == (["second"], 0)


def test_what_is_urgent_does_not_wait_and_makes_no_room_for_others() -> None:
    load = Load(FrozenClock(), max_in_flight=100)
    for _ in range(AT_ONCE):
        assert load.begins_now(is_urgent=False)
    load.wait(lambda: True)
    for _ in range(50):
        assert load.begins_now(is_urgent=True)
    for _ in range(50):
        load.has_begun()
    assert load.waiting == 1


async def hold(here_url: str, provider: ScriptedProvider, count: int) -> list[asyncio.Task[Answer]]:
    """So many requests under way."""
    tasks = [asyncio.create_task(call(here_url, "POST", CHAT, ASK)) for _ in range(count)]
    await provider.wait_for_requests(count)
    return tasks


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (CHAT, 503),
        ("/v1/responses", 503),
        ("/v1/messages", 529),
        ("/v1beta/models/gemini-x:generateContent", 503),
    ],
)
async def test_beyond_the_limit_each_format_hears_that_it_should_try_again(
    tmp_path: Path, path: str, status: int
) -> None:
    says = Says(text="held", release=asyncio.Event())
    assert says.release is not None
    listener = Listener(port=0, max_in_flight=2)
    async with (
        ScriptedProvider(says, says) as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        held = await hold(here.url, cheap, 2)
        answer = await call(here.url, "POST", path, b"never even looked at")
        assert answer.status == status
        assert int(answer.headers["retry-after"]) in (1, 2, 3)
        assert answer.headers["x-should-retry"] == "true"
        assert "error" in msgspec.json.decode(answer.body)
        assert len(answer.headers["x-request-id"]) == 26
        assert (await call(here.url, "GET", "/healthz")).status == 200
        assert (await call(here.url, "GET", "/readyz")).status == 200
        says.release.set()
        assert [task.status for task in await asyncio.gather(*held)] == [200, 200]
    assert len(cheap.requests) == 2


async def test_those_refused_together_are_not_sent_back_together(tmp_path: Path) -> None:
    says = Says(text="held", release=asyncio.Event())
    assert says.release is not None
    listener = Listener(port=0, max_in_flight=1)
    async with (
        ScriptedProvider(says) as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        held = await hold(here.url, cheap, 1)
        answers = [await call(here.url, "POST", CHAT, ASK) for _ in range(6)]
        assert {answer.headers["retry-after"] for answer in answers} == {"1", "2", "3"}
        assert len({answer.headers["x-request-id"] for answer in answers}) == 6
        says.release.set()
        await asyncio.gather(*held)


async def test_a_connection_outlives_a_refusal(tmp_path: Path) -> None:
    """Whatever pieces the refused request came in; the next one on the connection is served."""
    says = Says(text="held", release=asyncio.Event())
    assert says.release is not None
    listener = Listener(port=0, max_in_flight=1)
    async with (
        ScriptedProvider(says, Says(text="served")) as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        held = await hold(here.url, cheap, 1)
        url = urlsplit(here.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        request = (
            f"POST {CHAT} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-length: {len(ASK)}\r\n\r\n".encode() + ASK
        )
        for cut in (10, len(request) - len(ASK), len(request) - 5):
            writer.write(request[:cut])
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(request[cut:])
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
        says.release.set()
        await asyncio.gather(*held)
        writer.write(request)
        assert (await reader.readuntil(b"served")).startswith(b"HTTP/1.1 200 ")
        writer.close()


def post(url: str, path: str, body: bytes, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\n{headers}content-length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


@asynccontextmanager
async def full(folder: Path) -> AsyncIterator[tuple[str, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A gateway that can take no request more, and a connection to it."""
    says = Says(text="held", release=asyncio.Event())
    assert says.release is not None
    listener = Listener(port=0, max_in_flight=1)
    async with (
        ScriptedProvider(says) as cheap,
        house(folder, cheap.deployment("cheap"), listener=listener) as here,
    ):
        held = await hold(here.url, cheap, 1)
        url = urlsplit(here.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        try:
            yield here.url, reader, writer
        finally:
            writer.close()
            says.release.set()
            await asyncio.gather(*held)


async def until_closed(reader: asyncio.StreamReader) -> list[int]:
    """The statuses of all answers."""
    return statuses(await asyncio.wait_for(reader.read(), 10.0))


async def test_what_is_refused_in_one_piece_is_answered_one_by_one(tmp_path: Path) -> None:
    """Those that are refused unread and those that the parser has to read, in the order in which they came."""
    async with full(tmp_path) as (url, reader, writer):
        plain = post(url, CHAT, ASK)
        parsed = post(url, "/v1/messages", ASK, "connection: close\r\n")
        writer.write(plain + plain + parsed)
        assert await until_closed(reader) == [503, 503, 529]


async def test_what_follows_a_refused_request_is_refused_also_where_its_head_came_before(
    tmp_path: Path,
) -> None:
    held = Says(text="held", release=asyncio.Event())
    assert held.release is not None
    listener = Listener(port=0, max_in_flight=1)
    async with (
        ScriptedProvider(Says(text="served"), Says(text="served"), held) as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        url = urlsplit(here.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        for _ in range(2):
            writer.write(post(here.url, CHAT, ASK))
            await read_answer(reader)
        holding = asyncio.create_task(call(here.url, "POST", CHAT, ASK))
        await cheap.wait_for_requests(3)
        writer.write(post(here.url, CHAT, ASK) * 3)
        for _ in range(3):
            head, _ = await read_answer(reader)
            assert head.startswith(b"HTTP/1.1 503 ")
        writer.close()
        held.release.set()
        await holding


async def test_what_follows_a_refused_request_is_read_as_ever(tmp_path: Path) -> None:
    async with full(tmp_path) as (url, reader, writer):
        last = f"GET /healthz HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\nconnection: close\r\n\r\n"
        writer.write(post(url, CHAT, ASK) + last.encode("ascii"))
        assert await until_closed(reader) == [503, 200]


async def test_nonsense_behind_a_refused_request_is_answered_after_it(tmp_path: Path) -> None:
    async with full(tmp_path) as (url, reader, writer):
        writer.write(post(url, CHAT, ASK) + b"nonsense\r\n\r\n")
        assert await until_closed(reader) == [503, 400]


async def test_a_client_that_does_not_wait_for_refusals_gets_every_one(tmp_path: Path) -> None:
    """Far more of them than are kept for a client that does not read."""
    async with full(tmp_path) as (url, reader, writer):
        count = 2_000
        writer.write(post(url, CHAT, ASK) * count + post(url, CHAT, ASK, "connection: close\r\n"))
        await asyncio.sleep(0.2)
        assert await until_closed(reader) == [503] * (count + 1)


async def test_slow_models_alone_are_no_overload(tmp_path: Path) -> None:
    says = Says(text="at last", release=asyncio.Event())
    assert says.release is not None
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        cheap.default = says
        held = []
        for so_far in range(0, 350, AT_ONCE):  # never so many together that they would have to stand in line
            held += [asyncio.create_task(call(here.url, "POST", CHAT, ASK)) for _ in range(AT_ONCE)]
            await cheap.wait_for_requests(so_far + AT_ONCE)
        says.release.set()
        assert {answer.status for answer in await asyncio.gather(*held)} == {200}


class Instant(asyncio.Protocol):
    """An upstream that answers before anybody has time to ask twice."""

    BODY = msgspec.json.encode(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "little",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
        }
    )
    ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(BODY),
        BODY,
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._asked = b""

    def data_received(self, data: bytes) -> None:
        self._asked += data
        if self._asked.endswith(b"}"):
            self._asked = b""
            self._transport.write(self.ANSWER)


async def test_a_real_server_under_far_too_much_load_keeps_working(tmp_path: Path) -> None:
    """Bounds are wide, since load, upstream and other tests share its cores; the figures are the benchmark's."""
    loop = asyncio.get_running_loop()
    upstream = await loop.create_server(Instant, "127.0.0.1", 0, backlog=2048)
    configure(tmp_path, f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}/v1")
    async with served(tmp_path) as server:
        url = await server.base_url()
        some = await ask_often(url, rate=1_500)
        much = await ask_often(url, rate=6_000)
        assert (await call(url, "POST", CHAT, ASK)).status == 200
    upstream.close()
    for asked in (some, much):
        # a generator that is starved itself loses connections on which it has sent nothing for ten seconds
        lost = {"0"} if asked.generator.largest > HEADERS_SECONDS / 2 else set()
        assert set(asked.statuses) <= {"200", "503", "not sent"} | lost
    assert much.statuses["503"] > 0
    assert (much.without_retry_after, much.unanswered) == (0, 0)
    assert much.answered.n > 0.02 * some.answered.n
    assert much.health.p50 < 0.5


async def ask_often(url: str, *, rate: int) -> Asked:
    """What the benchmark's generator sees at so many requests a second, in a process of its own."""
    command = [sys.executable, "-m", "bench.open_loop", "--port", str(urlsplit(url).port)]
    generator = await asyncio.create_subprocess_exec(
        *command, "--rate", str(rate), "--seconds", "1.5", cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await generator.communicate()
    return msgspec.json.decode(said, type=Asked)
