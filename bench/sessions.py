"""What sessions cost and save: `python -m bench.sessions`. Three things:

1. The processor time that looking for a stall adds to a request, by how many turns of tools its task has had.
2. The memory of a session that is remembered.
3. Dollars: one agent's session through a real gateway, with each kind of stickiness. It asks for short answers, and now
   and then for a long one, over a prompt that grows with each turn. Two simulated models stand in the one stage: one is
   cheaper for short answers, the other for long ones. Each keeps prompts as a provider's cache does: what it was sent
   before, from the beginning on, it charges at a tenth. The prices are assumed.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import httpx2
import msgspec

from tiercel.domain.catalog import Capabilities, Catalog, Deployment, Model, Prices
from tiercel.domain.climb import Plan
from tiercel.domain.facts import Facts
from tiercel.domain.keys import AccessKey
from tiercel.domain.policy import Gate, Policy, Rule, Stall, Sticky, Tier
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.request import Message, Text, ToolCall, ToolResult
from tiercel.domain.response import Usage
from tiercel.domain.settings import Listener, Settings, Storage
from tiercel.domain.tokens import estimate_tokens
from tiercel.engine.sessions import Sessions
from tiercel.gateway.app import running
from tiercel.routing.stall import stalled
from tiercel.testing.delivery import Delivery
from tiercel.testing.loopback import SeenRequest
from tiercel.testing.replies import Said, delivery_of
from tiercel.testing.scripted import ScriptedProvider

LOOPS = (1, 10, 50, 200)
RUNS = 200
SESSIONS = 5_000
RESULT = "def parse(line):\n    return line.strip().split(',')\n" * 20
MOST_TOKENS = 2_000
STICKIES: tuple[Sticky, ...] = ("tool_loop", "cache", "session")
SHORT = Prices(input=300_000_000, cached_input=30_000_000, output=4_000_000_000)
LONG = Prices(input=360_000_000, cached_input=36_000_000, output=2_400_000_000)


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


class CachingProvider(ScriptedProvider):
    """Answers with as many tokens as it is asked for, and charges less for what it was sent before."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self._known: set[bytes] = set()

    async def _handle(self, seen: SeenRequest) -> Delivery | bytes:
        request = seen.json
        messages = request["messages"]
        assert isinstance(messages, list)
        total = cached = 0
        for place, message in enumerate(messages, start=1):
            total += estimate_tokens(message["content"])
            prefix = msgspec.json.encode(messages[:place])
            cached = total if prefix in self._known else cached
            self._known.add(prefix)
        asked = request.get("max_tokens") or request.get("max_completion_tokens")
        assert isinstance(asked, int)
        said = Said(text="done", input_tokens=total, cached_tokens=cached, output_tokens=asked)
        return delivery_of(said, "openai_chat", request)


class Asks(msgspec.Struct, frozen=True):
    """What a session asks: so many turns after a first prompt of so many words, every so many a long answer."""

    turns: int
    words: int
    long_every: int


def deployment_of(provider: CachingProvider, prices: Prices) -> Deployment:
    model = Model(name=provider.name, capabilities=Capabilities(window=200_000), prices=prices)
    return Deployment(
        name=provider.name, model=model, provider=provider.provider(), upstream_name=provider.name
    )


async def session_usd(sticky: Sticky, asks: Asks, folder: Path) -> tuple[float, int, int]:
    """What a session costs in dollars, how often its model changed, and how many tokens came from caches."""
    async with CachingProvider("short") as short, CachingProvider("long") as long:
        deployments = (deployment_of(short, SHORT), deployment_of(long, LONG))
        settings = Settings(
            listener=Listener(port=0),
            storage=Storage(folder=str(folder)),
            catalog=Catalog(
                providers={d.provider.name: d.provider for d in deployments},
                models={d.model.name: d.model for d in deployments},
                deployments={d.name: d for d in deployments},
            ),
        )
        policy = Policy(
            tiers={"fast": Tier(name="fast", members=("short", "long"))},
            rules=(Rule(name="any", ladder=("fast",), sticky=sticky),),
            gates=(Gate(check="finished", needs_whole=False),),
        )
        async with running(settings, policy, port=0) as gateway, httpx2.AsyncClient() as client:
            messages = [{"role": "system", "content": "word " * asks.words}]
            records = []
            for turn in range(asks.turns):
                messages.append({"role": "user", "content": f"turn {turn}: " + "line " * 400})
                short_answer = (turn + 1) % asks.long_every > 0
                answer = await client.post(
                    f"{gateway.base_url}/v1/chat/completions",
                    json={
                        "model": "auto",
                        "messages": messages,
                        "max_tokens": 20 if short_answer else MOST_TOKENS,
                    },
                    headers={
                        "x-tiercel-session": "one",
                        "x-tiercel-task": "classification" if short_answer else "long_writing",
                    },
                )
                answer.raise_for_status()
                record = gateway.recorder.find(answer.headers["x-tiercel-record"])
                assert record is not None
                records.append(record)
                messages.append({"role": "assistant", "content": "done"})
    who = [record.answer.deployment if record.answer else "" for record in records]
    changes = sum(one != other for one, other in pairwise(who))
    cached = sum(a.usage.cached for record in records for a in record.attempts if a.usage is not None)
    return sum(record.cost_nano for record in records) / 1e9, changes, cached


async def compare(asks: Asks) -> None:
    print(f"\n{asks.turns} turns over {asks.words:,} words, every {asks.long_every}. answer a long one:")
    usual = None
    for sticky in STICKIES:
        with tempfile.TemporaryDirectory() as folder:
            usd, changes, cached = await session_usd(sticky, asks, Path(folder))
        usual = usual or usd
        share = f"{usd / usual:.2f} of the first"
        print(f"  {sticky:<10} ${usd:.4f} ({share}), {changes} changes of model, {cached:,} tokens cached")


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
