"""What is sent, and what came of it: the load generator's own words, and the paced reader's."""

import sys

import msgspec

from bench.rig import BenchError, Rig, run_load

MODEL = "auto"


class Quantiles(msgspec.Struct, frozen=True, kw_only=True):
    """In microseconds."""

    n: int
    p50: float
    p99: float


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What the load generator saw. `chunks` are the events of all streams."""

    ok: int
    err: int
    last_status: int
    unfinished: int
    rps: float
    lat_us: Quantiles
    chunks: int = 0
    nodone: int = 0
    err_body: str = ""


class Paced(msgspec.Struct, frozen=True, kw_only=True):
    """What the paced reader saw. `stall_free` counts streams whose largest gap stayed under three paces."""

    streams: int
    finished: int
    chunks: int
    stall_free: int
    largest_gap_seconds: float


def send(rig: Rig, port: int, *options: str) -> Loaded:
    """Run the load generator against this port. Raises `BenchError` unless every request was answered."""
    command = [str(rig.load), "--port", str(port), "--model", MODEL, *options]
    loaded = msgspec.json.decode(run_load(command, rig.load_core), type=Loaded)
    bad = loaded.err + loaded.unfinished + loaded.nodone
    if bad or not loaded.ok:
        raise BenchError(
            f"{bad} of {loaded.ok + loaded.err + loaded.unfinished} requests were not answered as they should be "
            f"(last status {loaded.last_status}): {loaded.err_body or 'no body'}; what was measured does not count"
        )
    return loaded


def read_paced(
    rig: Rig, port: int, *, key: str, streams: int, tokens_per_second: int, seconds: float
) -> Paced:
    """Read so many streams at once at that pace. Raises `BenchError` unless all came to their end."""
    command = [sys.executable, "-m", "bench.paced", "--port", str(port), "--streams", str(streams)]
    command += ["--auth", key]
    command += ["--tokens-per-second", str(tokens_per_second), "--seconds", str(seconds)]
    paced = msgspec.json.decode(run_load(command, rig.load_core), type=Paced)
    if paced.finished < paced.streams:
        raise BenchError(f"{paced.streams - paced.finished} of {paced.streams} paced streams broke")
    return paced
