"""A session's name leads to the requests of the key that sent it, whoever else calls one so."""

import re
import time
from html import unescape
from pathlib import Path

import msgspec

from tests.gateway.dashboard.pages import dashed, looking
from tests.gateway.dashboard.test_login import log_in, viewer
from tests.records.samples import record
from tiercel.testing.scripted import ScriptedProvider


async def test_a_session_leads_to_its_own_requests(tmp_path: Path) -> None:
    key = viewer(tmp_path)
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with dashed(tmp_path, *deployments) as here, looking(here.url) as browser:
            for name in ("ada", "bob"):
                made = record(f"rec_{name}", started_at=time.time())
                owned = msgspec.structs.replace(made, session="run-1", project="search", key_id=name)
                here.house.gateway.recorder.finished(owned)
            await log_in(browser, key.text)
            listed = (await browser.get("/requests")).text
            single = (await browser.get("/requests/rec_ada")).text
            paths = {
                "/requests" + unescape(path)[unescape(path).index("?") :]
                for path in re.findall(r'href="([^"]*session=run-1[^"]*)"', listed + single)
            }
            found = [
                re.findall(r'href="/requests/(rec_\w+)"', (await browser.get(path)).text)
                for path in sorted(paths)
            ]
    assert found == [["rec_ada"], ["rec_bob"]]
