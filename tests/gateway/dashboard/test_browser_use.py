"""What people do on pages: find, page, walk by keyboard, read while it lives on, say something, make keys, log in."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.gateway.dashboard.browsing import LabHouse, Window, looking_with, new_window
from tests.gateway.dashboard.pages import Dashed, dashed
from tests.gateway.keyed import issue
from tiercel.domain.keys import AccessKey
from tiercel.domain.record import Record
from tiercel.testing.scripted import Says, ScriptedProvider

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def quiet_house(folder: Path, records: int = 0) -> AsyncIterator[Dashed]:
    """A gateway that was asked so often; the last request is the newest."""
    async with (
        ScriptedProvider() as cheap,
        ScriptedProvider(Says(text="Hello!")) as dear,
        dashed(folder, cheap.deployment("cheap"), dear.deployment("dear")) as here,
    ):
        for number in range(records):
            add(here, number)
        yield here


def add(here: Dashed, number: int) -> None:
    """One more request, of yesterday."""
    began = time.time() - 86_400 + number
    here.house.gateway.recorder.finished(
        Record(id=f"r{number:03}", started_at=began, seconds=1.0, outcome="passed", task="coding")
    )


def rows(window: Window) -> Locator:
    return window.page.locator("[data-row]")


async def focused(window: Window) -> str:
    """Where the link goes that the keyboard is at."""
    return str(await window.page.evaluate("document.activeElement.getAttribute('href')"))


async def test_a_filter_leaves_what_it_names_and_stays_chosen(browser: Browser, lab: LabHouse) -> None:
    async with looking_with(browser, lab.url) as window:
        await window.visit("/requests")
        before = await rows(window).count()
        await window.page.locator("select[name=task]").select_option("coding")
        await window.page.get_by_role("button", name="Find").click()
        tasks = await window.page.locator("tbody tr td:nth-child(2)").all_text_contents()
        assert set(tasks) == {"coding"}
        assert len(tasks) < before
        assert await window.page.locator("select[name=task]").input_value() == "coding"
        assert not window.complaints


async def test_words_of_a_prompt_find_its_request(browser: Browser, lab: LabHouse) -> None:
    asked = next(one for one in lab.outcomes if one.record is not None and one.record.outcome == "passed")
    words = " ".join(asked.task.prompt.split()[:4])
    async with looking_with(browser, lab.url) as window:
        await window.visit("/requests")
        await window.page.get_by_label("says").fill(words.upper())
        await window.page.get_by_label("says").press("Enter")
        await rows(window).first.click()
        await expect(window.page.locator("main")).to_contain_text(words)


async def test_older_requests_are_a_page_away_and_none_is_left_out(browser: Browser, tmp_path: Path) -> None:
    async with quiet_house(tmp_path, 120) as here, looking_with(browser, here.url) as window:
        await window.visit("/requests")
        seen: list[str] = []
        for _ in range(3):
            seen += await rows(window).evaluate_all("all => all.map((one) => one.pathname)")
            older = window.page.get_by_role("link", name="Older")
            if await older.count():
                await older.click()
        assert seen == [f"/requests/r{number:03}" for number in reversed(range(120))]
        await window.page.get_by_role("link", name="Newest").click()
        assert await focused_row(window, 0) == "/requests/r119"


async def focused_row(window: Window, place: int) -> str | None:
    return await rows(window).nth(place).get_attribute("href")


async def test_rows_are_walked_and_opened_by_keyboard(browser: Browser, lab: LabHouse) -> None:
    async with looking_with(browser, lab.url) as window:
        await window.visit("/requests")
        for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
            await window.page.keyboard.press(key)
            assert await focused(window) == await focused_row(window, place)
        wanted = await focused(window)
        await window.page.keyboard.press("Enter")
        await window.page.wait_for_url(f"**{wanted}")


async def test_slash_goes_to_the_search_where_letters_are_letters(browser: Browser, lab: LabHouse) -> None:
    async with looking_with(browser, lab.url) as window:
        await window.visit("/requests")
        await window.page.keyboard.press("/")
        await window.page.keyboard.type("jkt/")
        assert await window.page.get_by_label("says").input_value() == "jkt/"


async def test_t_switches_the_theme_and_it_stays(browser: Browser, lab: LabHouse) -> None:
    async with looking_with(browser, lab.url) as window:
        await window.visit("/")
        await window.page.keyboard.press("t")
        await window.visit("/requests")
        assert await window.page.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_times_are_the_readers_and_written_alike_in_tables_and_charts(
    browser: Browser, lab: LabHouse
) -> None:
    """Year, month, day and 24 hours, whatever the browser's language: never 11/21/26, 3pm."""
    context = await browser.new_context(locale="en-US", timezone_id="Asia/Tokyo")
    try:
        window = await new_window(context, lab.url)
        await window.visit("/requests")
        shown = window.page.locator("tbody time").first
        at = datetime.fromisoformat(str(await shown.get_attribute("datetime")))
        assert await shown.text_content() == f"{at + timedelta(hours=9):%Y-%m-%d %H:%M:%S}"
        for length in ("1h", "7d", "90d"):
            await window.visit(f"/?range={length}")
            ticks = await window.page.evaluate("plots.get('chart-requests').axes[0]._values")
            told = "\n".join(tick for tick in ticks if tick)
            assert re.fullmatch(r"(\d\d:\d\d|\d\d-\d\d|\d{4}-\d\d(-\d\d)?|\d{4}|\n)+", told), told
        assert not window.complaints
    finally:
        await context.close()


