"""A gateway with its dashboard, and somebody who looks at it: by HTTP, or in a real browser."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec

from tests.gateway.house import House, settings_for, two_tiers
from tiercel.domain.catalog import Deployment
from tiercel.domain.policy import Policy
from tiercel.domain.settings import Settings
from tiercel.gateway.app import running
from tiercel.gateway.dashboard.listener import serving_dashboard

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Dashed(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway and the address of its dashboard."""

    house: House
    url: str


@asynccontextmanager
async def dashed(
    folder: Path, *deployments: Deployment, policy: Policy | None = None, settings: Settings | None = None
) -> AsyncIterator[Dashed]:
    """A running gateway with its dashboard; `cheap` and `dear` are two tiers by default."""
    chosen = settings or settings_for(folder, *deployments)
    if chosen.dashboard.port is None:
        dashboard = msgspec.structs.replace(chosen.dashboard, port=0)
        chosen = msgspec.structs.replace(chosen, dashboard=dashboard)
    async with running(chosen, policy or two_tiers()) as gateway, serving_dashboard(gateway, 0) as url:
        assert url is not None
        house = House(gateway)
        try:
            yield Dashed(house=house, url=url)
        finally:
            await house.client.close()


def csrf_in(page: str) -> str:
    """What the page's forms bring along."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, "the page has no form"
    return found[1]


def looking(url: str) -> httpx.AsyncClient:
    """Somebody with cookies who follows where they are sent."""
    return httpx.AsyncClient(base_url=url, follow_redirects=True, timeout=30.0)


def talking() -> set[int]:
    """The processes that this one has started and that answer line by line."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_text()
        except OSError:  # it ended while we looked
            continue
        if parent == os.getpid() and "--follow" in command:
            found.add(int(folder.name))
    return found
