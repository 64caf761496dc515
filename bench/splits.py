"""What a split costs, and what its status looks like: `python -m bench.splits`. All models are simulated.

First the processor time of a plan with and without a split, in this process. Then the demo's tasks of text go, as
sessions of four requests, to a gateway whose one rule splits them between two models, and `tiercel split status` is
printed for what was recorded. The lab's models have assumed skills, and its seconds are not a provider's: no figure
says anything about a real model.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from statistics import median

from tiercel.cli.demo_client import DemoClient, in_parallel
from tiercel.cli.main import main as tiercel
from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Plan
from tiercel.domain.policy import Arm, Gate, Policy, Rule, Split
from tiercel.domain.request import Hints, Message, ModelRequest, Text
from tiercel.gateway.app import running
from tiercel.routing.facts import read_facts
from tiercel.routing.plan import make_plan
from tiercel.routing.split import Draw, with_arm
from tiercel.testing.lab.server import Lab
from tiercel.testing.tasks import DemoTask, demo_tasks

ARMS = ("gemini-3.5-flash", "claude-haiku-4-5")
TOP = "claude-opus-4-8"
EACH = 4
"""Requests of a session."""
AT_ONCE = 8
ROUNDS, PLANS = 9, 2_000


def policy(split: Split | None) -> Policy:
    rule = Rule(name="chat", ladder=(ARMS[0], TOP), split=split)
    return Policy(rules=(rule,), gates=(Gate(check="finished", needs_whole=False),), hash="split")


def halves() -> Split:
    arms = tuple(Arm(name=name.partition("-")[0], use=name, share=0.5) for name in ARMS)
    return Split(name="trial", arms=arms)


def microseconds(made: Callable[[], Plan]) -> float:
    """Processor time of one plan: the median of some rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(PLANS):
            made()
        found.append((time.process_time() - began) / PLANS * 1e6)
    return median(found)


def planning(catalog: Catalog) -> tuple[float, float]:
    """Of a rule without a split and of one with two arms."""
    request = ModelRequest(
        format="openai_chat", model="auto", messages=(Message(role="user", parts=(Text(text="Say hello"),)),)
    )
    facts = read_facts(request, Hints(session="s-1"))
    plain, halved = policy(None), policy(halves())

    def along(entries: tuple[str, ...]) -> Plan:
        return make_plan(request, facts, halved, catalog, along=entries)

    return (
        microseconds(lambda: make_plan(request, facts, plain, catalog)),
        microseconds(lambda: with_arm(make_plan(request, facts, halved, catalog), Draw(), along)),
    )


def texts() -> list[DemoTask]:
    """The tasks whose answer is plain text, whoever may be asked."""
    return [
        task
        for task in demo_tasks()
        if not (
            task.calls or task.wants_json or task.attach or task.hints or task.stumbles or task.max_tokens
        )
    ]


async def ask(client: DemoClient, session: int, tasks: tuple[DemoTask, ...]) -> None:
    for task in tasks:
        body = {"model": "auto", "messages": [{"role": "user", "content": task.prompt}]}
        reply = await client.ask(body, {"x-tiercel-session": f"session-{session}"})
        if not reply.answered:
            raise SystemExit(f"{task.name}: {reply.problem}")


async def run(folder: str, sessions: int, seed: int) -> tuple[float, float]:
    """Every session to its end; and what planning costs with this catalog."""
    async with Lab(seed=seed) as lab:
        settings = lab.settings(folder)
        tasks = texts() * (sessions * EACH // len(texts()) + 1)
        async with running(settings, policy(halves()), port=0) as gateway:
            client = DemoClient(gateway.base_url)
            try:
                asked = [(at, tuple(tasks[at * EACH :][:EACH])) for at in range(sessions)]
                await in_parallel(AT_ONCE, lambda one: ask(client, *one), asked)
            finally:
                await client.aclose()
        return planning(settings.catalog)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiercel-split-") as folder:
        plain, halved = asyncio.run(run(folder, args.sessions, args.seed))
        print(f"a plan: {plain:.1f} microseconds of processor time, with a split of two arms {halved:.1f}\n")
        tiercel(["split", "status", "--data", folder])


if __name__ == "__main__":
    main()
