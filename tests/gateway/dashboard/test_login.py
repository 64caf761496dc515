"""Who may look: keys, cookies, forms from elsewhere, other hosts; and that nothing is loaded before somebody comes."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.gateway.dashboard.pages import Dashed, csrf_in, dashed, looking
from tests.gateway.keyed import issue
from tiercel.domain.keys import AccessKey, Role
from tiercel.records.key_store import IssuedKey, KeyStore
from tiercel.testing.scripted import Says, ScriptedProvider

HELLO = Says(text="Hello!")


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[Dashed]:
    async with (
        ScriptedProvider(HELLO) as cheap,
        ScriptedProvider(HELLO) as dear,
        dashed(folder, cheap.deployment("cheap"), dear.deployment("dear")) as here,
    ):
        yield here


def viewer(folder: Path, role: Role = "viewer") -> IssuedKey:
    return issue(folder, AccessKey(role=role, project="search"))


async def log_in(browser: httpx.AsyncClient, key: str) -> httpx.Response:
    return await browser.post("/login", data={"key": key})


async def test_without_keys_this_machine_looks_without_logging_in(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        page = await browser.get("/")
        assert page.status_code == 200
        assert "No requests" in page.text


async def test_the_line_to_try_goes_to_this_gateway_with_a_key_where_one_is_asked_for(tmp_path: Path) -> None:
    for is_asked in (False, True):
        key = viewer(tmp_path) if is_asked else None
        async with open_house(tmp_path) as here, looking(here.url) as browser:
            page = (await log_in(browser, key.text) if key else await browser.get("/")).text
            feedback = (await browser.get("/feedback")).text
        assert f"curl {here.house.url}/v1/chat/completions" in page
        assert f"curl {here.house.url}/v1/feedback" in feedback
        for shown in (page, feedback):
            assert ("authorization: Bearer $TIERCEL_KEY" in shown) == is_asked


async def test_with_keys_everybody_logs_in_first(tmp_path: Path) -> None:
    viewer(tmp_path)
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        page = await browser.get("/")
        assert page.url.path == "/login"
        assert "Overview" not in page.text


async def test_a_viewers_key_opens_it_and_a_clients_does_not(tmp_path: Path) -> None:
    good, bad = viewer(tmp_path), viewer(tmp_path, "client")
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        refused = await log_in(browser, bad.text)
        assert refused.status_code == 401
        assert "operator" in refused.text
        opened = await log_in(browser, good.text)
        assert opened.url.path == "/"
        assert "Overview" in opened.text


async def test_a_key_that_is_not_known_is_refused_and_not_shown_again(tmp_path: Path) -> None:
    viewer(tmp_path)
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        refused = await log_in(browser, "not-a-key-of-this-house")
        assert refused.status_code == 401
        assert "not-a-key-of-this-house" not in refused.text


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(tmp_path: Path) -> None:
    key = viewer(tmp_path)
    async with open_house(tmp_path) as here, httpx.AsyncClient(base_url=here.url) as browser:
        cookie = (await log_in(browser, key.text)).headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert key.text not in cookie


async def test_a_key_that_is_revoked_ends_its_visit(tmp_path: Path) -> None:
    key = viewer(tmp_path)
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        await log_in(browser, key.text)
        with KeyStore.open(tmp_path / "data") as store:
            store.revoke(key.key.id)
        for _ in range(200):
            page = await browser.get("/")
            if page.url.path == "/login":
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the page is still shown")


async def test_logging_out_takes_the_forms_own_token(tmp_path: Path) -> None:
    key = viewer(tmp_path)
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        page = await log_in(browser, key.text)
        await browser.post("/logout", data={"csrf": "made up"}, follow_redirects=False)
        assert (await browser.get("/")).url.path == "/login", "the cookie is taken away at any rate"
        page = await log_in(browser, key.text)
        kept = dict(browser.cookies)
        await browser.post("/logout", data={"csrf": csrf_in(page.text)})
        async with httpx.AsyncClient(base_url=here.url, cookies=kept) as thief:
            assert (await thief.get("/")).status_code == 303


async def test_a_form_from_another_site_is_refused(tmp_path: Path) -> None:
    key = viewer(tmp_path)
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        foreign = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
        answer = await browser.post("/login", data={"key": key.text}, headers=foreign)
        assert answer.status_code == 403


async def test_another_host_name_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        answer = await browser.get("/", headers={"host": "rebound.example"})
        assert answer.status_code == 403
        assert "allowed_hosts" in answer.text


async def test_every_answer_forbids_scripts_that_are_not_ours(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        for path in ("/", "/nothing-here", "/static/tiercel.js", "/static/../app.py"):
            headers = (await browser.get(path)).headers
            assert headers["content-security-policy"].startswith("default-src 'self';"), path
            assert headers["x-content-type-options"] == "nosniff", path


def test_the_gateway_starts_without_loading_any_of_it() -> None:
    program = (
        "import sys, tiercel.cli.serve, tiercel.gateway.app, tiercel.gateway.dashboard.listener;"
        "print([name for name in ('starlette', 'jinja2', 'sqlalchemy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
