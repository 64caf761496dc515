"""Labelling without a mouse, and pages of evaluations and candidates with nothing wrong with them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.gateway.dashboard.browsing import LOOKS, PATIENCE_MS, Look, looking_with, worked_out
from tests.gateway.dashboard.pages import Dashed
from tests.gateway.dashboard.trying import LABEL, RUN, eight_items, lay_run, lay_trials, trying_house
from tiercel.evals.labels import last_words, read_labels
from tiercel.evals.run_folder import LABELS

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("evaluated")
    lay_run(made, eight_items())
    lay_trials(made, pairs=80, sessions=40)
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def here(folder: Path) -> AsyncIterator[Dashed]:
    async with trying_house(folder) as made:
        yield made


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_pages_have_nothing_wrong_with_them(browser: Browser, here: Dashed, look: Look) -> None:
    """Once their numbers have come, which they do without being loaded again."""
    async with looking_with(browser, here.url, look) as window:
        for path in ("/evaluations", RUN, LABEL, "/shadow", "/shadow/pairs"):
            await window.visit(path)
            await worked_out(window.page)
            await window.check()


async def test_the_evidence_is_drawn(browser: Browser, here: Dashed) -> None:
    async with looking_with(browser, here.url) as window:
        await window.visit("/shadow")
        await worked_out(window.page)
        await window.page.locator("figure canvas").first.wait_for(timeout=PATIENCE_MS)


async def test_labelling_needs_no_mouse(browser: Browser, here: Dashed, folder: Path) -> None:
    """A key for each word, one to go back: what is said then counts."""
    async with looking_with(browser, here.url) as window:
        page, done = window.page, window.page.locator("#done")
        page.set_default_timeout(PATIENCE_MS)
        await window.visit(LABEL + "&labeller=eva")
        await worked_out(page)
        for count, key in enumerate("abtn", 1):
            await page.keyboard.press(key)
            await done.filter(has_text=f"{count} of 8 labelled by eva").wait_for()
        await page.keyboard.press("u")
        await page.get_by_text("Labelled before: both bad").wait_for()
        await page.keyboard.press("t")
        await page.get_by_text("Labelled before").wait_for(state="detached")
        assert not window.complaints
    labels = last_words(read_labels(folder / "evals" / "runs" / "first" / LABELS))
    assert sorted(label.label for label in labels if label.labeller == "eva") == ["A", "B", "tie", "tie"]
