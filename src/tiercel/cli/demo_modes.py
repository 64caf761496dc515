"""`tiercel demo --modes`: what each way of using two models, and of holding a stream, costs beside one model alone.

The same tasks are streamed once in each way. Tokens and pace are the lab's, prices the published ones, so that only
ratios mean anything. The lab's reviewer always approves, its advice is short, and the model that answers asks because
the prompt says so: how much better answers become cannot be seen here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec
from msgspec.structs import replace

from tiercel.cli.demo_client import DemoClient, in_parallel
from tiercel.cli.demo_sessions import STICKIES, Asks, held_session, session_lines
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Advisor, Arm, Gate, Hold, HoldMode, Policy, Review, Rule, Shadow, Split
from tiercel.domain.record import Record, ShadowPair
from tiercel.gateway.app import RunningGateway, running
from tiercel.records.pairs import each_pair
from tiercel.testing.lab.server import Lab
from tiercel.testing.rows import ROWS
from tiercel.testing.tasks import DemoTask, demo_tasks

FIRST, CHEAP = "claude-sonnet-4-5", "claude-haiku-4-5"
ALONE, ADVISED = "alone", "advisor, asked once"
ASK = "First call ask_advisor. Then:\n"
"""The lab's models call the tools that a prompt names."""
RULE = "modes"
FINISHED = Gate(check="finished", needs_whole=False)
VALID = Gate(check="json_schema", applies="json", reads_json=True)
A_DAY_NANO = 100 * 10**9
HOLDS: tuple[HoldMode, ...] = ("none", "first", "incremental", "all")
SESSION = Asks(turns=12, words=32_000, long_every=12)

Say = Callable[..., None]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks that are sent in several ways, each the only rule of a policy; the first is what the others are measured
    by. `about` says what is compared."""

    about: str
    tasks: tuple[DemoTask, ...]
    ways: dict[str, Rule]
    gates: tuple[Gate, ...] = (FINISHED,)


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What one way came to: its records, one for each task, and the pairs where copies were made."""

    records: tuple[Record, ...]
    pairs: tuple[ShadowPair, ...] = ()


async def show_modes(second: str, seed: int, limit: int | None, folder: str, say: Say) -> int:
    """Send the tasks in each way and print what came out; 1 where one was not answered. `second` reviews and
    advises."""
    tables: list[str] = []
    for place, compared in enumerate(comparisons(second)):
        tasks = compared.tasks[:limit]
        found: dict[str, Way] = {}
        for number, (way, rule) in enumerate(compared.ways.items()):
            policy = Policy(rules=(rule,), gates=compared.gates, hash=RULE)
            found[way] = await _sent(
                tasks, policy, seed, str(Path(folder) / f"{place}-{number}"), asks=way == ADVISED
            )
            say(f"{len(tasks)} {'task' if len(tasks) == 1 else 'tasks'}, {way}")
            if len(found[way].records) < len(tasks):
                say(f"UNEXPECTED: {len(tasks) - len(found[way].records)} of them were not answered")
                return 1
        tables += ["", f"{compared.about} (n = {len(tasks)})", "", *comparison(found)]
    held = {sticky: await held_session(sticky, SESSION, Path(folder) / sticky) for sticky in STICKIES}
    say(*tables, "", *session_lines(SESSION, held))
    say(
        "",
        "All of it is SIMULATED, and nothing here says how much better answers become. Your own:",
        "`tiercel report`, `tiercel report --checks`, `tiercel split status`, `tiercel shadow status`.",
    )
    return 0


def comparisons(second: str) -> Iterator[Comparison]:
    """What is compared: every mode on all tasks of text, reviews where they are worth their price, holds on JSON."""
    yield Comparison(
        about=f"Tasks of text, ratios to {FIRST} alone. {second} reviews and advises;\n"
        f"{CHEAP} is the split's other half, and sees the copies",
        tasks=texts(),
        ways=ways(second),
    )
    draft = Rule(name=RULE, ladder=(CHEAP,))
    yield Comparison(
        about=f"Long texts, ratios to {FIRST} alone. A cheap draft that {second} approves",
        tasks=long_texts(),
        ways={
            ALONE: Rule(name=RULE, ladder=(FIRST,)),
            f"{CHEAP}, reviewed": replace(draft, review=Review(by=second)),
            second: replace(draft, ladder=(second,)),
        },
    )
    yield Comparison(
        about=f"A long list as strict JSON by {FIRST}, ratios to the hold none, under which the client gets the\n"
        "code fence too",
        tasks=(ROWS,),
        ways={f"hold = {mode}": Rule(name=RULE, ladder=(FIRST,), hold=Hold(mode=mode)) for mode in HOLDS},
        gates=(FINISHED, VALID),
    )


def ways(second: str) -> dict[str, Rule]:
    """The ways to send a task of text, each as the only rule."""
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


def texts() -> tuple[DemoTask, ...]:
    """The tasks whose answer is plain text, whoever may be asked. Nothing is overloaded or breaks here."""
    return tuple(
        replace(task, faults={})
        for task in demo_tasks()
        if not (
            task.calls or task.wants_json or task.attach or task.hints or task.stumbles or task.max_tokens
        )
    )


def long_texts() -> tuple[DemoTask, ...]:
    """The tasks of long writing, with nothing in their way."""
    return tuple(
        replace(task, difficulty=0.0, faults={}, stumbles={}, hints={}, max_tokens=None)
        for task in demo_tasks()
        if task.kind == "long_writing"
    )


async def _sent(tasks: Sequence[DemoTask], policy: Policy, seed: int, folder: str, *, asks: bool) -> Way:
    """All tasks, one after the other, on a gateway of their own, which waits in its end for copies under way."""
    async with Lab(seed=seed, tasks=tasks) as lab, running(lab.settings(folder), policy) as gateway:
        records = await _records(gateway, [_body(task, asks=asks) for task in tasks])
    return Way(records=tuple(records), pairs=tuple(each_pair(Path(folder))))


def _body(task: DemoTask, *, asks: bool) -> JsonObject:
    prompt = ASK + task.prompt if asks else task.prompt
    return replace(task, prompt=prompt, stream=True).body()


async def _records(gateway: RunningGateway, bodies: Sequence[JsonObject]) -> list[Record]:
    client = DemoClient(gateway.base_url)
    records: list[Record] = []

    async def send(body: JsonObject) -> None:
        reply = await client.ask(body, {})
        record = gateway.recorder.find(reply.record_id)
        if record is not None and reply.answered:
            records.append(record)

    try:
        await in_parallel(1, send, bodies)
    finally:
        await client.aclose()
    return records


def comparison(found: Mapping[str, Way]) -> list[str]:
    """A line for each way: dollars (of copies too), median seconds to the first words and to the end, and calls, all of
    one task and the first three as ratios to the first way; then what became of the mode."""
    lines = [f"{'':<27} {'dollars':>8} {'first words':>12} {'the end':>8} {'calls':>6}"]
    figures = {name: _figures(way) for name, way in found.items()}
    alone = next(iter(figures.values()))
    for name, way in found.items():
        usd, first, end = (figure / one for figure, one in zip(figures[name], alone, strict=True))
        calls = sum(len(record.attempts) for record in way.records) / len(way.records)
        line = f"{name:<27} {usd:>8.2f} {first:>12.2f} {end:>8.2f} {calls:>6.2f}  {came_of(way)}"
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
