"""One fault with everybody who may meet it: each client's SDK, whole and as a stream, with and without somebody else
to fall back to. All of them ask at the same time, of one gateway and of one provider that does nothing but this."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from tests.gateway.faults.cases import Case
from tests.gateway.faults.clients import CLIENTS, ClientName, Sdks, Seen, sdks
from tests.gateway.house import House, house, two_tiers
from tiercel.domain.catalog import Deployment
from tiercel.domain.policy import Policy, Rule, Tier
from tiercel.domain.record import Record
from tiercel.domain.request import Format
from tiercel.testing.scripted import Says, ScriptedProvider

SAVED = "Somebody else says hello"
BUSY_SECONDS = 20.0
"""For a connection to a provider that is there, on a machine that has other work."""
FAIR = "fair"
"""The deployment that answers well."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked how, what its SDK made of it, and what the gateway wrote down."""

    client: ClientName
    stream: bool
    backed: bool
    seen: Seen
    record: Record

    @property
    def name(self) -> str:
        return _name(self.client, self.stream, self.backed)


async def cells_of(case: Case, upstream: Format, folder: Path) -> tuple[Cell, ...]:
    """The sixteen cells of this fault at a provider of this format.

    The SDKs may come back as often as they like, unless they are told to: then they would have to wait.
    """
    told_to_wait = any(case.wait(upstream, stream) for stream in (False, True))
    async with (
        _gateway(case, upstream, folder) as here,
        sdks(here.url, retries=0 if told_to_wait else 2) as clients,
    ):
        # what SDKs load when they are first used would hold up the clocks of the first cell
        for client in CLIENTS:
            await clients.ask(client, FAIR, stream=False)
        return tuple(
            await asyncio.gather(
                *(
                    _cell(here, clients, client, stream, backed)
                    for client in CLIENTS
                    for stream in (False, True)
                    for backed in (False, True)
                    if case.when(stream) is not None
                )
            )
        )


async def _cell(here: House, clients: Sdks, client: ClientName, stream: bool, backed: bool) -> Cell:
    seen = await clients.ask(client, _name(client, stream, backed), stream=stream)
    record = here.record(seen.headers["x-tiercel-record"])
    return Cell(client=client, stream=stream, backed=backed, seen=seen, record=record)


@asynccontextmanager
async def _gateway(case: Case, upstream: Format, folder: Path) -> AsyncIterator[House]:
    """Each cell has a deployment of its own, so that no cell's failures rest another's."""
    async with AsyncExitStack() as stack:
        bad = await stack.enter_async_context(ScriptedProvider(format=upstream, name="bad"))
        good = await stack.enter_async_context(ScriptedProvider(name="good"))
        bad.default, good.default = case.reply(upstream), Says(text=SAVED)
        names = [_name(c, s, b) for c in CLIENTS for s in (False, True) for b in (False, True)]
        cells = tuple(_at(bad.deployment(f"bad-{name}"), case) for name in names)
        deployments = (*cells, good.deployment(FAIR))
        yield await stack.enter_async_context(house(folder, *deployments, policy=_policy(names, case)))


def _at(deployment: Deployment, case: Case) -> Deployment:
    provider = msgspec.structs.replace(deployment.provider, connect_seconds=BUSY_SECONDS)
    if case.url is not None:
        port = provider.base_url.split(":")[2].split("/")[0]
        provider = msgspec.structs.replace(provider, base_url=case.url.format(port=port), connect_seconds=1.0)
    return msgspec.structs.replace(deployment, provider=provider)


def _policy(names: list[str], case: Case) -> Policy:
    tiers = {
        name: Tier(
            name=name,
            members=(f"bad-{name}", FAIR) if name.endswith("backed") else (f"bad-{name}",),
            prefer="listed",
        )
        for name in names
    }
    rules = (Rule(name="any", ladder=(names[0],)),)
    return two_tiers(tiers=tiers, rules=rules, limits=case.limits)


def _name(client: ClientName, stream: bool, backed: bool) -> str:
    return f"{client}-{'stream' if stream else 'whole'}-{'backed' if backed else 'alone'}"
