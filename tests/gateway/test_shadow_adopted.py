"""A candidate from its registration to the front of the ladder, through a running gateway and the command line."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest

from tests.cli.shadow_setting import pairs_of
from tests.gateway.house import House
from tests.gateway.plain_http import call
from tests.gateway.test_shadow import ask, copies, until
from tests.records.place import Place
from tests.records.postgres_server import postgres_server, reason_for_none
from tiercel.cli.main import main
from tiercel.domain.policy import Policy
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Settings, Storage
from tiercel.domain.shadow import ShadowRun, ShadowTerms
from tiercel.gateway.app import running
from tiercel.policy import load_policy, load_settings
from tiercel.records.shadow_store import ShadowStore
from tiercel.records.store import Store
from tiercel.testing.scripted import Says, ScriptedProvider

POLICY = """
version = 1
[tiers.usual]
members = ["old"]
[[rules]]
name = "any"
ladder = ["usual"]
"""
HALF = 12
"""Two times so many pairs suffice where the margin is a half."""


def settings_text(old: ScriptedProvider, new: ScriptedProvider) -> str:
    """Both providers, each with a model and its price."""
    lines = ["version = 1"]
    for name, provider in (("old", old), ("new", new)):
        url = provider.deployment(name).provider.base_url
        lines += [
            f"[providers.{name}]",
            f'base_url = "{url}"',
            f"[models.{name}]",
            f'served_by = {{ {name} = "{name}" }}',
            "max_output = 100",
            "prices = { input_usd_per_million = 1, output_usd_per_million = 2 }",
        ]
    return "\n".join(lines)


@asynccontextmanager
async def serving(settings: Settings, policy: Policy) -> AsyncIterator[House]:
    async with running(settings, policy, port=0) as gateway:
        here = House(gateway)
        yield here
        await here.client.close()


def registered(folder: Path, url: Secret | None) -> tuple[ShadowRun, ...]:
    """All runs, in the order in which they were started."""
    with closing(ShadowStore(folder / "tiercel-data", url)) as store:
        return store.runs()


async def tiercel(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> Iterator[Secret | None]:
    """A database of either kind; `None` for the one in the data folder."""
    if request.param == "sqlite":
        yield None
    elif (reason := reason_for_none()) is not None:
        pytest.skip(reason)
    else:
        with postgres_server() as server:
            yield server.new_database()


async def test_from_start_to_adoption(
    tmp_path: Path, url: Secret | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Start, traffic, a restart in between, a verdict, a proposal that is valid and served, and its audit."""
    monkeypatch.chdir(tmp_path)
    storage = ""
    if url is not None:
        monkeypatch.setenv("RECORDS_URL", url.reveal())
        storage = '\n[storage]\ndatabase_url_env = "RECORDS_URL"\n'
    async with ScriptedProvider(name="old") as old, ScriptedProvider(name="new") as new:
        old.default, new.default = Says(text="from the old one"), Says(text="from the new one")
        (tmp_path / "tiercel.toml").write_text(settings_text(old, new) + storage, "utf-8")
        (tmp_path / "policy.toml").write_text(POLICY, "utf-8")
        settings = load_settings(tmp_path / "tiercel.toml", os.environ)
        words = ("--share", "1", "--margin", "0.5", "--max-usd", "1", "--window", "0")
        for turn in range(2):
            async with serving(settings, load_policy(tmp_path / "policy.toml")) as here:
                if turn == 0:
                    assert (
                        await tiercel("shadow", "start", "--rule", "any", "--candidate", "new", *words) == 0
                    )
                await until(lambda: bool(here.gateway.runtime.shadowing.runs))
                for _ in range(HALF):
                    assert b"from the old one" in (await ask(here)).body
                await copies(here, HALF)
        capsys.readouterr()
        assert await tiercel("shadow", "status") == 0
        shown = capsys.readouterr().out
        assert "new is not worse than what any delivers by more than 50 points" in shown
        assert f"{2 * HALF} requests were drawn, {2 * HALF} copied, 0 not" in shown
        (run,) = registered(tmp_path, url)
        assert await tiercel("shadow", "adopt", run.id, "--audit-share", "1") == 0
        assert await tiercel("validate", "--policy", "policy.proposed.toml") == 0
        async with serving(settings, load_policy(tmp_path / "policy.proposed.toml")) as here:
            await until(lambda: bool(here.gateway.runtime.shadowing.runs))
            assert b"from the new one" in (await ask(here)).body
            await copies(here, 1)
        ended, audit = registered(tmp_path, url)
        assert (ended.id, ended.stop_reason) == (run.id, "proposed: not worse")
        capsys.readouterr()
        assert await tiercel("shadow", "status", audit.id) == 0
        assert "No sign that new is worse by more than 50 points (difference +0.0" in capsys.readouterr().out


