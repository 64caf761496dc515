"""The benchmark: `python bench/compare.py` prints what Tiercel costs, beside nginx as a plain reverse proxy.

docs/benchmarks.md says what each figure means and how it is taken.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, from anywhere

import msgspec

from bench.figures import as_facts, table
from bench.machine import describe
from bench.memory import REQUESTS, measure_memory, memory_json, memory_table
from bench.rig import TOOLS, BenchError, Rig, set_up
from bench.rounds import QUICK, Loads, measure


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=positive, default=3, help="how often everything is measured")
    parser.add_argument(
        "--quick", action="store_true", help="shorter loads: a first impression, not a result"
    )
    parser.add_argument(
        "--keys",
        action="store_true",
        help="beside them, a gateway that asks for a key and counts every limit and budget",
    )
    parser.add_argument(
        "--connections",
        type=positive,
        default=Loads().connections,
        metavar="N",
        help="how many ask as fast as they are answered; fewer on a busy machine",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to this file")
    parser.add_argument(
        "--tools", type=Path, default=TOOLS, metavar="DIR", help="where mock.c, lg.c and nginx_proxy.conf are"
    )
    parser.add_argument(
        "--memory", action="store_true", help="instead, the growth of memory over many mixed requests"
    )
    parser.add_argument(
        "--requests", type=positive, default=REQUESTS, metavar="N", help="with --memory: how many"
    )
    return parser


def positive(text: str) -> int:
    """A number of things. Raises `argparse.ArgumentTypeError`."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    args = parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as folder:
        try:
            rig = set_up(args.tools, Path(folder))
            facts = describe(rig)
            print(as_facts(facts), end="\n\n", flush=True)
            figures = memory(rig, args) if args.memory else speed(rig, args)
        except BenchError as error:
            say(f"compare: {error}")
            return 2
        except KeyboardInterrupt:
            say("compare: stopped")
            return 130
    if args.json is not None:
        document = msgspec.json.encode({"machine": facts, **figures})
        args.json.write_bytes(msgspec.json.format(document) + b"\n")
    return 0


def speed(rig: Rig, args: argparse.Namespace) -> dict[str, object]:
    """Measure everything and print it."""
    usual = QUICK if args.quick else Loads()
    loads = msgspec.structs.replace(usual, connections=args.connections)
    if rig.nginx is None:
        say("nginx is not installed: its columns are missing, and so is what compares with it")
    results = measure(rig, loads, args.rounds, say, keyed=args.keys)
    print(table(results))
    print(
        f"\nMedians of {args.rounds} interleaved rounds (lowest–highest), of latency by turns; 1 MB is 1,000,000 bytes."
    )
    return {"loads": loads, "figures": results.as_json()}


def memory(rig: Rig, args: argparse.Namespace) -> dict[str, object]:
    """Measure the growth of memory and print it."""
    points = measure_memory(rig, args.requests, say)
    print(memory_table(points))
    return {"memory": memory_json(points)}


if __name__ == "__main__":
    sys.exit(main())
