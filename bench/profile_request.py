"""For maintainers: `python bench/profile_request.py` shows where the time of a request goes.

A gateway in this process, under cProfile, serves so many requests from the load generator; functions are sorted by
their own time. The profiler makes every call dearer, so read it for proportions and call counts, never for times.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, from anywhere

from bench.load import MODEL
from bench.rig import TOOLS, BenchError, Rig, pinning, set_up
from bench.subjects import mock_upstream, own_folder
from tiercel.cli.serve import run_async
from tiercel.gateway.app import running
from tiercel.policy import load_policy, load_settings

WARM_UP = 500
CONNECTIONS = "16"


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000, help="how many (default: %(default)s)")
    parser.add_argument(
        "--stream", action="store_true", help="streams of 100 chunks instead of whole answers"
    )
    parser.add_argument(
        "--lines", type=int, default=45, help="how many functions to show (default: %(default)s)"
    )
    parser.add_argument(
        "--sort", default="tottime", choices=("tottime", "cumtime", "ncalls"), help="default: %(default)s"
    )
    parser.add_argument("--callers", metavar="NAME", help="who calls functions of this name (a pattern)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the profile, for other viewers")
    parser.add_argument(
        "--tools", type=Path, default=TOOLS, metavar="DIR", help="where mock.c, lg.c and nginx_proxy.conf are"
    )
    return parser


async def profile(rig: Rig, folder: Path, profiler: cProfile.Profile, args: argparse.Namespace) -> None:
    """Serve the requests; only those after the warm-up are profiled."""
    settings = load_settings(folder / "tiercel.toml", os.environ)
    async with running(settings, load_policy(folder / "policy.toml"), port=0) as gateway:
        await asyncio.to_thread(gateway.recorder.pause_ingest)
        port = gateway.base_url.rpartition(":")[2]
        options = ["--stream"] if args.stream else []
        await send(rig, port, WARM_UP, options)
        profiler.enable()
        try:
            await send(rig, port, args.requests, options)
        finally:
            profiler.disable()


async def send(rig: Rig, port: str, requests: int, options: list[str]) -> None:
    """Run the load generator beside this event loop."""
    command = [str(rig.load), "--port", port, "--model", MODEL, "--conns", CONNECTIONS]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--requests", str(requests), *options),
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=pinning(rig.load_core),
    )
    output, _ = await process.communicate()
    print(output.decode().strip()[:200], file=sys.stderr)


def main() -> int:
    args = parser().parse_args()
    profiler = cProfile.Profile()
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as name:
        try:
            rig = set_up(args.tools, Path(name))
        except BenchError as error:
            print(f"profile_request: {error}", file=sys.stderr)
            return 2
        with mock_upstream(rig) as upstream, own_folder(rig, upstream.port) as folder:
            os.sched_setaffinity(0, {rig.server_core})
            run_async(profile(rig, folder, profiler, args))
    statistics = pstats.Stats(profiler)
    if args.save is not None:
        statistics.dump_stats(args.save)
    statistics.sort_stats(args.sort)
    if args.callers:
        statistics.print_callers(args.callers)
    else:
        statistics.print_stats(args.lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
