"""What a run of an evaluation costs: `python bench/eval_speed.py --promptfoo BIN --inspect BIN [--items N] [--json]`.

The same items, each asked once at the same concurrency of an upstream that answers at once, with one expectation:
`tiercel eval run`, promptfoo and Inspect, each as its users start it, in turns. Beside the wall time stands the
processor time of all its processes; the upstream runs in a process of its own and is not counted. An executable that is
not given is left out, and says so.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ANSWER = "4"
WHOLE = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "instant",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
    }
).encode()


def _chunk(**fields: object) -> bytes:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "instant"}
    return b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n"


STREAM = (
    _chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": ANSWER}, "finish_reason": None}])
    + _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    + _chunk(choices=[], usage={"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11})
    + b"data: [DONE]\n\n"
)


class Instant(asyncio.Protocol):
    """Answers chat completions at once, whole or as a stream; counts them."""

    answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self._read) < end + 4 + length:
                return
            body, self._read = self._read[end + 4 : end + 4 + length], self._read[end + 4 + length :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get /count"):
            self._send(b"application/json", str(Instant.answered).encode())
            return
        Instant.answered += 1
        streams = b'"stream":true' in body.replace(b" ", b"")
        self._send(b"text/event-stream", STREAM) if streams else self._send(b"application/json", WHOLE)

    def _send(self, kind: bytes, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)
        )


async def serve() -> None:
    """Serve until the standard input ends; the first line of output is the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Instant, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class Tool(NamedTuple):
    """How one of them is started: its command, run in a folder of its own, with these variables."""

    name: str
    command: list[str]
    variables: dict[str, str]


class Sample(NamedTuple):
    """One run of one tool."""

    wall_seconds: float
    cpu_seconds: float
    answered: int


