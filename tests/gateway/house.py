"""A whole gateway over scripted providers and real sockets, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import openai

from tiercel.domain.catalog import Catalog, Deployment
from tiercel.domain.policy import Gate, Limits, Policy, Rule, Tier
from tiercel.domain.record import Record
from tiercel.domain.settings import Listener, Settings, Storage
from tiercel.gateway.app import RunningGateway, running

GATES = (Gate(check="finished"), Gate(check="json_schema", re_ask=1))
USER: Any = [{"role": "user", "content": "Say hello"}]


def two_tiers(*, limits: Limits = Limits(), gates: tuple[Gate, ...] = GATES, **more: object) -> Policy:
    """`fast` is the deployment `cheap`, `balanced` is `dear`; everything climbs fast then balanced."""
    tiers = {
        "fast": Tier(name="fast", members=("cheap",)),
        "balanced": Tier(name="balanced", members=("dear",)),
    }
    rules = (Rule(name="any", ladder=("fast", "balanced")),)
    policy = Policy(
        tiers=tiers, rules=rules, gates=gates, aliases={"gpt-4o": "auto"}, limits=limits, hash="test"
    )
    return msgspec.structs.replace(policy, **more)


def one_tier(deployments: tuple[Deployment, ...], *, limits: Limits = Limits()) -> Policy:
    """Everything is answered by these deployments, in this order."""
    members = tuple(deployment.name for deployment in deployments)
    return two_tiers(
        limits=limits,
        tiers={"fast": Tier(name="fast", members=members, prefer="listed")},
        rules=(Rule(name="any", ladder=("fast",)),),
    )


def settings_for(folder: Path, *deployments: Deployment, listener: Listener | None = None) -> Settings:
    models = {deployment.model.name: deployment.model for deployment in deployments}
    return Settings(
        listener=listener or Listener(port=0, drain_seconds=2.0),
        storage=Storage(folder=str(folder / "data")),
        catalog=Catalog(
            providers={d.provider.name: d.provider for d in deployments},
            models=models,
            deployments={d.name: d for d in deployments},
        ),
        hash="test",
    )


class House:
    """A running gateway with the official client pointed at it."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.gateway = gateway
        self.url = gateway.base_url
        self.client = openai.AsyncOpenAI(
            base_url=f"{gateway.base_url}/v1", api_key="unused-key", max_retries=0
        )

    def record(self, record_id: str) -> Record:
        record = self.gateway.recorder.find(record_id)
        assert record is not None
        return record


@asynccontextmanager
async def house(
    folder: Path, *deployments: Deployment, policy: Policy | None = None, listener: Listener | None = None
) -> AsyncIterator[House]:
    """A gateway over these deployments, drained and closed at the end. `cheap` and `dear` are two tiers by default."""
    if policy is None:
        policy = two_tiers() if {d.name for d in deployments} == {"cheap", "dear"} else one_tier(deployments)
    settings = settings_for(folder, *deployments, listener=listener)
    async with running(settings, policy, port=0) as gateway:
        built = House(gateway)
        try:
            yield built
        finally:
            await built.client.close()


def everything_in(folder: Path) -> list[bytes]:
    """The content of every file below a folder."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
