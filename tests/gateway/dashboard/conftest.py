"""One browser and one gateway with content for all tests that look at pages: `loop_scope="session"` is theirs."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.chromium import MISSING, chromium
from tests.gateway.dashboard.browsing import LabHouse, lab_house
from tests.gateway.dashboard.pages import FLAGS


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """This system's Chromium."""
    path = chromium()
    if path is None:
        pytest.skip(MISSING)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield running
        finally:
            await running.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LabHouse]:
    """Shared: look, add what nobody counts, and change nothing else."""
    async with lab_house(tmp_path_factory.mktemp("lab")) as built:
        yield built