def write_tiercel(folder: Path, base_url: str, items: int, concurrency: int) -> Tool:
    folder.joinpath("tiercel.toml").write_text(
        f'version = 1\n[storage]\nfolder = "{folder}/data"\n[providers.vllm]\nbase_url = "{base_url}"\n'
        '[models.instant]\nserved_by = { vllm = "instant" }\n'
        "prices = { input_usd_per_million = 1, output_usd_per_million = 2 }\n",
        "utf-8",
    )
    folder.joinpath("eval.yaml").write_text(
        "targets: [instant]\ntests: items.jsonl\n"
        f'defaultTest:\n  assert: [{{type: equals, value: "{ANSWER}"}}]\n',
        "utf-8",
    )
    rows = [json.dumps({"id": f"q{n}", "input": f"Question {n}: what is 2 + 2?"}) for n in range(items)]
    folder.joinpath("items.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    command = [sys.executable, "-m", "tiercel", "eval", "run", "-j", str(concurrency), "--no-cache"]
    return Tool("tiercel", command, {})


def write_promptfoo(folder: Path, base_url: str, items: int, concurrency: int, binary: str) -> Tool:
    config = {
        "prompts": ["{{question}}"],
        "providers": [{"id": "openai:chat:instant", "config": {"apiBaseUrl": base_url, "apiKey": "none"}}],
        "defaultTest": {"assert": [{"type": "equals", "value": ANSWER}]},
        "tests": [{"vars": {"question": f"Question {n}: what is 2 + 2?"}} for n in range(items)],
    }
    folder.joinpath("promptfooconfig.json").write_text(json.dumps(config), "utf-8")
    command = [binary, "eval", "-c", "promptfooconfig.json", "-j", str(concurrency)]
    command += ["--no-cache", "--no-table", "--no-progress-bar", "--no-share"]
    variables = {
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_CONFIG_DIR": str(folder / "home"),
    }
    return Tool("promptfoo", command, variables)


def write_inspect(folder: Path, base_url: str, items: int, concurrency: int, binary: str) -> Tool:
    rows = [
        json.dumps({"id": n, "input": f"Question {n}: what is 2 + 2?", "target": ANSWER})
        for n in range(items)
    ]
    folder.joinpath("items.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    folder.joinpath("sums.py").write_text(
        "from inspect_ai import Task, task\n"
        "from inspect_ai.dataset import json_dataset\n"
        "from inspect_ai.scorer import exact\n\n\n"
        "@task\ndef sums():\n"
        "    return Task(dataset=json_dataset('items.jsonl'), scorer=exact())\n",
        "utf-8",
    )
    command = [binary, "eval", "sums.py", "--model", "openai/instant", "--model-base-url", base_url]
    command += ["-M", "responses_api=false"]
    command += ["--max-connections", str(concurrency), "--max-samples", str(concurrency), "--display", "none"]
    return Tool("inspect", command, {"OPENAI_API_KEY": "none", "INSPECT_LOG_DIR": str(folder / "logs")})


def measure(tool: Tool, folder: Path, port: str) -> Sample:
    """Start it, wait for its end, and count what it took. Raises `SystemExit` where it fails."""
    before, used = counted(port), resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        tool.command, cwd=folder, env={**os.environ, **tool.variables}, capture_output=True, text=True
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(
            f"{tool.name} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return Sample(wall, cpu, counted(port) - before)


def counted(port: str) -> int:
    """How many answers the upstream has given."""
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", int(port))
    connection.request("GET", "/count")
    found = int(connection.getresponse().read())
    connection.close()
    return found


def compare(args: argparse.Namespace, folder: Path, port: str) -> dict[str, list[Sample]]:
    """Every tool in turns, `rounds` times."""
    base_url = f"http://127.0.0.1:{port}/v1"
    how = (base_url, args.items, args.concurrency)
    makers = {
        "tiercel": lambda place: write_tiercel(place, *how),
        "promptfoo": args.promptfoo and (lambda place: write_promptfoo(place, *how, args.promptfoo)),
        "inspect": args.inspect and (lambda place: write_inspect(place, *how, args.inspect)),
    }
    samples: dict[str, list[Sample]] = {}
    for number in range(args.rounds):
        for name, make in makers.items():
            if not make:
                continue
            place = folder / f"{name}-{number}"
            place.mkdir()
            sample = measure(make(place), place, port)
            if sample.answered < args.items:
                raise SystemExit(
                    f"{name} asked {sample.answered} times for {args.items} items: no measurement"
                )
            samples.setdefault(name, []).append(sample)
            print(
                f"{name}: {sample.wall_seconds:.2f} s, {sample.cpu_seconds:.2f} s of processor time",
                flush=True,
            )
    return samples


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--promptfoo", default=shutil.which("promptfoo"), metavar="BIN")
    parser.add_argument("--inspect", default=shutil.which("inspect"), metavar="BIN")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve())
        return 0
    for name in ("promptfoo", "inspect"):
        if not getattr(args, name):
            print(f"{name} is not here: left out; give its executable with --{name}", flush=True)
    command = [sys.executable, __file__, "--serve"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as upstream,
    ):
        assert upstream.stdout is not None
        assert upstream.stdin is not None
        try:
            samples = compare(args, Path(folder), upstream.stdout.readline().strip())
        finally:
            upstream.stdin.close()
    tell(samples, as_json=args.json)
    return 0


def tell(samples: dict[str, list[Sample]], *, as_json: bool) -> None:
    """Medians, and how many times more than ours."""
    medians = {
        name: (
            statistics.median(s.wall_seconds for s in found),
            statistics.median(s.cpu_seconds for s in found),
        )
        for name, found in samples.items()
    }
    wall, cpu = medians["tiercel"]
    rows = {
        name: {"wall_seconds": one, "cpu_seconds": other, "wall_ratio": one / wall, "cpu_ratio": other / cpu}
        for name, (one, other) in medians.items()
    }
    if as_json:
        print(json.dumps(rows))
        return
    for name, row in rows.items():
        print(
            f"{name:10} {row['wall_seconds']:7.2f} s wall ({row['wall_ratio']:.1f} x)"
            f" {row['cpu_seconds']:7.2f} s processor ({row['cpu_ratio']:.1f} x)"
        )


if __name__ == "__main__":
    sys.exit(main())