async def test_the_audit_waits_for_the_proposal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the old ladder is in force, nothing is copied for it."""
    monkeypatch.chdir(tmp_path)
    async with ScriptedProvider(name="old") as old, ScriptedProvider(name="new") as new:
        old.default = new.default = Says(text="hello")
        (tmp_path / "tiercel.toml").write_text(settings_text(old, new), "utf-8")
        (tmp_path / "policy.toml").write_text(POLICY, "utf-8")
        ShadowStore(tmp_path / "tiercel-data").start(watching(time.time() - 1))
        settings = load_settings(tmp_path / "tiercel.toml", {})
        async with serving(settings, load_policy(tmp_path / "policy.toml")) as here:
            await until(lambda: bool(here.gateway.runtime.shadowing.runs))
            await ask(here)
            assert len(old.requests) == 1
            page = (await call(here.url, "GET", "/metrics")).body.decode()
            assert "tiercel_shadow_copies_total" not in page


def watching(started_at: float) -> ShadowRun:
    """An audit of `new`, which took the place of `old`."""
    audit = ShadowRun(
        id="",
        rule="any",
        candidate="old",
        share=1.0,
        margin=0.1,
        budget_nano=10**9,
        started_at=started_at,
        terms=ShadowTerms(leader="new", audits="shadow_before", window_seconds=0.0),
    )
    return msgspec.structs.replace(audit, id=audit.registered_id)


def went_wrong(audit: ShadowRun, place: Store) -> None:
    """Pairs in which only the model that was replaced passes half of the time."""
    place.insert(pairs_of(audit, "=+" * 60), "segment", 1)
    place.close()


async def test_an_alarm_is_logged_once_and_stands_in_the_metrics(
    tmp_path: Path, url: Secret | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The server bets by itself, from what is in its database."""
    async with ScriptedProvider(name="old") as old, ScriptedProvider(name="new") as new:
        (tmp_path / "tiercel.toml").write_text(settings_text(old, new), "utf-8")
        (tmp_path / "policy.toml").write_text(POLICY, "utf-8")
        settings = load_settings(tmp_path / "tiercel.toml", {})
        audit = watching(time.time() - 86_400)
        await alarmed(tmp_path, settings, audit, url)
    said = [one.getMessage() for one in caplog.records if "shadow audit" in one.getMessage()]
    assert said == [
        f"shadow audit {audit.id}: new is worse than old by more than 10 points after all, on 120 observations of "
        f"rule any; `tiercel shadow status {audit.id}` shows them"
    ]


async def alarmed(folder: Path, settings: Settings, audit: ShadowRun, url: Secret | None) -> None:
    """Serves until the metrics have the alarm."""
    data = folder / "data"
    data.mkdir()
    place = Place(data, url)
    went_wrong(audit, place.store())
    store = ShadowStore(data, url)
    store.start(audit)
    store.close()
    settings = msgspec.structs.replace(settings, storage=Storage(folder=str(data), database_url=url))
    async with serving(settings, load_policy(folder / "policy.toml")) as here:
        wanted = f'tiercel_shadow_audit_alarm{{rule="any",run="{audit.id}"}} 1'
        page = ""
        for _ in range(1_000):
            page = (await call(here.url, "GET", "/metrics")).body.decode()
            if wanted in page:
                break
            await asyncio.sleep(0.02)
        assert wanted in page
        assert "tiercel_shadow_audit_capital{" in page