async def test_a_page_that_lives_on_keeps_the_focus(browser: Browser, tmp_path: Path) -> None:
    async with quiet_house(tmp_path, 3) as here, looking_with(browser, here.url) as window:
        await window.visit("/requests")
        await window.page.keyboard.press("j")
        at = await focused(window)
        add(here, 3)
        await window.page.evaluate("refresh()")
        assert await rows(window).count() == 4
        assert await focused(window) == at


async def test_a_page_waits_while_somebody_marks_its_text(browser: Browser, tmp_path: Path) -> None:
    async with quiet_house(tmp_path, 3) as here, looking_with(browser, here.url) as window:
        await window.visit("/requests")
        await window.page.evaluate("getSelection().selectAllChildren(document.querySelector('tbody'))")
        add(here, 3)
        await window.page.evaluate("refresh()")
        assert await rows(window).count() == 3
        assert await window.page.evaluate("String(getSelection()).length") > 20


async def test_feedback_is_given_where_the_answer_is_read(browser: Browser, tmp_path: Path) -> None:
    async with quiet_house(tmp_path, 1) as here, looking_with(browser, here.url) as window:
        await window.visit("/requests/r000")
        await window.page.get_by_label("Comment", exact=True).fill("cut in the middle")
        await window.page.get_by_role("button", name="Reject").click()
        await expect(window.page.locator("main")).to_contain_text("cut in the middle")
        await window.visit("/feedback")
        await expect(window.page.locator("main")).to_contain_text("cut in the middle")
        await window.check()


async def test_a_key_is_made_copied_and_used_and_a_visit_ends(browser: Browser, tmp_path: Path) -> None:
    operator = issue(tmp_path, AccessKey(role="operator"))
    async with quiet_house(tmp_path) as here, looking_with(browser, here.url) as window:
        page = window.page
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=here.url)
        await log_in(window, operator.text)
        await window.visit("/keys")
        await page.get_by_label("role").select_option("viewer")
        await page.get_by_label("project").first.fill("search")
        await page.get_by_role("button", name="Create").click()
        await window.check()
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = str(await page.evaluate("navigator.clipboard.readText()"))
        await page.get_by_role("button", name="Log out").click()
        await log_in(window, copied)
        await expect(page.get_by_role("link", name="Keys")).to_have_count(0)
        await page.get_by_role("button", name="Log out").click()
        await window.visit("/")
        assert urlsplit(page.url).path == "/login"
        await window.check()


async def log_in(window: Window, key: str) -> None:
    await window.visit("/login")
    await window.page.get_by_label("Key").fill(key)
    await window.page.get_by_role("button", name="Log in").click()
    await window.page.wait_for_url(f"{window.url}/")
