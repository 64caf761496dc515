"""An agent's session with each kind of stickiness: what `tiercel demo --modes` and `python -m bench.sessions` compare.

It asks for short answers, and now and then for a long one, over a prompt that grows with each turn. Two simulated
models stand in the one stage: one is cheaper for short answers, the other for long ones. Each charges a tenth for what
it was sent before, as providers do for cached prompts. The prices are assumed.
"""

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec

from tiercel.cli.demo_client import DemoClient
from tiercel.domain.catalog import Capabilities, Catalog, Deployment, Model, Prices
from tiercel.domain.json import JsonObject
from tiercel.domain.money import usd_from_nano
from tiercel.domain.policy import Gate, Policy, Rule, Sticky, Tier
from tiercel.domain.record import Record
from tiercel.domain.settings import Listener, Settings, Storage
from tiercel.gateway.app import running
from tiercel.testing.caching import CachingProvider

STICKIES: tuple[Sticky, ...] = ("tool_loop", "cache", "session")
FEW_TOKENS, MANY_TOKENS = 20, 2_000
SHORT = Prices(input=300_000_000, cached_input=30_000_000, output=4_000_000_000)
LONG = Prices(input=360_000_000, cached_input=36_000_000, output=2_400_000_000)


class Asks(msgspec.Struct, frozen=True):
    """What a session asks: so many turns after a first prompt of so many words, every so many a long answer."""

    turns: int
    words: int
    long_every: int


class HeldSession(msgspec.Struct, frozen=True):
    """What a session came to: dollars, how often its model changed, and how many tokens came from caches."""

    usd: Decimal
    changes: int
    cached_tokens: int


async def held_session(sticky: Sticky, asks: Asks, folder: Path) -> HeldSession:
    """One session through a gateway of its own, whose records go into `folder`."""
    async with CachingProvider("short") as short, CachingProvider("long") as long:
        deployments = (_deployment_of(short, SHORT), _deployment_of(long, LONG))
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
        async with running(settings, policy, port=0) as gateway:
            client = DemoClient(gateway.base_url)
            try:
                records = [gateway.recorder.find(name) for name in await _asked(client, asks)]
            finally:
                await client.aclose()
    return _came_to([record for record in records if record is not None])


async def _asked(client: DemoClient, asks: Asks) -> list[str]:
    """The ids of the records, one for each turn. Raises `RuntimeError` where a turn was not answered."""
    messages: list[JsonObject] = [{"role": "system", "content": "word " * asks.words}]
    records = []
    for turn in range(asks.turns):
        messages.append({"role": "user", "content": f"turn {turn}: " + "line " * 400})
        short = (turn + 1) % asks.long_every > 0
        reply = await client.ask(
            {"model": "auto", "messages": [*messages], "max_tokens": FEW_TOKENS if short else MANY_TOKENS},
            {
                "x-tiercel-session": "one",
                "x-tiercel-task": "classification" if short else "long_writing",
            },
        )
        if not reply.answered:
            raise RuntimeError(f"turn {turn} was not answered: {reply.problem}")
        records.append(reply.record_id)
        messages.append({"role": "assistant", "content": reply.text})
    return records


def session_lines(asks: Asks, held: Mapping[Sticky, HeldSession]) -> list[str]:
    """A line for each kind of stickiness, dollars as a ratio to the first."""
    lines = [
        f"A session of {asks.turns} turns over {asks.words:,} words, every {asks.long_every}th answer a long one, two",
        "models on one stage; ratio to a session that is kept together in tool loops only",
        "",
        f"{'':<27} {'dollars':>8} {'changes':>12} {'tokens from caches':>19}",
    ]
    usual = next(iter(held.values())).usd
    lines += [
        f"{'sticky = ' + sticky:<27} {one.usd / usual:>8.2f} {one.changes:>12} {one.cached_tokens:>19,}"
        for sticky, one in held.items()
    ]
    return lines


def _deployment_of(provider: CachingProvider, prices: Prices) -> Deployment:
    model = Model(name=provider.name, capabilities=Capabilities(window=200_000), prices=prices)
    return Deployment(
        name=provider.name, model=model, provider=provider.provider(), upstream_name=provider.name
    )


def _came_to(records: list[Record]) -> HeldSession:
    who = [record.answer.deployment if record.answer else "" for record in records]
    return HeldSession(
        usd=usd_from_nano(sum(record.cost_nano for record in records)),
        changes=sum(one != other for one, other in pairwise(who)),
        cached_tokens=sum(
            a.usage.cached for record in records for a in record.attempts if a.usage is not None
        ),
    )
