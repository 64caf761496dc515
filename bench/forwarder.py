"""The cheapest forwarders that there are in Python: what no gateway written in it can stay under.

Without `--reads` whatever comes goes on as it came, and back again; only the length of an answer is looked at, to know
its end. With `--reads` both ends speak HTTP through the parser that Tiercel uses, and the two bodies are decoded and
encoded once each, as anyone must who routes by what is asked and counts what is answered. Nothing is decided, checked,
priced or written down.
"""

import argparse
import asyncio
import re
from typing import Any, cast

import httptools
import msgspec

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
HEAD_END = b"\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
ASK = b"POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One kept-alive connection to the server behind; `client` gets what it says."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._seen = b""
        self.client: Passing | Reading | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass, and behaves like one

    def data_received(self, data: bytes) -> None:
        assert self.client is not None
        self._seen += data
        head = self._seen.find(HEAD_END)
        length = LENGTH.search(self._seen, 0, head)
        if head < 0 or length is None or len(self._seen) < head + len(HEAD_END) + int(length.group(1)):
            return
        answer, self._seen = self._seen, b""
        self._pool.idle.append(self)
        self.client.answered(answer)


class Pool:
    """Connections that wait for work."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.idle: list[Upstream] = []

    def send(self, client: "Passing | Reading", data: bytes) -> None:
        if self.idle:
            self._give(self.idle.pop(), client, data)
        else:
            task = asyncio.get_running_loop().create_task(self._open(client, data))
            task.add_done_callback(asyncio.Task.result)

    async def _open(self, client: "Passing | Reading", data: bytes) -> None:
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_connection(lambda: Upstream(self), "127.0.0.1", self._port)
        self._give(upstream, client, data)

    @staticmethod
    def _give(upstream: Upstream, client: "Passing | Reading", data: bytes) -> None:
        upstream.client = client
        upstream.transport.write(data)


class Passing(asyncio.Protocol):
    """One client, whose requests go on unread. They are small, and come in one piece."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._pool.send(self, data)

    def answered(self, answer: bytes) -> None:
        self._transport.write(answer)


class Reading(asyncio.Protocol):
    """One client, whose requests and answers are read and written anew."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        asked: Any = msgspec.json.decode(self._body) if self._body else None
        self._body = b""
        body = msgspec.json.encode(asked)
        self._pool.send(self, ASK % (self._url, len(body)) + body)

    def answered(self, answer: bytes) -> None:
        read = Answer()
        httptools.HttpResponseParser(read).feed_data(answer)
        body = msgspec.json.encode(msgspec.json.decode(read.body))
        self._transport.write(ANSWER % len(body) + body)


class Answer:
    """What a parser finds in an answer."""

    def __init__(self) -> None:
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body


async def forward(port: int, upstream: int, *, reads: bool) -> None:
    pool = Pool(upstream)
    client = Reading if reads else Passing
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: client(pool), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


def main() -> None:
    import uvloop

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", type=int, required=True, help="the port of the server behind")
    parser.add_argument("--reads", action="store_true")
    args = parser.parse_args()
    uvloop.run(forward(args.port, args.upstream, reads=args.reads))


if __name__ == "__main__":
    main()
