"""Takes the screenshots of the dashboard that the documentation shows: `python -m scripts.screenshots`.

They show the demo's tasks, answered by simulated models. Needs the system's Chromium.
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright
from tests.chromium import MISSING, chromium
from tests.gateway.dashboard.browsing import DARK, LIGHT, PHONE, Look, lab_house, looking_with
from tests.gateway.dashboard.pages import FLAGS

from tiercel.testing.lab.server import DEFAULT_TIME_SCALE

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
MAX_BYTES = 150_000
MAX_HEIGHT = 860


async def main() -> None:
    """Writes them all. Raises `SystemExit` for one that is too large for a page."""
    program = chromium()
    if program is None:
        raise SystemExit(MISSING)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            lab_house(Path(folder), time_scale=DEFAULT_TIME_SCALE) as lab,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
            pictures: dict[str, tuple[str, Look]] = {
                "overview": ("/?by=model", LIGHT),
                "overview-dark": ("/?by=model", DARK),
                "request": (f"/requests/{lab.longest_climb()}", LIGHT),
                "keys": ("/keys", LIGHT),
                "phone": ("/", PHONE),
            }
            for name, (path, look) in pictures.items():
                async with looking_with(browser, lab.url, look) as window:
                    await window.visit(path)
                    height = await window.page.evaluate("document.documentElement.scrollHeight")
                    picture = FOLDER / f"dashboard-{name}.png"
                    await window.page.set_viewport_size(
                        {"width": look.width, "height": min(height, MAX_HEIGHT)}
                    )
                    await window.page.screenshot(path=picture)
                    if picture.stat().st_size > MAX_BYTES:
                        raise SystemExit(f"{picture}: {picture.stat().st_size} bytes")
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
