"""Feedback: a page at a time, of one's own project, however many there are."""

import re
from pathlib import Path

import msgspec

from tests.gateway.dashboard.pages import dashed, looking
from tests.gateway.dashboard.test_login import log_in, viewer
from tests.gateway.dashboard.test_models_page import text_of
from tests.records.samples import feedback, record
from tiercel.testing.scripted import ScriptedProvider


async def test_older_opinions_of_ones_own_project_are_a_page_away(tmp_path: Path) -> None:
    key = viewer(tmp_path)
    found: list[str] = []
    path = "/feedback"
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with dashed(tmp_path, *deployments) as here, looking(here.url) as browser:
            recorder = here.house.gateway.recorder
            for number in range(240):
                name = f"rec_{number:03}"
                project = "search" if number % 2 else "support"
                recorder.finished(msgspec.structs.replace(record(name), project=project))
                recorder.feedback(feedback(f"said_{number:03}", name, comment="no"))
            await log_in(browser, key.text)
            while path:
                page = (await browser.get(path)).text
                found += re.findall(r'href="/requests/(rec_\d+)"', page)
                older = re.search(r'href="([^"]+)">Older', page)
                path = "/feedback" + older[1].replace("&amp;", "&") if older else ""
            behind_all = text_of((await browser.get("/feedback?after=said_000")).text)
    assert found == [f"rec_{number:03}" for number in range(239, -1, -1) if number % 2]
    assert "None among those looked at" in behind_all
