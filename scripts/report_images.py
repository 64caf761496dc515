"""The pictures of an evaluation's report in the documentation: `python -m scripts.report_images` draws them anew.

They show the run that the tests make up (`tests/evals/reporting/example.py`), in a headless Chromium of this system.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.chromium import MISSING, chromium
from tests.evals.reporting.example import example

from tiercel.evals.comparing.assessment import assess_run
from tiercel.evals.reporting.html import as_html

IMAGES = Path(__file__).parent.parent / "docs" / "images"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
COMMAND = "tiercel eval report runs/20260921-141320-5b1f77-c2a9 -o report.html"
PHONES = """<!doctype html><body style="margin: 0; display: flex; gap: 20px; background: #888">
<iframe src="report.html" style="border: 0; width: 390px; height: 1100px; color-scheme: light"></iframe>
<iframe src="report.html" style="border: 0; width: 390px; height: 1100px; color-scheme: dark"></iframe>"""


def draw(browser: str, folder: Path) -> list[Path]:
    """The report on a desktop, and on two phones, of which one is dark; as PNG files in `folder`."""
    with tempfile.TemporaryDirectory() as place:
        pages = Path(place)
        (pages / "report.html").write_text(as_html(assess_run(example()), COMMAND), "utf-8")
        (pages / "phones.html").write_text(PHONES, "utf-8")
        shots = (
            ("report.html", "eval-report.png", "960,1180"),
            ("phones.html", "eval-report-phone.png", "800,1100"),
        )
        for page, image, size in shots:
            subprocess.run(
                [
                    browser,
                    *FLAGS,
                    f"--user-data-dir={pages / 'profile'}",
                    f"--window-size={size}",
                    f"--screenshot={folder / image}",
                    (pages / page).as_uri(),
                ],
                check=True,
                capture_output=True,
                timeout=90,
            )
    return [folder / image for _, image, _ in shots]


def main() -> int:
    """Draw them; 1 where there is no browser to do it."""
    browser = chromium()
    if browser is None:
        print(MISSING, file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    for path in draw(browser, IMAGES):
        print(f"{path.relative_to(IMAGES.parent.parent)}: {path.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
