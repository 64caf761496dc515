"""Candidates on copies and splits: verdicts as the commands say them, and the pairs themselves."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.shadow_setting import keep, pairs_of, records_of, registered
from tests.cli.test_split import record_of
from tests.evals.test_split_figures import rows
from tests.gateway.dashboard.test_evaluations_page import ready
from tests.gateway.dashboard.test_models_page import text_of
from tests.gateway.dashboard.trying import DATA, looked_at
from tiercel.domain.record import ShadowPair
from tiercel.domain.shadow import ShadowRun
from tiercel.records.shadow_store import ShadowStore


def lay_run(folder: Path, marks: str, **changes: Any) -> tuple[ShadowRun, list[ShadowPair]]:
    run = registered(folder, **changes)
    pairs = pairs_of(run, marks)
    keep(folder, *records_of(pairs), *pairs)
    return run, pairs


async def test_without_candidates_it_says_how_to_try_one(tmp_path: Path) -> None:
    async with looked_at(tmp_path) as browser:
        page = await ready(browser, "/shadow")
    assert "No candidate is tried" in page
    assert "tiercel shadow start" in page


async def test_a_run_shows_its_verdict_its_evidence_and_the_next_step(tmp_path: Path) -> None:
    run, _ = lay_run(tmp_path, "=" * 200)
    async with looked_at(tmp_path) as browser:
        page = await ready(browser, "/shadow")
        raw = (await browser.get("/shadow")).text
    assert "little is not worse than what chat delivers by more than 10 points" in page
    assert f"tiercel shadow adopt {run.id}" in page
    drawn = re.search(r'data-unit="e".*?<script type="application/json">(.*?)</script>', raw, re.DOTALL)
    assert drawn is not None
    lines = msgspec.json.decode(drawn[1])["lines"]
    assert [line["name"] for line in lines] == [
        "not worse",
        "needed for not worse",
        "worse",
        "needed for worse",
    ]
    assert lines[0]["values"][-1] > lines[1]["values"][-1] > lines[2]["values"][-1]


async def test_a_run_is_there_before_its_first_request(tmp_path: Path) -> None:
    registered(tmp_path)
    async with looked_at(tmp_path) as browser:
        page = await ready(browser, "/shadow")
    assert "Cannot tell yet (no pair yet)" in page


async def test_what_is_registered_is_shown_before_anything_is_worked_out(tmp_path: Path) -> None:
    run = registered(tmp_path)
    async with looked_at(tmp_path) as browser:
        page = text_of((await browser.get("/shadow")).text)
    assert "tiercel shadow status is at work" in page
    assert run.id in page


async def test_what_was_changed_after_registration_has_no_verdict(tmp_path: Path) -> None:
    run, _ = lay_run(tmp_path, "=" * 50)
    edited = msgspec.structs.replace(run, id="shadow_edited", margin=0.5)
    ShadowStore(tmp_path / DATA).start(edited)
    async with looked_at(tmp_path) as browser:
        page = await ready(browser, "/shadow")
    assert "What was registered has been changed since" in page


async def test_arms_of_a_split_have_their_intervals(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    arms = [rows("flash", 40, seconds=2.0), rows("haiku", 40, nano=2_000)]
    keep(tmp_path, *[record_of(row) for arm in arms for row in arm])
    async with looked_at(tmp_path) as browser:
        page = await ready(browser, "/shadow")
    assert "Split trial of chat" in page
    assert re.search(r"haiku, latency p95: lower 0\.\d+ times as much", page)


async def test_pairs_that_differ_come_first_and_lead_to_their_requests(tmp_path: Path) -> None:
    run, pairs = lay_run(tmp_path, "=-=+0")
    async with looked_at(tmp_path) as browser:
        differing = (await browser.get("/shadow/pairs", params={"run": run.id})).text
        all_of_them = (await browser.get("/shadow/pairs", params={"run": run.id, "show": "all"})).text
    assert re.findall(r"/requests/(rec_\d+)", differing) == [pairs[3].record_id, pairs[1].record_id]
    assert len(re.findall(r"/requests/rec_", all_of_them)) == 5
    assert "missed json_schema" in text_of(differing)


async def test_more_pairs_than_a_page_are_all_reached(tmp_path: Path) -> None:
    run, pairs = lay_run(tmp_path, "-" * 45)
    found: list[str] = []
    path = f"/shadow/pairs?run={run.id}"
    async with looked_at(tmp_path) as browser:
        while path:
            page = (await browser.get(path)).text
            found += re.findall(r'/requests/(rec_\d+)"', page)
            older = re.search(r'href="([^"]+)">Older', page)
            path = "/shadow/pairs" + older[1].replace("&amp;", "&") if older else ""
    assert found == [pair.record_id for pair in reversed(pairs)]


async def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    lay_run(tmp_path, "-")
    async with looked_at(tmp_path) as browser:
        answer = await browser.get("/shadow/pairs?run=x&after=nonsense")
    assert answer.status_code == 400
