"""Takes the screenshots of the dashboard that the documentation shows: `python -m scripts.screenshots`.

They show the demo's tasks, answered by simulated models, and a made-up evaluation, shadow run and split. Needs the
system's Chromium.
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright
from tests.chromium import MISSING, chromium
from tests.evals.reporting.example import example
from tests.gateway.dashboard.browsing import (
    DARK,
    LIGHT,
    PHONE,
    Look,
    lab_house,
    looking_with,
    worked_out,
)
from tests.gateway.dashboard.pages import FLAGS
from tests.gateway.dashboard.trying import RUN, lay_run, lay_trials, trying_house

from tiercel.testing.lab.server import DEFAULT_TIME_SCALE

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
MAX_BYTES = 150_000
MAX_HEIGHT = 860


async def main() -> None:
    """Writes them all. Raises `SystemExit` without a browser, and for one that is too large for a page."""
    program = chromium()
    if program is None:
        raise SystemExit(MISSING)
    FOLDER.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        with tempfile.TemporaryDirectory() as folder:
            async with lab_house(Path(folder), time_scale=DEFAULT_TIME_SCALE) as lab:
                pictures: dict[str, tuple[str, Look]] = {
                    "overview": ("/?by=model", LIGHT),
                    "overview-dark": ("/?by=model", DARK),
                    "request": (f"/requests/{lab.longest_climb()}", LIGHT),
                    "keys": ("/keys", LIGHT),
                    "phone": ("/", PHONE),
                }
                await take(browser, lab.url, pictures)
        with tempfile.TemporaryDirectory() as folder:
            lay_run(Path(folder), example())
            lay_trials(Path(folder), pairs=1_200, sessions=150)
            async with trying_house(Path(folder)) as here:
                trials = {"evaluation": (f"{RUN}#answers", LIGHT), "shadow": ("/shadow", LIGHT)}
                await take(browser, here.url, trials)
        await browser.close()


async def take(browser: Browser, url: str, pictures: dict[str, tuple[str, Look]]) -> None:
    """Each of these pages from its top, once everything on it is worked out."""
    for name, (path, look) in pictures.items():
        async with looking_with(browser, url, look) as window:
            await window.visit(path)
            await worked_out(window.page)
            await window.visit(path)  # from its top, or from what the address names, which has moved
            height = await window.page.evaluate("document.documentElement.scrollHeight")
            picture = FOLDER / f"dashboard-{name}.png"
            await window.page.set_viewport_size({"width": look.width, "height": min(height, MAX_HEIGHT)})
            await window.page.screenshot(path=picture)
            if picture.stat().st_size > MAX_BYTES:
                raise SystemExit(f"{picture}: {picture.stat().st_size} bytes")


if __name__ == "__main__":
    asyncio.run(main())
