"""What pairs of copies look like: `python -m bench.shadow_pairs`. Simulated.

The demo's tasks go through the shipped policy, every request copied for two candidates; then what `tiercel shadow
status` shows of the pairs.
"""

import asyncio
import tempfile
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from tiercel.cli.demo_client import DemoClient
from tiercel.cli.demo_tasks import send_tasks
from tiercel.cli.shadow_pairs import render
from tiercel.domain.policy import Policy, Shadow
from tiercel.gateway.app import running
from tiercel.measure.pairs import numbers_of
from tiercel.policy import shipped_policy
from tiercel.records.pairs import each_pair
from tiercel.testing.lab.server import Lab
from tiercel.testing.tasks import demo_tasks

CANDIDATES = ("claude-haiku-4-5", "gemini-3.5-flash@low")
A_DAY_NANO = 100 * 10**9


def copying() -> Policy:
    """The shipped policy, with both candidates on every rule."""
    policy = shipped_policy()
    shadow = Shadow(candidates=CANDIDATES, share=1.0, day_nano=A_DAY_NANO, at_once=64)
    return replace(policy, rules=tuple(replace(rule, shadow=shadow) for rule in policy.rules))


async def send_all(folder: str) -> None:
    """The gateway waits in its end for the copies under way."""
    async with Lab() as lab, running(lab.settings(folder), copying()) as gateway:
        client = DemoClient(gateway.base_url)
        try:
            await send_tasks(gateway, client, demo_tasks(), lambda: None)
        finally:
            await client.aclose()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tiercel-pairs-") as folder:
        asyncio.run(send_all(folder))
        render(numbers_of(each_pair(Path(folder))), Console())


if __name__ == "__main__":
    main()
