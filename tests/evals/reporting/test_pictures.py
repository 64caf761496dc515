"""The report in a real browser, where there is one: drawn in light, in dark and on a phone."""

import struct
from pathlib import Path

import pytest

from scripts.report_images import IMAGES, draw
from tests.chromium import MISSING, chromium

BROWSER = chromium()


@pytest.mark.skipif(BROWSER is None, reason=MISSING)
def test_the_report_is_drawn_as_the_documentation_shows_it(tmp_path: Path) -> None:
    assert BROWSER is not None
    for path in draw(BROWSER, tmp_path):
        assert size_of(path) == size_of(IMAGES / path.name)
        # an empty page is a few kilobytes
        assert path.stat().st_size > 50_000


def size_of(image: Path) -> tuple[int, int]:
    """Width and height, from a PNG's first chunk."""
    width, height = struct.unpack(">II", image.read_bytes()[16:24])
    return width, height
