"""Models and the parts of the policy in a browser: nothing wrong with them, and a pasted request is explained."""

import pytest
from playwright.async_api import Browser

from tests.gateway.dashboard.browsing import LOOKS, LabHouse, Look, looking_with

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("path", ["/models/claude-haiku-4-5", "/policy/audit"])
async def test_a_page_below_has_nothing_wrong_with_it(
    browser: Browser, lab: LabHouse, path: str, look: Look
) -> None:
    async with looking_with(browser, lab.url, look) as window:
        await window.visit(path)
        await window.check()


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_a_pasted_request_is_explained(browser: Browser, lab: LabHouse, look: Look) -> None:
    async with looking_with(browser, lab.url, look) as window:
        await window.visit("/policy/explain")
        await window.page.fill("#request", "Prove that there are infinitely many primes.")
        await window.page.select_option("select[name=risk]", "high")
        await window.page.click("button:has-text('Explain')")
        told = window.page.locator("#told")
        await told.wait_for()
        assert "Rule high-risk" in await told.inner_text()
        await window.check()


async def test_the_model_of_a_step_is_a_link_to_its_page(browser: Browser, lab: LabHouse) -> None:
    async with looking_with(browser, lab.url) as window:
        await window.visit("/policy")
        await window.page.click("#rule-high-risk .ladder a >> nth=0")
        await window.page.wait_for_url("**/models/*")
        assert await window.page.inner_text("h1") in ("claude-opus-4-8", "gemini-3.5-pro")
