"""Asks as often as it is told to, whatever becomes of the answers, and prints one line of JSON.

Requests come at random times of their own (a Poisson process), each on a connection that is free, or on a new one.
Every latency runs from the time the request was due, so that a late generator makes figures worse and never better.
Beside it a second client asks /healthz all the while.
"""

import argparse
import asyncio
import gc
import random
import sys
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import msgspec

from bench.load import MODEL

TICK_SECONDS = 0.001
HEALTH_EVERY_SECONDS = 0.02
OPENED_BEFORE = 256
MOST_CONNECTIONS = 2_000
"""Fewer than may wait to be accepted: what the kernel drops there comes again seconds later."""
PATIENCE_SECONDS = 10.0
REFUSED = (429, 503, 529)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds."""

    n: int
    p50: float
    p99: float
    largest: float


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `refused_at_first` are those for which a connection was opened, `unanswered` those without an
    answer when patience ended; `generator` is how late it was with sending, and part of all other figures."""

    seconds: float
    sent: int
    answered: Spread
    refused: Spread
    refused_at_first: Spread
    health: Spread
    generator: Spread
    statuses: dict[str, int]
    without_retry_after: int
    unanswered: int
    in_last_second: int
    """Answers to the requests of the last second."""

    @property
    def goodput(self) -> float:
        """Answers a second."""
        return self.answered.n / self.seconds


def spread(seconds: list[float]) -> Spread:
    """Nearest ranks; all zero for nothing."""
    ordered = sorted(seconds) or [0.0]
    last = len(ordered) - 1
    return Spread(
        n=len(seconds), p50=ordered[round(last * 0.5)], p99=ordered[round(last * 0.99)], largest=ordered[-1]
    )


class Client(asyncio.Protocol):
    """One connection, one request at a time. `done` is told of each answer: due time, status, whether Retry-After."""

    def __init__(self, done: Callable[["Client", float, int, bool], None]) -> None:
        self.due = 0.0
        self.is_busy = False
        self.is_new = False
        """Whether it was opened for the request that is under way."""
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass, and behaves like one

    def ask(self, request: bytes, due: float) -> None:
        assert self._transport is not None
        self.due = due
        self.is_busy = True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        data = self._begun + data
        head, _, body = data.partition(b"\r\n\r\n")
        at = head.find(b"content-length: ")
        if at < 0 or len(body) < int(head[at + 16 : at + 26].partition(b"\r")[0]):
            self._begun = data
            return
        self._begun = b""
        self.is_busy = False
        self._done(self, self.due, int(data[9:12]), b"\r\nretry-after: " in head)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_busy:
            self._done(self, self.due, 0, False)
        self._transport = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Asking:
    """One measurement."""

    def __init__(self, port: int, rate: float, seconds: float, seed: int) -> None:
        self._port = port
        self._rate = rate
        self._seconds = seconds
        self._random = random.Random(seed)
        self._request = request_bytes(port)
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Client] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._all: list[Client] = []
        self._answered: list[float] = []
        self._refused: list[float] = []
        self._refused_at_first: list[float] = []
        self._late: list[float] = []
        self._health: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._without_retry_after = 0
        self._in_last_second = 0
        self._sent = 0
        self._open = 0
        self._ends = 0.0
        self._all_sent = False
        self._all_done = asyncio.Event()

    async def run(self) -> Asked:
        await asyncio.gather(*(self._connect() for _ in range(OPENED_BEFORE)))
        began = self._loop.time()
        self._ends = began + self._seconds
        checking = asyncio.create_task(self._check_health())
        due = began
        while due < self._ends:
            now = self._loop.time()
            while due <= min(now, self._ends):
                self._send(due)
                self._late.append(now - due)
                due += self._random.expovariate(self._rate)
            await asyncio.sleep(TICK_SECONDS)
        checking.cancel()
        self._all_sent = True
        if not self._open:
            self._all_done.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_done.wait(), PATIENCE_SECONDS)
        for client in self._all:
            client.close()
        return Asked(
            seconds=self._seconds,
            sent=self._sent,
            answered=spread(self._answered),
            refused=spread(self._refused),
            refused_at_first=spread(self._refused_at_first),
            health=spread(self._health),
            generator=spread(self._late),
            statuses=dict(self._statuses),
            without_retry_after=self._without_retry_after,
            unanswered=self._open,
            in_last_second=self._in_last_second,
        )

    def _send(self, due: float) -> None:
        self._sent += 1
        self._open += 1
        while self._idle:
            client = self._idle.pop()
            if client.is_open:
                client.ask(self._request, due)
                return
        if len(self._all) >= MOST_CONNECTIONS:
            self._open -= 1
            self._statuses["not sent"] += 1
            return
        task = self._loop.create_task(self._connect(due))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, due: float | None = None) -> None:
        try:
            _, client = await self._loop.create_connection(
                lambda: Client(self._done), "127.0.0.1", self._port
            )
        except OSError as error:
            self._open -= due is not None
            self._statuses[f"no connection: {error.strerror}"] += 1
            return
        self._all.append(client)
        if due is None:
            self._idle.append(client)
        else:
            client.is_new = True
            client.ask(self._request, due)

    def _done(self, client: Client, due: float, status: int, has_retry_after: bool) -> None:
        self._open -= 1
        self._statuses[str(status)] += 1
        seconds = self._loop.time() - due
        if status == 200:
            self._answered.append(seconds)
            self._in_last_second += due > self._ends - 1.0
        elif status in REFUSED:
            self._refused.append(seconds)
            if client.is_new:
                self._refused_at_first.append(seconds)
            self._without_retry_after += not has_retry_after
        client.is_new = False
        if client.is_open:
            self._idle.append(client)
        if not self._open and self._all_sent:
            self._all_done.set()

    async def _check_health(self) -> None:
        request = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n\r\n" % self._port
        answered = asyncio.Event()

        def done(client: Client, due: float, status: int, has_retry_after: bool) -> None:
            self._health.append(self._loop.time() - due)
            answered.set()

        _, client = await self._loop.create_connection(lambda: Client(done), "127.0.0.1", self._port)
        self._all.append(client)
        while True:
            answered.clear()
            client.ask(request, self._loop.time())
            await answered.wait()
            await asyncio.sleep(HEALTH_EVERY_SECONDS)


def request_bytes(port: int) -> bytes:
    """A request of about 500 bytes of body."""
    prompt = "Explain in two sentences what the capital of France is known for. " * 6
    body = msgspec.json.encode(
        {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": 50}
    )
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    )
    return head.encode("ascii") + b"content-length: %d\r\n\r\n%s" % (len(body), body)


async def ask(port: int, rate: float, seconds: float, seed: int = 1) -> Asked:
    """Ask so many requests a second for so long."""
    return await Asking(port, rate, seconds, seed).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    gc.disable()
    if sys.platform == "win32":
        asked = asyncio.run(ask(args.port, args.rate, args.seconds))
    else:
        import uvloop

        asked = uvloop.run(ask(args.port, args.rate, args.seconds))
    print(msgspec.json.encode(asked).decode())


if __name__ == "__main__":
    main()
