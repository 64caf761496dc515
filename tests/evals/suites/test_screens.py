"""The suite `gui`: screens as they are drawn, points where the controls are, and facts that know the task."""

import base64
import struct
from pathlib import Path

import msgspec
import pytest

from scripts.suite_screens import screens
from tests.chromium import MISSING, chromium
from tests.evals.suites.test_shipped import read
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Hints
from tiercel.evals.evaluation import Item
from tiercel.evals.suites import shipped_suite
from tiercel.routing.facts import read_facts
from tiercel.wire.registry import CODECS

BROWSER = chromium()
MOST_BYTES = 12_000
PICTURES = shipped_suite("gui", lambda gate: gate).pictures


@pytest.fixture
def items(tmp_path: Path) -> tuple[Item, ...]:
    return read("gui", tmp_path).items


def test_the_facts_of_every_item_find_the_task(items: tuple[Item, ...]) -> None:
    """Without a hint: by its system prompt, its tools, its picture."""
    for item in items:
        body = msgspec.json.encode({"model": "auto", **item.body})
        facts = read_facts(CODECS["openai_chat"].decode_request(body), Hints())
        assert (facts.task, facts.modalities) == ("gui", ("text", "image")), item.id


def test_screens_are_small_files() -> None:
    """They come with the package, and every run keeps them."""
    assert len(PICTURES) == 5
    assert all(len(content) <= MOST_BYTES for content in PICTURES.values())


@pytest.mark.skipif(BROWSER is None, reason=MISSING)
async def test_right_points_lie_in_a_control_of_their_screen(items: tuple[Item, ...]) -> None:
    """So that a page that is changed is drawn anew, and its points with it."""
    assert BROWSER is not None
    boxes = {}
    async for name, png, controls in screens(BROWSER):
        shipped = PICTURES[f"screens/{name}.png"]
        assert size_of(png) == size_of(shipped), name
        boxes[base64.b64encode(shipped).decode()] = controls.values()
    pointing = [(item, point) for item in items if (point := point_of(item)) is not None]
    assert len(pointing) >= 5
    for item, (left, top, right, bottom) in pointing:
        url: str = item.body["messages"][1]["content"][1]["image_url"]["url"]
        assert any(
            box[0] <= left < right <= box[2] and box[1] <= top < bottom <= box[3]
            for box in boxes[url.partition(",")[2]]
        ), item.id


def point_of(item: Item) -> tuple[Json, Json, Json, Json] | None:
    """Left, top, right and bottom of where a click is right; `None` for an item without a point."""
    for expectation in item.expectations:
        match expectation.value:
            case (
                {"properties": {"x": across, "y": down}}
                | {"click": {"x": across, "y": down}}
                | {"tap": {"x": across, "y": down}}
            ):
                return bounds(across, down)
    return None


def bounds(across: JsonObject, down: JsonObject) -> tuple[Json, Json, Json, Json]:
    return across["minimum"], down["minimum"], across["maximum"], down["maximum"]


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, from a PNG's first chunk."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height
