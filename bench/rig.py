"""The rig: compiled tools, pinned cores, free ports, child processes that end with us."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT.parent / "shared" / "bench"
"""Where the C sources of mock upstream and load generator lie unless told otherwise: beside the checkout."""

SOURCES = ("mock.c", "lg.c", "nginx_proxy.conf")
READY_WITHIN_SECONDS = 30.0
PROBE_EVERY_SECONDS = 0.002


class BenchError(Exception):
    """The benchmark cannot be run, or what it measured would not count. The message says why and what helps."""


class Rig(msgspec.Struct, frozen=True, kw_only=True):
    """What every measurement needs. Servers run on one core, what they talk to on the other."""

    folder: Path
    """For all files of this run; removed after it."""
    mock: Path
    load: Path
    nginx_conf: str
    nginx: str | None
    """The program, or `None` where nginx is not installed."""
    server_core: int
    load_core: int


def set_up(tools: Path, folder: Path) -> Rig:
    """Compile the tools into `folder`, and pin this process. Raises `BenchError`."""
    if not sys.platform.startswith("linux"):
        raise BenchError("this benchmark reads /proc and pins cores, so it needs Linux")
    missing = [name for name in SOURCES if not (tools / name).is_file()]
    if missing:
        raise BenchError(
            f"{', '.join(missing)} not found in {tools}: the sources of the mock upstream and the load generator "
            "are not part of this repository; name their folder with --tools"
        )
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError("no C compiler (cc) is installed; the mock upstream and the load generator need one")
    for name in ("mock", "lg"):
        compile_tool(compiler, tools / f"{name}.c", folder / name)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    return Rig(
        folder=folder,
        mock=folder / "mock",
        load=folder / "lg",
        nginx_conf=(tools / "nginx_proxy.conf").read_text("utf-8"),
        nginx=shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"),
        server_core=cores[0],
        load_core=cores[-1],
    )


def compile_tool(compiler: str, source: Path, target: Path) -> None:
    done = subprocess.run(
        [compiler, "-O2", "-w", "-o", str(target), str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"{compiler} could not compile {source}:\n{done.stderr}")


@contextmanager
def process(
    command: Sequence[str], core: int, *, folder: Path, log: Path | None = None, controlled: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A child on that core, stopped at the end: asked first, killed after five seconds.

    With `controlled` its standard input and output are pipes, line by line.
    """
    with (log or Path(os.devnull)).open("a") as errors:
        child = subprocess.Popen(
            command,
            cwd=folder,
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE if controlled else subprocess.DEVNULL,
            stdout=subprocess.PIPE if controlled else errors,
            stderr=errors,
            env=child_environment(),
            preexec_fn=pinning(core),
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(5.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def run_load(command: Sequence[str], core: int) -> str:
    """Run a load program to its end on that core; what it printed. Raises `BenchError` when it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=child_environment(),
        preexec_fn=pinning(core),
    )
    if done.returncode:
        raise BenchError(f"{command[0]} failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
    return done.stdout


def pinning(core: int) -> Callable[[], None]:
    """What a child has to do before it runs, so that all its threads stay on that core."""
    return lambda: os.sched_setaffinity(0, {core})


def child_environment() -> dict[str, str]:
    """Ours without proxies, which must not come between the parts, and with this repository to import from."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), str(ROOT)]))
    return kept


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def seconds_until_ready(child: subprocess.Popen[str], port: int, since: float) -> float:
    """From `since` (by `time.perf_counter`) to the first 200 of /readyz. Raises `BenchError`."""
    while time.perf_counter() - since < READY_WITHIN_SECONDS:
        if child.poll() is not None:
            raise BenchError(f"{child.args!r} ended with {child.returncode} before it was ready")
        if answers(port):
            return time.perf_counter() - since
        time.sleep(PROBE_EVERY_SECONDS)
    raise BenchError(f"{child.args!r} was not ready within {READY_WITHIN_SECONDS:g} seconds")


def answers(port: int) -> bool:
    """Whether /readyz on this port gives a 200."""
    request = f"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            connection.sendall(request.encode("ascii"))
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
