"""Every page in light, dark and on a phone: no error, nothing wider than the window, nothing that hinders people."""

import pytest
from playwright.async_api import Browser

from tests.gateway.dashboard.browsing import LOOKS, LabHouse, Look, looking_with
from tiercel.gateway.dashboard.pages import NAVIGATION

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("path", [page.path for page in NAVIGATION])
async def test_a_page_has_nothing_wrong_with_it(
    browser: Browser, lab: LabHouse, path: str, look: Look
) -> None:
    async with looking_with(browser, lab.url, look) as window:
        await window.visit(path)
        await window.check()


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_one_request_has_nothing_wrong_with_it(browser: Browser, lab: LabHouse, look: Look) -> None:
    async with looking_with(browser, lab.url, look) as window:
        await window.visit(f"/requests/{lab.longest_climb()}")
        await window.check()
