"""`tiercel demo --modes`: what holds, a review, an advisor, a split and a shadow cost beside one model alone.

The same tasks of text are streamed once in each way. Tokens and pace are the lab's, prices the published ones, so that
only ratios mean anything. The lab's reviewer always approves, its advice is short, and the model that answers asks
because the prompt says so: how much better answers become cannot be seen here.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec
from msgspec.structs import replace

from tiercel.cli.demo_client import DemoClient, in_parallel
from tiercel.domain.policy import Advisor, Arm, Gate, Hold, Policy, Review, Rule, Shadow, Split
from tiercel.domain.record import Record, ShadowPair
from tiercel.gateway.app import RunningGateway, running
from tiercel.records.pairs import each_pair
from tiercel.testing.lab.server import Lab
from tiercel.testing.tasks import DemoTask, demo_tasks

FIRST, CHEAP = "claude-sonnet-4-5", "claude-haiku-4-5"
ALONE, ADVISED = "alone", "advisor, asked once"
ASK = "First call ask_advisor. Then:\n"
"""The lab's models call the tools that a prompt names."""
RULE = "modes"
GATES = (Gate(check="finished", needs_whole=False),)
A_DAY_NANO = 100 * 10**9

Say = Callable[..., None]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What one way came to: its records, one for each task, and the pairs where copies were made."""

    records: tuple[Record, ...]
    pairs: tuple[ShadowPair, ...] = ()


async def show_modes(second: str, seed: int, limit: int | None, folder: str, say: Say) -> int:
    """Send the tasks in each way and print what came out; 1 where one was not answered. `second` reviews and
    advises."""
    tasks = texts()[:limit]
    found: dict[str, Way] = {}
    for number, (way, rule) in enumerate(ways(second).items()):
        policy = Policy(rules=(rule,), gates=GATES, hash=RULE)
        found[way] = await _sent(tasks, policy, seed, str(Path(folder) / str(number)), asks=way == ADVISED)
        say(f"{len(tasks)} tasks, {way}")
        if len(found[way].records) < len(tasks):
            say(f"UNEXPECTED: {len(tasks) - len(found[way].records)} of them were not answered")
            return 1
    say(
        "",
        f"Ratios to {FIRST} alone. {second} reviews and advises;",
        f"{CHEAP} is the split's other half, and sees the copies.",
        "",
        *comparison(found),
        "",
        "All of it is SIMULATED, and nothing here says how much better answers become. Your own:",
        "`tiercel report`, `tiercel split status`, `tiercel shadow status`.",
    )
    return 0


def ways(second: str) -> dict[str, Rule]:
    """The ways, each as the only rule."""
    alone = Rule(name=RULE, ladder=(FIRST,))
    arms = (Arm(name="sonnet", use=FIRST, share=0.5), Arm(name="haiku", use=CHEAP, share=0.5))
    return {
        ALONE: alone,
        "hold = first": replace(alone, hold=Hold(mode="first")),
        "hold = all": replace(alone, hold=Hold(mode="all")),
        "review": replace(alone, review=Review(by=second)),
        ADVISED: replace(alone, advisor=Advisor(by=second)),
        "split in halves": replace(alone, split=Split(name=RULE, arms=arms, by="request")),
        "shadow of all": replace(
            alone, shadow=Shadow(candidates=(CHEAP,), share=1.0, day_nano=A_DAY_NANO, at_once=64)
        ),
        second: replace(alone, ladder=(second,)),
    }


def texts() -> list[DemoTask]:
    """The tasks whose answer is plain text, whoever may be asked. Nothing is overloaded or breaks here."""
    return [
        replace(task, faults={})
        for task in demo_tasks()
        if not (
            task.calls or task.wants_json or task.attach or task.hints or task.stumbles or task.max_tokens
        )
    ]


async def _sent(tasks: Sequence[DemoTask], policy: Policy, seed: int, folder: str, *, asks: bool) -> Way:
    """All tasks, one after the other, on a gateway of their own, which waits in its end for copies under way."""
    async with Lab(seed=seed, tasks=tasks) as lab, running(lab.settings(folder), policy) as gateway:
        records = await _records(gateway, [ASK + task.prompt if asks else task.prompt for task in tasks])
    return Way(records=tuple(records), pairs=tuple(each_pair(Path(folder))))


async def _records(gateway: RunningGateway, prompts: Sequence[str]) -> list[Record]:
    client = DemoClient(gateway.base_url)
    records: list[Record] = []

    async def send(prompt: str) -> None:
        message = {"role": "user", "content": prompt}
        reply = await client.ask({"model": "auto", "stream": True, "messages": [message]}, {})
        record = gateway.recorder.find(reply.record_id)
        if record is not None and reply.answered:
            records.append(record)

    try:
        await in_parallel(1, send, prompts)
    finally:
        await client.aclose()
    return records


def comparison(found: Mapping[str, Way]) -> list[str]:
    """A line for each way: dollars (of copies too), median seconds to the first words and to the end, and calls, all of
    one task and the first three as ratios to the first way; then what became of the mode."""
    lines = [f"{'':<24} {'dollars':>8} {'first words':>12} {'the end':>8} {'calls':>6}"]
    figures = {name: _figures(way) for name, way in found.items()}
    alone = figures[ALONE]
    for name, way in found.items():
        usd, first, end = (figure / one for figure, one in zip(figures[name], alone, strict=True))
        calls = sum(len(record.attempts) for record in way.records) / len(way.records)
        line = f"{name:<24} {usd:>8.2f} {first:>12.2f} {end:>8.2f} {calls:>6.2f}  {came_of(way)}"
        lines.append(line.rstrip())
    return lines


def _figures(way: Way) -> tuple[float, float, float]:
    """Nano-dollars of one task, and the median seconds to its first words and to its end."""
    cost_nano = sum(record.cost_nano for record in way.records) + sum(pair.cost_nano for pair in way.pairs)
    first = median([record.ttfa_seconds or 0.0 for record in way.records])
    return cost_nano / len(way.records), first, median([record.seconds for record in way.records])


def came_of(way: Way) -> str:
    """What became of the mode in a few words; nothing where there is nothing to tell."""
    calls = Counter(attempt.why for record in way.records for attempt in record.attempts)
    approved = sum("approved by the reviewer" in (record.message or "") for record in way.records)
    changed = Counter(record.arm for record in way.records)
    told = [
        f"{approved} of {calls['review']} approved" if calls["review"] else "",
        f"{calls['advisor']} asked" if calls["advisor"] else "",
        f"{changed['haiku']} to {CHEAP}" if changed["haiku"] else "",
        f"{len(way.pairs)} copies" if way.pairs else "",
    ]
    return ", ".join(words for words in told if words)
