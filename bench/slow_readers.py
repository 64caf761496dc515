"""What clients cost that ask and then do not read: resident memory of the gateway for each of them.

Whole answers of several lengths, and a stream of a megabyte. What the gateway holds of a whole answer cannot be less
than the answer; what comes beside it stands in a column of its own.
"""

import argparse
import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from bench.figures import markdown
from bench.load import MODEL
from bench.rig import TOOLS, BenchError, Rig, set_up
from bench.subjects import Serving, served
from tiercel.domain.json import Json
from tiercel.testing.delivery import Delivery
from tiercel.testing.loopback import LoopbackServer, SeenRequest

LENGTHS = (1, 64, 256, 512)
"""Of whole answers, in KiB."""
PIECES = 256
PIECE_CHARS = 4_096
KERNEL_BYTES = 4_096
"""What a client's own system takes for it."""
REST_SECONDS = 1.0
STEADY_BYTES = 500_000


def answer_of(chars: int) -> Delivery:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x" * chars}, "finish_reason": "stop"}
    body = msgspec.json.encode(
        {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    )
    return Delivery(headers=(("content-type", "application/json"),), pieces=(body,))


def long_stream() -> Delivery:
    """A streamed answer that takes its time."""
    deltas: list[Json] = [
        {"index": 0, "delta": {"content": "x" * PIECE_CHARS}, "finish_reason": None}
    ] * PIECES
    events = [
        msgspec.json.encode(
            {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
        )
        for delta in deltas
    ]
    pieces = tuple(b"data: %b\n\n" % event for event in events)
    headers = (("content-type", "text/event-stream"),)
    return Delivery(headers=headers, pieces=pieces, stream=True, gap_seconds=0.05)


def request_bytes(port: int, *, stream: bool) -> bytes:
    body = msgspec.json.encode(
        {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    )
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


@asynccontextmanager
async def not_reading(port: int, readers: int, *, stream: bool) -> AsyncIterator[None]:
    """So many clients, each of which has seen that its answer begins. Raises `BenchError` where one does not."""
    loop = asyncio.get_running_loop()
    opened: list[socket.socket] = []
    try:
        for _ in range(readers):
            reader = socket.socket()
            opened.append(reader)
            reader.setblocking(False)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
            await loop.sock_connect(reader, ("127.0.0.1", port))
            await loop.sock_sendall(reader, request_bytes(port, stream=stream))
        for reader in opened:
            begun = await asyncio.wait_for(loop.sock_recv(reader, 64), 30.0)
            if not begun.startswith(b"HTTP/1.1 200"):
                raise BenchError(f"a reader was answered {begun!r}; what was measured does not count")
        yield
    finally:
        for reader in opened:
            reader.close()


async def at_rest(serving: Serving) -> int:
    """Resident bytes once they no longer grow."""
    before = serving.resident_bytes()
    while True:
        await asyncio.sleep(REST_SECONDS)
        now = serving.resident_bytes()
        if now - before < STEADY_BYTES:
            return now
        before = now


async def bytes_for_each(rig: Rig, answer: Delivery, readers: int, *, stream: bool) -> float:
    """On a gateway of its own, so that nothing is left of another measurement."""

    async def handle(seen: SeenRequest) -> Delivery:
        return answer

    upstream = LoopbackServer(handle)
    port = await upstream.start()
    try:
        with served(rig, port) as serving:
            async with not_reading(serving.port, 1, stream=stream):
                before = await at_rest(serving)
            async with not_reading(serving.port, readers, stream=stream):
                return (await at_rest(serving) - before) / readers
    finally:
        await upstream.aclose()


async def measure(rig: Rig, readers: int) -> list[list[str]]:
    rows = [["answer", "KiB for each reader", "beside the answer"]]
    for kib in LENGTHS:
        each = await bytes_for_each(rig, answer_of(kib * 1024), readers, stream=False) / 1024
        rows.append([f"whole, {kib} KiB", f"{each:.0f}", f"{each - kib:.0f}"])
    each = await bytes_for_each(rig, long_stream(), readers, stream=True) / 1024
    rows.append([f"stream, {PIECES * PIECE_CHARS // 1024} KiB", f"{each:.0f}", "–"])
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, default=TOOLS, help="folder of mock.c and lg.c")
    parser.add_argument("--readers", type=int, default=500)
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = asyncio.run(measure(set_up(args.tools, Path(folder)), args.readers))
    except BenchError as error:
        print(f"slow_readers: {error}", file=sys.stderr)
        return 2
    print(markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
