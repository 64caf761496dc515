"""What is claimed and measured of models stands beside how they do at this moment, for each project its own."""

import re
from html import unescape
from pathlib import Path

import pytest

from tests.gateway.dashboard.pages import dashed, looking
from tests.gateway.dashboard.test_login import HELLO, log_in, open_house
from tests.gateway.house import USER
from tests.gateway.keyed import ask, issue
from tiercel.domain.keys import AccessKey
from tiercel.testing.scripted import Fails, Says, ScriptedProvider


def text_of(page: str) -> str:
    """What a reader sees of a page, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_the_list_has_prices_and_who_was_not_called_yet(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        page = text_of((await browser.get("/models")).text)
    assert "cheap not called yet scripted $1.00 / $5.00" in page


async def test_an_answer_shows_up_beside_the_claims(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        await here.house.client.chat.completions.create(model="auto", messages=USER)
        page = text_of((await browser.get("/models")).text)
        own = text_of((await browser.get("/models/cheap")).text)
    assert "cheap answers scripted" in page
    assert re.search(r"100 % 21–100 % \(n = 1\)", page)
    assert "unknown 1 100 %" in own


async def test_who_rests_is_told_with_the_reason(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(Fails(status=429, retry_after="50")) as cheap,
        ScriptedProvider(HELLO) as dear,
        dashed(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here,
        looking(here.url) as browser,
    ):
        await here.house.client.chat.completions.create(model="auto", messages=USER)
        page = text_of((await browser.get("/models")).text)
        own = text_of((await browser.get("/models/cheap")).text)
    assert re.search(
        r"Not answering now cheap rests \d+(\.\d+)? s the provider's rate limit is reached", page
    )
    assert "rate limit" in own


async def test_contradicting_claims_are_marked_and_have_their_sources(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        answer = await browser.get("/models/claude-haiku-4-5")
    page = text_of(answer.text)
    assert "Terminal-Bench 2.0 differ 27" in page
    assert "No provider of tiercel.toml serves it" in page
    assert re.search(r'<li id="source-\d+" value="\d+"><a href="https://', answer.text)


async def test_a_model_that_nobody_knows_is_not_found(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        answer = await browser.get("/models/never/heard-of")
    assert answer.status_code == 404
    assert "There is no model" in text_of(answer.text)


@pytest.mark.parametrize("path", ["/models", "/models/cheap"])
async def test_a_viewer_sees_the_numbers_of_its_project_alone(tmp_path: Path, path: str) -> None:
    """Nor how many calls there were in all: those of the gateway's memory are for operators."""
    other, own = issue(tmp_path, AccessKey(project="other")), issue(tmp_path, AccessKey(project="search"))
    looks = {role: issue(tmp_path, AccessKey(role=role, project="search")) for role in ("viewer", "operator")}
    async with (
        ScriptedProvider(*[Says(text="Hello!")] * 5) as cheap,
        ScriptedProvider() as dear,
        dashed(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here,
    ):
        for key in (other, other, other, other, own):
            assert (await ask(here.house, key)).status == 200
        pages = {}
        for role, key in looks.items():
            async with looking(here.url) as browser:
                await log_in(browser, key.text)
                pages[role] = text_of((await browser.get(path)).text)
    assert "(n = 1)" in pages["viewer"]
    assert "(n = 5)" not in pages["viewer"]
    assert "(n = 5)" in pages["operator"]
    assert (" 5 " in pages["operator"], " 5 " in pages["viewer"]) == (True, False)
