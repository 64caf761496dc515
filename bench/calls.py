"""For maintainers: `python -m bench.calls` counts the Python calls that one request of the benchmark makes.

Unlike a time it is the same in every run and on every machine, so a change of one call is seen. Each comprehension,
generator and resumed coroutine counts as the call that it is in CPython 3.11. `--tree` prints them in their order.
"""

import argparse
import asyncio
import os
import re
import socket
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

from bench.load import MODEL
from bench.rig import TOOLS, BenchError, Rig, set_up
from bench.subjects import NO_KEY, issue_key, mock_upstream, own_folder
from tiercel.cli.serve import run_async
from tiercel.gateway.app import running
from tiercel.policy import load_policy, load_settings

WARM_UP = 50
BODY = (
    '{"model":"%s","messages":[{"role":"system","content":"You are a helpful assistant."},'
    '{"role":"user","content":"%s"}],"temperature":0.2,"max_tokens":256}'
)
PROMPT = "Explain in two sentences what the capital of France is known for. " * 6
HEAD = (
    "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nauthorization: Bearer %s\r\n"
    "user-agent: OpenAI/Python 1.99.0\r\naccept: application/json\r\ncontent-type: application/json\r\n"
    "x-stainless-lang: python\r\ncontent-length: %d\r\n\r\n"
)
"""What the load generator sends."""
SHORTENED = re.compile(r"^.*/(?:src/tiercel|site-packages|lib/python[\d.]+)/")


class Calls:
    """A profiler's hook that keeps the calls of functions, with their depth."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str, str]] = []
        self._depth = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            code = frame.f_code
            self.seen.append((self._depth, code.co_qualname, SHORTENED.sub("", code.co_filename)))
            self._depth += 1
        elif event == "return":
            self._depth -= 1


def ask(connection: socket.socket, request: bytes) -> None:
    """One request on this connection, and its whole answer. Raises `BenchError`."""
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65_536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if not head.startswith(b"HTTP/1.1 200") or length is None:
        raise BenchError(f"not answered as it should be: {answer.decode(errors='replace')}")
    while len(body) < int(length[1]):
        body += connection.recv(65_536)


async def calls_of_one(folder: Path, key: str) -> list[tuple[int, str, str]]:
    """The calls of a request that comes after others on a connection that is kept alive."""
    settings = load_settings(folder / "tiercel.toml", os.environ)
    async with running(settings, load_policy(folder / "policy.toml"), port=0) as gateway:
        await asyncio.to_thread(gateway.recorder.pause_ingest)
        loop, port = asyncio.get_running_loop(), int(gateway.base_url.rpartition(":")[2])
        body = BODY % (MODEL, PROMPT)
        request = (HEAD % (port, key, len(body)) + body).encode()
        calls, begun = Calls(), threading.Event()

        def begin() -> None:
            sys.setprofile(calls)  # of the loop's thread, and no other
            begun.set()

        def from_outside() -> None:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                for _ in range(WARM_UP):
                    ask(connection, request)
                loop.call_soon_threadsafe(begin)
                begun.wait()
                ask(connection, request)
                loop.call_soon_threadsafe(sys.setprofile, None)

        await asyncio.to_thread(from_outside)
        return [call for call in calls.seen if call[2] not in ("asyncio/base_events.py", "threading.py")]


def count(rig: Rig, *, keyed: bool) -> list[tuple[int, str, str]]:
    with mock_upstream(rig) as upstream, own_folder(rig, upstream.port) as folder:
        return run_async(calls_of_one(folder, issue_key(folder) if keyed else NO_KEY))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.calls",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keyed", action="store_true", help="with a key that has every limit and budget")
    parser.add_argument("--tree", action="store_true", help="every call, in its order and below its caller")
    parser.add_argument("--under", default="", metavar="FOLDER", help="only files below it, such as routing/")
    parser.add_argument("--tools", type=Path, default=TOOLS, metavar="DIR")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as folder:
        try:
            seen = count(set_up(args.tools, Path(folder)), keyed=args.keyed)
        except BenchError as error:
            print(f"calls: {error}", file=sys.stderr)
            return 2
    seen = [call for call in seen if call[2].startswith(args.under)]
    if args.tree:
        for depth, name, file in seen:
            print(f"{'  ' * depth}{name}  {file}")
    else:
        for file, calls in Counter(file for _, _, file in seen).most_common():
            print(f"{calls:5,}  {file}")
    print(f"{len(seen):5,}  calls in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
