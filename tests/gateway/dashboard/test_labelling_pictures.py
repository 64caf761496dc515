"""Labelling an item that shows a picture: whoever labels sees it, and the page may load nothing else."""

import base64
from pathlib import Path

import msgspec

from tests.evals.comparing.runs import items_of, measured, rows
from tests.gateway.dashboard.test_evaluations_page import loaded
from tests.gateway.dashboard.trying import LABEL, lay_run, looked_at
from tiercel.testing.tasks import screenshot_png

PICTURE = "data:image/png;base64," + base64.b64encode(screenshot_png()).decode()


async def test_the_picture_is_drawn_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    urls = (PICTURE, "https://evil.example/beacon.png", "data:image/svg+xml;base64,PHN2Zy8+")
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Look."}, *parts]}]}
    items = [msgspec.structs.replace(item, body=body) for item in items_of(2)]
    run = measured([*rows("deep", "++", items), *rows("fast", "--", items)], items)
    lay_run(tmp_path, run)
    async with looked_at(tmp_path) as browser:
        page = await loaded(browser, LABEL)
        policy = (await browser.get(LABEL)).headers["content-security-policy"]
    assert page.count("<img") == 1
    assert f'src="{PICTURE}"' in page
    assert "[image: https://evil.example/beacon.png]" in page
    assert "img-src 'self' data:" in policy
    assert "default-src 'self'" in policy
