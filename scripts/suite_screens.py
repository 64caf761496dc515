"""The screens of the suite `gui`: `python -m scripts.suite_screens` draws them anew, with this system's Chromium.

They are pages of our own, below. Beside drawing it prints where each control lies, as left, top, right and bottom in
pixels: the bounds in `src/tiercel/evals/suites/gui.yaml` must lie within, so look at both when a page is changed.
Whatever is clicked has a size of its own, so that it lies in the same place whichever fonts a system has.
"""

import asyncio
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec
from playwright.async_api import Page, async_playwright
from tests.chromium import MISSING, chromium

Boxes: TypeAlias = dict[str, tuple[int, int, int, int]]
FOLDER = Path(__file__).resolve().parent.parent / "src" / "tiercel" / "evals" / "suites" / "screens"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-lcd-text", "--force-color-profile=srgb")
MOST_BYTES = 12_000
SHADES = bytes((shade + 8) // 17 * 17 for shade in range(256))

STYLE = """<!doctype html><style>
* { box-sizing: border-box; margin: 0; }
body { font: 14px "DejaVu Sans", sans-serif; color: #222222; background: #eeeeee; overflow: hidden; }
.window { position: absolute; background: #fff; border: 1px solid #999999; }
.bar { background: #334455; color: #fff; height: 34px; padding: 0 14px; line-height: 34px; font-weight: bold; }
button { font: inherit; height: 32px; padding: 0; border: 1px solid #888888; background: #ffffff; color: #222222; }
button.main { background: #2266ee; border-color: #2266ee; color: #fff; }
.field { border: 1px solid #888888; padding: 7px 9px; height: 34px; background: #fff; }
.row { position: absolute; }
.soft { color: #666666; }
.wrong { border: 2px solid #cc2222; }
.switch { position: absolute; width: 46px; height: 24px; border-radius: 12px; background: #bbbbbb; }
.switch::after { content: ""; position: absolute; left: 3px; top: 3px; width: 18px; height: 18px; border-radius: 9px;
  background: #fff; }
.switch.on { background: #339955; }
.switch.on::after { left: 25px; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; height: 33px; padding: 0 12px; border-bottom: 1px solid #dddddd; }
th { background: #eeeeee; }
td.number { text-align: right; }
</style>"""

FORM = """<div class="window" style="left: 100px; top: 40px; width: 600px; height: 510px">
<div class="bar">New supplier</div>
<div class="row" style="left: 30px; top: 66px">Company</div>
<div class="row field" style="left: 170px; top: 58px; width: 390px">Hollis Bearings Ltd</div>
<div class="row" style="left: 30px; top: 126px">Contact</div>
<div class="row field" style="left: 170px; top: 118px; width: 390px">Amara Nwosu</div>
<div class="row" style="left: 30px; top: 186px">E-mail</div>
<div class="row field wrong" style="left: 170px; top: 178px; width: 390px">amara.nwosu(at)hollis.example</div>
<div class="row" style="left: 170px; top: 217px; color: #cc2222; font-size: 12px">This is not an address.</div>
<div class="row" style="left: 30px; top: 256px">Payment term</div>
<div class="row field" id="term" style="left: 170px; top: 248px; width: 190px">30 days
<span style="position: absolute; right: 10px">&#9662;</span></div>
<div class="row" style="left: 30px; top: 316px">Country</div>
<div class="row field" style="left: 170px; top: 308px; width: 190px">Ireland
<span style="position: absolute; right: 10px">&#9662;</span></div>
<div class="row" id="reviewed" style="left: 170px; top: 372px; width: 18px; height: 18px; border: 1px solid #555"></div>
<div class="row" style="left: 198px; top: 372px">Documents were reviewed</div>
<button class="row" id="draft" style="left: 30px; width: 128px; top: 446px">Keep as draft</button>
<button class="row" id="cancel" style="left: 360px; width: 82px; top: 446px">Cancel</button>
<button class="row main" id="save" style="left: 462px; top: 446px; width: 98px">Save</button>
</div>"""

SETTINGS = """<div class="window" style="left: 0; top: 0; width: 800px; height: 600px">
<div class="bar">Settings</div>
<div class="row" style="left: 0; top: 37px; width: 190px; height: 563px; background: #eeeeee; line-height: 44px">
<div id="general" style="padding-left: 20px">General</div>
<div id="notices" style="padding-left: 20px; background: #ddeeff; font-weight: bold">Notifications</div>
<div id="privacy" style="padding-left: 20px">Privacy</div>
<div id="storage" style="padding-left: 20px">Storage</div></div>
<div class="row" style="left: 230px; top: 66px; font-size: 20px">Notifications</div>
<div class="row" style="left: 230px; top: 126px">Sound</div>
<div class="switch on" id="sound" style="left: 700px; top: 122px"></div>
<div class="row" style="left: 230px; top: 182px">Show previews on the lock screen</div>
<div class="switch" id="previews" style="left: 700px; top: 178px"></div>
<div class="row" style="left: 230px; top: 238px">Weekly summary by mail</div>
<div class="switch on" id="weekly" style="left: 700px; top: 234px"></div>
<div class="row" style="left: 230px; top: 294px">Vibrate</div>
<div class="switch" id="vibrate" style="left: 700px; top: 290px"></div>
<div class="row" style="left: 230px; top: 360px">Quiet hours</div>
<div class="row field" id="quiet" style="left: 560px; top: 352px; width: 186px">22:30 to 06:45</div>
<button class="row" id="reset" style="left: 230px; width: 94px; top: 530px">Reset all</button>
</div>"""

TABLE = """<div class="window" style="left: 0; top: 0; width: 800px; height: 600px">
<div class="bar">Orders</div>
<div style="padding: 12px; background: #eeeeee; height: 58px; position: relative">
<button class="row" id="new" style="left: 12px; width: 66px">New</button>
<button class="row" id="edit" style="left: 86px; width: 62px">Edit</button>
<button class="row" id="delete" style="left: 158px; width: 80px">Delete</button>
<button class="row" id="export" style="left: 250px; width: 80px">Export</button>
<div class="row field soft" id="search" style="left: 560px; width: 226px">Search</div></div>
<table><tr><th id="number" style="width: 120px">Order</th><th>Customer</th><th style="width: 130px">Date</th>
<th id="total" style="width: 130px; text-align: right">Total</th><th style="width: 120px">State</th></tr>
<tr><td>4471</td><td>Brandt &amp; Sons</td><td>2 March</td><td class="number">184.20</td><td>sent</td></tr>
<tr style="background: #ddeeff"><td>4472</td><td>Okafor Prints</td><td>2 March</td><td class="number">1,265.00</td>
<td>open</td></tr>
<tr><td>4473</td><td>Studio Pereira</td><td>3 March</td><td class="number">96.75</td><td>sent</td></tr>
<tr id="row4474"><td>4474</td><td>Lindgren AB</td><td>4 March</td><td class="number">1,256.00</td><td>late</td></tr>
<tr><td>4475</td><td>Mori Ceramics</td><td>4 March</td><td class="number">412.50</td><td>open</td></tr>
<tr><td>4476</td><td>Okafor Prints</td><td>5 March</td><td class="number">58.00</td><td>sent</td></tr></table>
<div class="row soft" style="left: 14px; bottom: 14px">6 orders, 1 selected</div>
</div>"""

ERROR = """<div class="window" style="left: 0; top: 0; width: 800px; height: 600px; background: #dddddd">
<div class="bar">report-q3.ods</div></div>
<div class="window" style="left: 190px; top: 190px; width: 420px; height: 210px">
<div class="bar" style="background: #882222">The file was not saved</div>
<div style="padding: 18px; line-height: 22px">There is no room left on drive D:.<br>
4.2 MB are needed, 1.7 MB are free.<br><span class="soft">Error 0x70 while writing report-q3.ods</span></div>
<button class="row" id="discard" style="left: 18px; width: 88px; top: 158px">Discard</button>
<button class="row" id="elsewhere" style="left: 158px; width: 144px; top: 158px">Save elsewhere</button>
<button class="row main" id="again" style="left: 318px; width: 72px; top: 158px">Retry</button>
</div>"""

PHONE = """<body style="background: #fff"><div style="padding: 8px 16px; background: #334455; color: #fff">09:41
<span style="float: right">64 %</span></div>
<div class="row" style="left: 16px; top: 52px; font-size: 20px">Tickets</div>
<div class="row" id="filter" style="left: 276px; top: 46px; width: 68px; height: 36px; border: 1px solid #888888;
 padding: 8px 13px">Filter</div>
<div class="row" style="left: 16px; top: 108px; width: 328px; height: 108px; border: 1px solid #dddddd; padding: 14px">
<b>Harbour to Old Mill</b><br><span class="soft" style="line-height: 26px">Line 14, platform 3, 10:05</span><br>
<span style="line-height: 26px">Seat 27A</span></div>
<div class="row" style="left: 16px; top: 232px; width: 328px; height: 108px; border: 1px solid #dddddd; padding: 14px">
<b>Old Mill to Harbour</b><br><span class="soft" style="line-height: 26px">Line 41, platform 8, 18:50</span><br>
<span style="line-height: 26px">Seat 72A</span></div>
<div class="row" id="plus" style="left: 284px; top: 486px; width: 56px; height: 56px; border-radius: 28px;
 background: #2266ee; color: #fff; font-size: 30px; text-align: center; line-height: 54px">+</div>
<div class="row" style="left: 0; top: 568px; width: 360px; height: 72px; background: #eeeeee; display: flex;
 text-align: center; line-height: 72px">
<div id="home" style="flex: 1">Home</div><div id="tickets" style="flex: 1; font-weight: bold">Tickets</div>
<div id="account" style="flex: 1">Account</div></div></body>"""

DESKTOP = (800, 600)
SCREENS: dict[str, tuple[str, tuple[int, int]]] = {
    "form": (FORM, DESKTOP),
    "settings": (SETTINGS, DESKTOP),
    "table": (TABLE, DESKTOP),
    "error": (ERROR, DESKTOP),
    "phone": (PHONE, (360, 640)),
}
BOXES = """() => Object.fromEntries([...document.querySelectorAll('[id]')].map(node => {
  const box = node.getBoundingClientRect();
  return [node.id, [box.left, box.top, box.right, box.bottom].map(Math.round)];
}))"""


async def screens(browser: str) -> AsyncIterator[tuple[str, bytes, Boxes]]:
    """Every screen by its name: a PNG, and the boxes of its controls."""
    async with async_playwright() as playwright:
        window = await playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        page = await window.new_page()
        for name, (content, (width, height)) in SCREENS.items():
            await page.set_viewport_size({"width": width, "height": height})
            await page.set_content(STYLE + content)
            yield name, await page.screenshot(), await _boxes(page)
        await window.close()


async def _boxes(page: Page) -> Boxes:
    return msgspec.convert(await page.evaluate(BOXES), Boxes)


def with_palette(png: bytes) -> bytes:
    """The same picture with sixteen shades of red, of green and of blue: a third of the size, and hardly other."""
    width, height = struct.unpack_from(">II", png, 16)
    colours: dict[bytes, int] = {}
    lines = []
    for line in (line.translate(SHADES) for line in _lines(png, width)):
        pixels = (line[at : at + 3] for at in range(0, 3 * width, 3))
        lines.append(b"\0" + bytes(colours.setdefault(pixel, len(colours)) for pixel in pixels))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(colours)),
        (b"IDAT", zlib.compress(b"".join(lines), 9)),
        (b"IEND", b""),
    )
    return png[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _lines(png: bytes, width: int) -> Iterator[bytes]:
    """The pixels of each line, three bytes each: PNG writes most as differences from the left and from above."""
    if png[24:26] != b"\x08\x02":
        raise SystemExit("the browser's picture is not of 8 bits in red, green and blue")
    data = zlib.decompress(b"".join(_chunks(png, b"IDAT")))
    above = bytes(3 * width)
    for start in range(0, len(data), 3 * width + 1):
        line = bytearray(data[start + 1 : start + 1 + 3 * width])
        for at in range(3 * width):
            left, up, corner = (line[at - 3], above[at], above[at - 3]) if at >= 3 else (0, above[at], 0)
            line[at] = (line[at] + _expected(data[start], left, up, corner)) % 256
        yield bytes(line)
        above = bytes(line)


def _expected(kind: int, left: int, up: int, corner: int) -> int:
    """What the filter of this kind takes a byte to be (PNG, section 9)."""
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    nearest = {one: abs(left + up - corner - one) for one in (left, up, corner)}
    return min(nearest, key=lambda one: nearest[one])


def _chunks(png: bytes, wanted: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        if kind == wanted:
            yield png[at + 8 : at + 8 + size]
        at += size + 12


async def draw(browser: str) -> None:
    """Writes them, and says what lies where. Raises `SystemExit` for one that is too large."""
    async for screen, png, boxes in screens(browser):
        path = FOLDER / f"{screen}.png"
        path.write_bytes(with_palette(png))
        print(f"{path.name}: {path.stat().st_size:,} bytes")
        for name, box in boxes.items():
            print(f"  {name:12}", *(f"{edge:4}" for edge in box))
        if path.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{path}: more than {MOST_BYTES:,} bytes")


def main() -> int:
    """Draw them; 1 where there is no browser to do it."""
    browser = chromium()
    if browser is None:
        print(MISSING, file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(draw(browser))
    return 0


if __name__ == "__main__":
    sys.exit(main())
