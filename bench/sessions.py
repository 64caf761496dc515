"""What sessions cost and save: `python -m bench.sessions`. Three things:

1. The processor time that looking for a stall adds to a request, by how many turns of tools its task has had.
2. The memory of a session that is remembered.
3. Dollars: one agent's session through a real gateway, with each kind of stickiness, as `tiercel demo --modes` has it
   (cli/demo_sessions.py), for prompts of several lengths.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import tracemalloc
from pathlib import Path

from tiercel.cli.demo_sessions import STICKIES, Asks, held_session
from tiercel.domain.climb import Plan
from tiercel.domain.facts import Facts
from tiercel.domain.keys import AccessKey
from tiercel.domain.policy import Stall
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.request import Message, Text, ToolCall, ToolResult
from tiercel.domain.response import Usage
from tiercel.engine.sessions import Sessions
from tiercel.routing.stall import stalled

LOOPS = (1, 10, 50, 200)
RUNS = 200
SESSIONS = 5_000
RESULT = "def parse(line):\n    return line.strip().split(',')\n" * 20


def loop_of(turns: int) -> tuple[Message, ...]:
    """A task in which a tool was called so many times, each time with something new."""
    messages = [Message(role="user", parts=(Text(text="Find out why the parser drops the last line."),))]
    for turn in range(turns):
        call = ToolCall(id=f"c{turn}", name="read", arguments=f'{{"path": "src/{turn}.py"}}')
        result = ToolResult(call_id=call.id, parts=(Text(text=f"{turn}: {RESULT}"),))
        messages += [Message(role="assistant", parts=(call,)), Message(role="tool", parts=(result,))]
    return tuple(messages)


def stall_microseconds(turns: int) -> float:
    """The median time in which a task of so many turns is found not to have stalled."""
    messages, stall = loop_of(turns), Stall()
    times = []
    for _ in range(RUNS):
        began = time.process_time_ns()
        stalled(messages, stall)
        times.append((time.process_time_ns() - began) / 1e3)
    return statistics.median(times)


def no_session_microseconds() -> float:
    """What requests pay whose rules know no sessions."""
    known, facts, key = Sessions(time.monotonic), Facts(session="one"), AccessKey(id="key")
    began = time.process_time_ns()
    for _ in range(SESSIONS):
        known.of(key, facts)
    return (time.process_time_ns() - began) / 1e3 / SESSIONS


def session_bytes() -> float:
    """What one session takes, of which the caches of two deployments are known."""
    known = Sessions(time.monotonic)
    attempts = tuple(
        AttemptRecord(
            number=number,
            why="first",
            rung=name,
            deployment=name,
            provider="lab",
            model=name,
            usage=Usage(cached=40_000),
        )
        for number, name in enumerate(("short", "long"), start=1)
    )
    record = Record(id="r", started_at=0.0, seconds=1.0, outcome="passed", attempts=attempts, delivered=1)
    tracemalloc.start()
    for number in range(SESSIONS):
        facts = Facts(session=f"session-{number}")
        plan = Plan(facts=facts, rule="any", stages=("fast",), rungs=(), sticky="cache")
        known.note(AccessKey(id="key"), plan, record)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / SESSIONS


async def compare(asks: Asks) -> None:
    print(f"\n{asks.turns} turns over {asks.words:,} words, every {asks.long_every}. answer a long one:")
    usual = None
    for sticky in STICKIES:
        with tempfile.TemporaryDirectory() as folder:
            held = await held_session(sticky, asks, Path(folder))
        usual = usual or held.usd
        print(
            f"  {sticky:<10} ${held.usd:.4f} ({held.usd / usual:.2f} of the first), {held.changes} changes of model, "
            f"{held.cached_tokens:,} tokens cached"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sessions", description=__doc__)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--prompts", type=int, nargs="+", default=[1_000, 8_000, 32_000], metavar="WORDS")
    parser.add_argument("--long-every", type=int, nargs="+", default=[2, 12], metavar="TURNS")
    args = parser.parse_args()
    print(f"looking for a stall, processor time, median of {RUNS}:")
    for turns in LOOPS:
        print(f"  {turns:>4} turns of tools  {stall_microseconds(turns):7.1f} µs")
    print(f"where no rule remembers sessions: {no_session_microseconds():.2f} µs a request")
    print(f"a session that is remembered: {session_bytes():.0f} bytes (n = {SESSIONS:,})")
    for words in args.prompts:
        for long_every in args.long_every:
            asyncio.run(compare(Asks(args.turns, words, long_every)))


if __name__ == "__main__":
    main()
