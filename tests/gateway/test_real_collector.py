"""The same telemetry, taken by a collector that others wrote: rotel, a program of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.gateway.test_telemetry import CALLER, MARKED, TRACE, ask, traced
from tiercel.domain.settings import Telemetry
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

rotel = pytest.importorskip(
    "rotel", reason="no collector here: pip install rotel (it is made for Linux and macOS)"
)
LAST = b"tiercel.telemetry.spans.dropped"
"""The metric that is sent last."""


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """Where it listens, and what it says of everything that it takes."""
    http, grpc = (f"127.0.0.1:{free_port()}" for _ in range(2))
    program = Path(rotel.__file__).parent / "rotel-agent"
    program.chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        program, "start", "--exporter", "blackhole", "--debug-log", "traces", "--debug-log", "metrics",
        "--debug-log-verbosity", "detailed", "--otlp-http-endpoint", http, "--otlp-grpc-endpoint", grpc,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        await asyncio.wait_for(_listening(http), 20)
        yield f"http://{http}", process.stdout
    finally:
        process.kill()
        await process.wait()


async def _listening(address: str) -> None:
    host, _, port = address.partition(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def told(output: asyncio.StreamReader) -> str:
    """What the collector says, up to what is sent last."""
    said = b""
    while LAST not in said:
        piece = await asyncio.wait_for(output.read(65_536), 20)
        assert piece, said.decode()
        said += piece
    return said.decode()


async def test_a_collector_of_others_takes_all_of_it(tmp_path: Path) -> None:
    """It names our spans in the client's trace, our attributes and our metrics, and rejects nothing."""
    async with (
        collector() as (endpoint, output),
        ScriptedProvider(Fails(status=401)) as cheap,
        ScriptedProvider(Says(text=MARKED)) as dear,
    ):
        telemetry = Telemetry(otlp_endpoint=endpoint, service_name="our-gateway")
        async with traced(tmp_path, telemetry, cheap.deployment("cheap"), dear.deployment("dear")) as home:
            await ask(home, traceparent=f"00-{TRACE}-{CALLER}-01")
            exporter = home.gateway.runtime.exporter
        said = await told(output)
    assert exporter is not None
    assert (exporter.sent_spans, exporter.dropped_spans) == (3, 0)
    assert said.count(f"Trace ID       : {TRACE}") == 3
    assert said.count(f"Parent ID      : {CALLER}") == 1
    for words in (
        "service.name: Str(our-gateway)",
        "Name           : chat auto",
        "gen_ai.response.finish_reasons: Slice(Str(stop))",
        "error.type: Str(auth)",
        "Name: gen_ai.client.token.usage",
    ):
        assert words in said
    assert MARKED not in said
