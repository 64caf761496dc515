"""What a review and an advisor cost beside one model alone: `python -m bench.second_models`. All models are simulated.

The demo's tasks of text go to one model alone, to it with a reviewer, to it with an advisor that it asks once for each
task, and to the second model alone. Tokens are the lab's, prices the published ones, and seconds the lab's times those
that it assumes, so that only ratios mean anything. The lab's reviewer always approves, and its advice is short: what an
improved answer or long advice costs comes on top.
"""

import argparse
import asyncio
import tempfile
from statistics import median

import msgspec

from tiercel.cli.demo_client import DemoClient, in_parallel
from tiercel.domain.policy import Advisor, Gate, Policy, Review, Rule
from tiercel.domain.record import Record
from tiercel.gateway.app import RunningGateway, running
from tiercel.testing.lab.server import Lab
from tiercel.testing.tasks import DemoTask, demo_tasks

TASK = "second-models"
ASK = "First call ask_advisor. Then:\n"


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """One way over all tasks: dollars, median seconds, and calls, each for one task."""

    usd: float
    seconds: float
    calls: float


def policies(first: str, second: str) -> dict[str, Policy]:
    """The ways, by name."""
    review, advisor = Review(by=second), Advisor(by=second)
    rules = {
        f"{first} alone": Rule(name=TASK, ladder=(first,)),
        "with a review": Rule(name=TASK, ladder=(first,), review=review),
        "with advice, asked for once": Rule(name=TASK, ladder=(first,), advisor=advisor),
        f"{second} alone": Rule(name=TASK, ladder=(second,)),
    }
    gates = (Gate(check="finished", needs_whole=False),)
    return {name: Policy(rules=(rule,), gates=gates, hash=TASK) for name, rule in rules.items()}


def texts() -> list[DemoTask]:
    """The tasks whose answer is plain text, whoever may be asked."""
    return [
        task
        for task in demo_tasks()
        if not (
            task.calls or task.wants_json or task.attach or task.hints or task.stumbles or task.max_tokens
        )
    ]


async def run(way: str, policy: Policy, seed: int) -> Sum:
    """All tasks, one after the other, on a gateway of their own."""
    with tempfile.TemporaryDirectory(prefix="tiercel-second-") as folder:
        async with Lab(seed=seed) as lab, running(lab.settings(folder), policy, port=0) as gateway:
            records = await _send(gateway, ask="advice" in way)
    costs = [record.cost_nano / 1e9 for record in records]
    calls = [len(record.attempts) for record in records]
    return Sum(
        usd=sum(costs) / len(costs),
        seconds=median(record.seconds for record in records),
        calls=sum(calls) / len(calls),
    )


async def _send(gateway: RunningGateway, *, ask: bool) -> list[Record]:
    client = DemoClient(gateway.base_url)
    records: list[Record] = []

    async def send(task: DemoTask) -> None:
        prompt = ASK + task.prompt if ask else task.prompt
        body = {"model": "auto", "messages": [{"role": "user", "content": prompt}]}
        reply = await client.ask(body, {})
        record = gateway.recorder.find(reply.record_id)
        if not reply.answered or record is None:
            raise SystemExit(f"{task.name}: {reply.problem}")
        records.append(record)

    try:
        await in_parallel(1, send, texts())
    finally:
        await client.aclose()
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", default="claude-sonnet-4-5", help="the model that answers")
    parser.add_argument("--second", default="claude-opus-4-8", help="the model that reviews or advises")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sums = {
        way: asyncio.run(run(way, policy, args.seed))
        for way, policy in policies(args.first, args.second).items()
    }
    alone = next(iter(sums.values()))
    print(f"{len(texts())} tasks of text, simulated; ratios to {args.first} alone")
    print(f"{'':<30} {'dollars':>8} {'p50 time':>9} {'calls':>6}")
    for way, found in sums.items():
        usd, seconds = found.usd / alone.usd, found.seconds / alone.seconds
        print(f"{way:<30} {usd:>8.2f} {seconds:>9.2f} {found.calls:>6.2f}")


if __name__ == "__main__":
    main()
