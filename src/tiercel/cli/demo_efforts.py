"""`tiercel demo --efforts`: what low and high effort of one simulated model cost, and what a mix of both saves.

The same tasks are sent three times: all at high effort, all at low, and low first, where those that the gateway finds
hard begin at high and those whose checks miss go up to it. Skills, and what effort adds to them, are assumptions.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace
from rich.console import Console

from tiercel.cli.demo_client import DemoClient
from tiercel.cli.demo_tasks import Outcome, send_tasks
from tiercel.cli.report import render
from tiercel.domain.policy import Policy
from tiercel.gateway.app import running
from tiercel.measure.amounts import money, percent
from tiercel.measure.quantile import quantile
from tiercel.measure.report import summarise
from tiercel.policy import read_policy
from tiercel.testing.lab.server import Lab
from tiercel.testing.tasks import DemoTask, demo_tasks

HIGH_SHARE = 0.2
"""How much of the mix by lot is at high effort."""
POLICY = """\
version = 1

[defaults]
gates = ["finished", "json_schema", "program"]

[gates.json_schema]
re_ask = 0

[gates.program]
check = "code"
options = {{ only_with_tests = true }}

[tiers]

[[rules]]
name = "hard"
when = {{ complexity = "hard" }}
ladder = {hard}

[[rules]]
name = "others"
ladder = {others}
"""
ALWAYS_HIGH, ALWAYS_LOW, LOW_FIRST = "always high", "always low", "low first"

Say = Callable[..., None]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One task in one of the ways: what it cost in nano-dollars, whether the answer was right (`None`: nobody can
    tell), and whether any call was at high effort."""

    cost_nano: int
    right: bool | None
    high: bool


async def show_efforts(model: str, seed: int, folder: str, say: Say) -> None:
    """Send the tasks in all three ways and print what came out. Nothing is overloaded or breaks here."""
    tasks = [replace(task, faults={}) for task in demo_tasks() if task.outcome == "answered"]
    found: dict[str, list[Outcome]] = {}
    for way, policy in policies(model).items():
        found[way] = await _sent(tasks, policy, seed, str(Path(folder) / way.replace(" ", "-")))
        say(f"{len(tasks)} tasks, {way}")
    unserved = {o.task.name for outcomes in found.values() for o in outcomes if not o.reply.answered}
    if unserved:
        say(f"Left out, since {model} did not answer in every way: {', '.join(sorted(unserved))}")
    found = {way: [o for o in outcomes if o.task.name not in unserved] for way, outcomes in found.items()}
    records = [outcome.record for outcome in found[LOW_FIRST] if outcome.record is not None]
    say("", f"Low effort first, high for what is hard or what a check sent up; {model}:", "")
    render(summarise(records, by="effort"), Console(highlight=False), timed=False)
    say("", *comparison({way: [_of(outcome) for outcome in outcomes] for way, outcomes in found.items()}))
    say(
        "",
        f"All of it is SIMULATED: how able {model} is at which effort, and how long it thinks, are assumptions;",
        "prices are the published ones. Measure your own with `tiercel report --by effort`.",
    )


def policies(model: str) -> dict[str, Policy]:
    """The three ways as policies."""
    low, high = f'["{model}@low"]', f'["{model}@high"]'
    ladders = {
        ALWAYS_HIGH: (high, high),
        ALWAYS_LOW: (low, low),
        LOW_FIRST: (high, f'["{model}@low", "{model}@high"]'),
    }
    return {
        way: read_policy(POLICY.format(hard=hard, others=others), f"policy.toml, {way}")
        for way, (hard, others) in ladders.items()
    }


async def _sent(tasks: Sequence[DemoTask], policy: Policy, seed: int, folder: str) -> list[Outcome]:
    async with (
        Lab(seed=seed, time_scale=0.0, tasks=tasks) as lab,
        running(lab.settings(folder), policy) as gateway,
    ):
        client = DemoClient(gateway.base_url)
        try:
            return await send_tasks(gateway, client, tasks, lambda: None)
        finally:
            await client.aclose()


def _of(outcome: Outcome) -> Sent:
    attempts = () if outcome.record is None else outcome.record.attempts
    cost_nano = 0 if outcome.record is None else outcome.record.cost_nano
    return Sent(cost_nano=cost_nano, right=outcome.right, high=any(a.effort == "high" for a in attempts))


def comparison(found: dict[str, list[Sent]]) -> list[str]:
    """A line for each way and for a mix by lot, with what each saves against always high."""
    high, low = found[ALWAYS_HIGH], found[ALWAYS_LOW]
    graded = sum(sent.right is not None for sent in high)
    lines = [
        f"{'':<22} {'at high':>8} {'right of ' + str(graded):>12} {'cost':>9} {'saved':>7} {'median':>7}"
    ]
    for way, sent in found.items():
        at_high = sum(one.high for one in sent) / len(sent)
        right = sum(one.right is True for one in sent)
        lines.append(_line(way, at_high, right, [one.cost_nano for one in sent], high))
    pairs = list(zip(low, high, strict=True))
    mixed = [round((1 - HIGH_SHARE) * a.cost_nano + HIGH_SHARE * b.cost_nano) for a, b in pairs]
    right_mixed = sum((1 - HIGH_SHARE) * (a.right is True) + HIGH_SHARE * (b.right is True) for a, b in pairs)
    lines.append(_line("80/20 by lot, expected", HIGH_SHARE, right_mixed, mixed, high))
    return [*lines, "", "saved: of the cost of always high; median: of the saving of each task"]


def _line(way: str, at_high: float, right: float, costs: Sequence[int], high: Sequence[Sent]) -> str:
    saved = 1 - sum(costs) / sum(sent.cost_nano for sent in high)
    each = [1 - cost / sent.cost_nano for cost, sent in zip(costs, high, strict=True) if sent.cost_nano]
    return (
        f"{way:<22} {percent(at_high):>8} {right:>12.4g} {money(sum(costs)):>9} {_share(saved):>7} "
        f"{_share(quantile(each, 0.5)):>7}"
    )


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"
