"""Keys made, rotated and revoked on their page, by operators alone."""

import re
from pathlib import Path

import httpx

from tests.gateway.dashboard.pages import csrf_in, looking
from tests.gateway.dashboard.test_login import log_in, open_house, viewer
from tests.gateway.keyed import issue
from tiercel.domain.keys import AccessKey
from tiercel.records.key_store import KeyStore


def key_in(page: str) -> str:
    found = re.search(r'id="issued" readonly value="([^"]+)"', page)
    assert found is not None, "no key is shown"
    return found[1]


async def act(browser: httpx.AsyncClient, what: str, **fields: str) -> httpx.Response:
    page = await browser.get("/keys")
    return await browser.post("/keys", data={"csrf": csrf_in(page.text), "act": what, **fields})


async def test_the_first_key_is_made_only_by_who_knows_what_it_does(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        refused = await act(browser, "create", role="operator")
        assert refused.status_code == 400
        assert "first key" in refused.text
        made = await act(browser, "create", role="operator", first="yes")
        text = key_in(made.text)
        for _ in range(200):  # the gateway sees it within a second
            page = await browser.get("/")
            if page.url.path == "/login":
                break
        opened = await log_in(browser, text)
        assert opened.url.path == "/"
        assert text not in (await browser.get("/keys")).text, "it is shown once"


async def test_a_key_is_made_with_its_limits_and_lets_its_owner_in(tmp_path: Path) -> None:
    operator = issue(tmp_path, AccessKey(role="operator"))
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        await log_in(browser, operator.text)
        fields = {"project": "search", "allow": "fast", "usd_per_day": "2.50", "requests_per_minute": "60"}
        made = await act(browser, "create", role="client", label="night job", **fields)
        assert key_in(made.text).startswith("tk_")
        with KeyStore.open(tmp_path / "data") as store:
            key = next(one.key for one in store.read().keys.values() if one.key.label == "night job")
        assert (key.project, key.allowed, key.budget.day_nano) == ("search", ("fast",), 2_500_000_000)
        assert key.quota.requests_per_minute == 60


async def test_what_cannot_be_is_said_in_words_and_the_form_keeps_what_was_typed(tmp_path: Path) -> None:
    operator = issue(tmp_path, AccessKey(role="operator"))
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        await log_in(browser, operator.text)
        refused = await act(browser, "create", role="client", label="kept", usd_per_day="much")
        assert refused.status_code == 400
        assert "usd per day" in refused.text
        assert 'value="kept"' in refused.text
        assert "no such tier" in (await act(browser, "create", role="client", allow="fats")).text


async def test_a_revoked_key_needs_a_word_more_and_is_over(tmp_path: Path) -> None:
    operator, other = issue(tmp_path, AccessKey(role="operator")), issue(tmp_path)
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        await log_in(browser, operator.text)
        assert (await act(browser, "revoke", id=other.key.id)).status_code == 400
        assert "is revoked" in (await act(browser, "revoke", id=other.key.id, sure="yes")).text
        with KeyStore.open(tmp_path / "data") as store:
            assert store.read().keys[other.key.id].key.revoked_at is not None


async def test_a_rotated_key_has_a_new_secret_under_its_id(tmp_path: Path) -> None:
    operator, other = issue(tmp_path, AccessKey(role="operator")), issue(tmp_path)
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        await log_in(browser, operator.text)
        fresh = key_in((await act(browser, "rotate", id=other.key.id, overlap="0")).text)
    assert fresh != other.text
    assert other.key.id in fresh


async def test_a_viewer_sees_no_keys_and_changes_none(tmp_path: Path) -> None:
    key = viewer(tmp_path)
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        page = await log_in(browser, key.text)
        assert "/keys" not in page.text
        assert (await browser.get("/keys")).status_code == 403
        sent = await browser.post(
            "/keys", data={"csrf": csrf_in(page.text), "act": "create", "role": "operator"}
        )
        assert sent.status_code == 403
    with KeyStore.open(tmp_path / "data") as store:
        assert len(store.read().keys) == 1
