"""The unpleasant part of mixed load: clients that ask wrongly, models that cannot be reached, clients that leave.

Sends so many of each in turn, several at once, and prints one line of JSON with how often it got which status.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from bench.load import MODEL
from bench.subjects import UNREACHABLE_MODEL

AT_ONCE = 16
ANSWERED_WITHIN_SECONDS = 30.0
PACE_MICROSECONDS = 5_000

LEFT = "client left"


def body(**fields: object) -> bytes:
    """A request's body; without other words a good one."""
    messages = [{"role": "user", "content": "Explain what the capital of France is known for."}]
    return msgspec.json.encode({"model": MODEL, "messages": messages, "max_tokens": 50, **fields})


KINDS: tuple[tuple[str, Callable[[], bytes], bool], ...] = (
    ("not JSON", lambda: b'{"model": "auto", "messages": [', False),
    ("unknown model", lambda: body(model="no-such-model"), False),
    ("unreachable model", lambda: body(model=UNREACHABLE_MODEL), False),
    ("left before the answer", lambda: body(), True),
    ("left during the stream", lambda: body(stream=True, seed=PACE_MICROSECONDS), True),
)
"""What is asked, and whether the client leaves without reading to the end."""


async def ask(port: int, content: bytes, *, leave: bool) -> str:
    """One request on its own connection; its status, or that the client left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (port, len(content), content)
        )
        await writer.drain()
        if leave:
            if b"stream" in content:
                await reader.readline()
            return LEFT
        answer = await asyncio.wait_for(reader.read(), ANSWERED_WITHIN_SECONDS)
        return answer[9:12].decode("ascii", "replace")
    finally:
        writer.transport.abort()


async def ask_in_turn(port: int, numbers: Iterator[int], outcomes: Counter[str]) -> None:
    for number in numbers:
        name, content, leave = KINDS[number % len(KINDS)]
        outcomes[f"{name}: {await ask(port, content(), leave=leave)}"] += 1


async def send_all(port: int, requests: int) -> Counter[str]:
    """All of them, several at once."""
    numbers = iter(range(requests))
    outcomes: Counter[str] = Counter()
    await asyncio.gather(*(ask_in_turn(port, numbers, outcomes) for _ in range(AT_ONCE)))
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True)
    args = parser.parse_args()
    print(msgspec.json.encode(asyncio.run(send_all(args.port, args.requests))).decode())


if __name__ == "__main__":
    main()
