"""Looking at pages as people do: a real browser, in light and dark and on a phone, which complains of what is wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.gateway.dashboard.pages import Dashed, dashed
from tiercel.cli.demo_client import DemoClient
from tiercel.cli.demo_policy import demo_policy
from tiercel.cli.demo_tasks import Outcome, send_tasks
from tiercel.gateway.app import RunningGateway
from tiercel.testing.lab.server import Lab
from tiercel.testing.tasks import demo_tasks

WEIGHTY = ("serious", "critical")
AXE = {"resultTypes": ["violations"], "elementRef": False}
CONTRAST = AXE | {"runOnly": ["color-contrast"]}
"""What another ground can change; the rest of the page is the same, and all of it takes seconds to look at."""
HEIGHT = 900
PATIENCE_MS = 60_000.0


class Look(msgspec.Struct, frozen=True):
    """How somebody looks: on which ground, and how wide the window is."""

    scheme: Literal["light", "dark"]
    width: int

    def __str__(self) -> str:
        return f"{self.scheme}-{self.width}"


LIGHT, DARK, PHONE = Look("light", 1280), Look("dark", 1280), Look("light", 390)
LOOKS = (LIGHT, DARK, PHONE)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A page in the browser. `complaints` is what the browser said was wrong so far: errors of scripts, what the
    policy for content refused, answers that were not found, anything that came from elsewhere."""

    url: str
    page: Page
    complaints: list[str]
    look: Look

    async def visit(self, path: str) -> None:
        """Go there, and wait until charts are drawn."""
        await self.page.goto(self.url + path, wait_until="load")

    async def check(self) -> None:
        """Nothing is wrong: no complaint, nothing wider than the window, nothing that hinders people."""
        assert not self.complaints, self.complaints
        await self.fits()
        found = await Axe().run(self.page, options=AXE if self.look == LIGHT else CONTRAST)
        wrong = [one for one in found.response["violations"] if one["impact"] in WEIGHTY]
        told = [
            f"{one['id']}: {one['help']}: {node['html'][:200]}: {node['failureSummary']}"
            for one in wrong
            for node in one["nodes"]
        ]
        assert not told, "\n".join(told)

    async def fits(self) -> None:
        """Nothing is wider than the window."""
        wider = await self.page.evaluate(OVERFLOWING)
        assert not wider, wider


async def worked_out(page: Page) -> None:
    """Wait until nothing on the page is at work any more."""
    await page.wait_for_function(
        "() => !document.body.textContent.includes('is at work')", timeout=PATIENCE_MS
    )


# what stands out of the window to the right, where the page can be scrolled there
OVERFLOWING = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll("main *, header *")]
        .filter((part) => !part.closest("nav, .scroll") && (part.scrollWidth > innerWidth
            || part.getBoundingClientRect().right > innerWidth + 1))
        .map((part) => part.outerHTML.slice(0, 120))
        .concat([`${document.documentElement.scrollWidth} > ${innerWidth}`])"""


@asynccontextmanager
async def looking_with(browser: Browser, url: str, look: Look = LIGHT) -> AsyncIterator[Window]:
    """A window of somebody who was never here before."""
    context = await browser.new_context(
        color_scheme=look.scheme,
        viewport={"width": look.width, "height": HEIGHT},
        timezone_id="UTC",
        locale="en-GB",
    )
    try:
        yield await new_window(context, url, look)
    finally:
        await context.close()


async def new_window(context: BrowserContext, url: str, look: Look = LIGHT) -> Window:
    """One more window of the same visit."""
    page = await context.new_page()
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            complaints.append(f"from elsewhere: {request.url}")

    page.on("console", heard)
    page.on("request", asked)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    return Window(url=url, page=page, complaints=complaints, look=look)


class LabHouse(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway over simulated models, its dashboard, and the demo's tasks that it answered."""

    here: Dashed
    outcomes: list[Outcome]

    @property
    def url(self) -> str:
        return self.here.url

    @property
    def gateway(self) -> RunningGateway:
        return self.here.house.gateway

    def longest_climb(self) -> str:
        """The id of the request that took the most calls."""
        records = [outcome.record for outcome in self.outcomes if outcome.record is not None]
        return max(records, key=lambda record: len(record.attempts)).id


@asynccontextmanager
async def lab_house(folder: Path, *, time_scale: float = 0.0) -> AsyncIterator[LabHouse]:
    """A gateway that answered the demo's tasks, without waiting by default, and keeps what was said in full."""
    async with Lab(time_scale=time_scale) as lab:
        settings = lab.settings(str(folder / "data"))
        storage = msgspec.structs.replace(settings.storage, content="full")
        listener = msgspec.structs.replace(settings.listener, port=0)
        settings = msgspec.structs.replace(settings, storage=storage, listener=listener)
        async with dashed(folder, policy=demo_policy(), settings=settings) as here:
            gateway = here.house.gateway
            client = DemoClient(gateway.base_url)
            try:
                outcomes = await send_tasks(gateway, client, demo_tasks(), lambda: None)
            finally:
                await client.aclose()
            yield LabHouse(here=here, outcomes=outcomes)
