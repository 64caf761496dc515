"""What models and callers say is text on every page, whatever it says: nothing runs, nothing is added or lost."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.gateway.dashboard.browsing import PHONE, Window, looking_with
from tests.gateway.dashboard.hostile import HOSTILE, MODEL, hostile_house, recorded
from tests.gateway.dashboard.pages import Dashed, dashed
from tests.gateway.keyed import issue
from tiercel.domain.keys import AccessKey
from tiercel.gateway.dashboard.pages import NAVIGATION
from tiercel.gateway.dashboard.view import seen
from tiercel.testing.scripted import Says, ScriptedProvider

pytestmark = pytest.mark.asyncio(loop_scope="session")

INJECTED = """() => {
    const parts = ["iframe", "object", "embed", "base", "style", "img", "math", "marquee"];
    const links = ["href", "src", "action", "formaction", "xlink:href"];
    const ours = (script) => script.type === "application/json" || script.src.startsWith(`${location.origin}/static/`);
    const leaves = (one) => links.includes(one.name) && new URL(one.value, location).origin !== location.origin;
    const wrong = (part) => part.localName === "script" && !ours(part) || parts.includes(part.localName)
        || [...part.attributes].some((one) => one.name.startsWith("on") || leaves(one)
            || one.name === "style" && !part.closest(".plot"));
    return [...document.querySelectorAll("*")].filter(wrong).map((part) => part.outerHTML.slice(0, 200))
        .concat(document.querySelectorAll("html, head, body, main").length === 4 ? [] : ["another frame"])
        .concat("pwned" in window ? ["a script ran"] : []);
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Dashed]:
    async with hostile_house(tmp_path_factory.mktemp("hostile")) as here:
        yield here


async def harmless(window: Window) -> None:
    """Nothing ran, nothing was fetched, nothing is there that we did not write."""
    assert not await window.page.evaluate(INJECTED)
    await window.fits()
    assert not window.complaints, window.complaints


async def shown_in(window: Window) -> str:
    """All text of the page."""
    return await window.page.locator("main").text_content() or ""


@pytest.mark.parametrize(
    "path",
    [
        *(page.path for page in NAVIGATION),
        *(f"/?by={by}&range=1h" for by in ("task", "model", "tier", "effort")),
    ],
)
async def test_no_page_does_what_a_text_says(browser: Browser, hostile: Dashed, path: str) -> None:
    async with looking_with(browser, hostile.url, PHONE) as window:
        await window.visit(path)
        await harmless(window)


async def test_a_request_shows_every_text_as_it_is(browser: Browser, hostile: Dashed) -> None:
    async with looking_with(browser, hostile.url, PHONE) as window:
        for kind, text in HOSTILE.items():
            await window.visit(f"/requests/{recorded(kind)}")
            await harmless(window)
            assert seen(text).strip().replace("\r", "") in await shown_in(window), kind


async def test_prompts_answers_and_tools_are_text(browser: Browser, hostile: Dashed) -> None:
    """Those that went through the gateway, each of which the list leads to."""
    async with looking_with(browser, hostile.url) as window:
        await window.visit(f"/requests?model={quote(MODEL)}")
        links = await window.page.locator("[data-row]").evaluate_all("all => all.map((one) => one.pathname)")
        assert len(links) == len(HOSTILE)
        for link, text in zip(reversed(links), HOSTILE.values(), strict=True):
            await window.visit(link)
            await harmless(window)
            assert seen(text).strip() in await shown_in(window)


async def test_an_address_puts_nothing_into_a_page(browser: Browser, hostile: Dashed) -> None:
    async with looking_with(browser, hostile.url) as window:
        for text in HOSTILE.values():
            asked = dict.fromkeys(("q", "session", "task", "key_id", "rule"), text[:200])
            await window.visit(f"/requests?{urlencode(asked)}")
            await harmless(window)
        for text in HOSTILE.values():
            await window.page.goto(f"{hostile.url}/?{urlencode({'range': text[:200]})}")
            assert not await window.page.evaluate(INJECTED)


@pytest.mark.parametrize("kind", ["leaving double quotes", "line separators", "template"])
async def test_what_was_said_is_found_as_it_was_said(browser: Browser, hostile: Dashed, kind: str) -> None:
    async with looking_with(browser, hostile.url) as window:
        await window.visit(f"/requests?{urlencode({'q': HOSTILE[kind].strip()})}")
        assert await window.page.locator("[data-row]").count() == 1


async def test_labels_of_keys_are_text(browser: Browser, tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(role="operator"))
    for text in HOSTILE.values():
        issue(tmp_path, AccessKey(role="client", label=text, project="x"))
    async with (
        ScriptedProvider() as cheap,
        ScriptedProvider(Says(text="Hello!")) as dear,
        dashed(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here,
        looking_with(browser, here.url, PHONE) as window,
    ):
        await window.visit("/login")
        await window.page.get_by_label("Key").fill(key.text)
        await window.page.get_by_role("button", name="Log in").click()
        await window.visit("/keys")
        await harmless(window)
        shown = await shown_in(window)
        assert all(seen(text).strip().replace("\r", "") in shown for text in HOSTILE.values())
