"""The conformance matrix in one command: `python -m tests.conformance`, with `--write` into `docs/conformance.md` too.

Ends with 1 where a cell failed.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from tests.conformance.cases import CASES
from tests.conformance.cast import CLIENTS
from tests.conformance.test_matrix import CELL, NOT_POSSIBLE, UPSTREAM_FORMATS

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "conformance.md"
BLOCK = re.compile(r"(<!-- matrix -->\n).*?(<!-- end -->)", re.DOTALL)
Cell = tuple[str, str, str]


def run() -> dict[Cell, str]:
    """Runs every cell; what became of each is `ok`, `failed`, or the reason why it is neither."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # a process of its own, as pytest must be there before the clients are imported
        subprocess.run(
            [sys.executable, "-m", "pytest", HERE, "--tb=short", f"--junitxml={report}"], check=False
        )
        tests = ElementTree.parse(report).iter("testcase")
        return {cell: said(test) for test in tests if (cell := cell_of(test)) is not None}


def cell_of(test: ElementTree.Element) -> Cell | None:
    """Which cell a test was, `None` where it was none, or never came so far."""
    for place in test.iter("property"):
        if place.get("name") == CELL:
            client, upstream, case = json.loads(place.get("value", ""))
            return client, upstream, case
    return None


def said(test: ElementTree.Element) -> str:
    if test.find("failure") is not None or test.find("error") is not None:
        return "failed"
    skipped = test.find("skipped")
    return "ok" if skipped is None else skipped.get("message", "")


def rendered(cells: dict[Cell, str], day: str) -> str:
    """The matrix as Markdown: a table for each format of the clients, and the reasons below."""
    reasons = list(dict.fromkeys(word for word in cells.values() if word not in ("ok", "failed")))
    counts = [
        f"{sum(word == 'ok' for word in cells.values())} ok",
        f"{sum(word == 'failed' for word in cells.values())} failed",
        f"{sum(word.startswith(NOT_POSSIBLE) for word in cells.values())} not possible",
    ]
    if unrun := sum(word in reasons and not word.startswith(NOT_POSSIBLE) for word in cells.values()):
        counts.append(f"{unrun} not run")
    parts = [f"{len(cells)} cells on {day}: {', '.join(counts)}.\n", versions()]
    for format in dict.fromkeys(part.format for part in CLIENTS.values()):
        parts.append(f"### Clients that speak `{format}`\n")
        names = [name for name, part in CLIENTS.items() if part.format == format]
        head = ("client", "upstream", *CASES)
        rows = [
            (
                name,
                f"`{upstream}`",
                *(shown(cells.get((name, upstream, case)), reasons) for case in CASES),
            )
            for name in names
            for upstream in UPSTREAM_FORMATS
        ]
        parts.append(table(head, rows))
    if reasons:
        parts.append("### Reasons\n")
        parts.append("".join(f"{number}. {reason}.\n" for number, reason in enumerate(reasons, 1)))
    return "\n".join(parts)


def shown(word: str | None, reasons: list[str]) -> str:
    if word is None:
        return ""
    if word in reasons:
        return f"– ({reasons.index(word) + 1})"
    return word if word == "ok" else f"**{word}**"


def versions() -> str:
    """Which clients took part."""
    packages = {(part.package, part.registry): part.version or "not installed" for part in CLIENTS.values()}
    rows = [(f"`{package}`", registry, version) for (package, registry), version in packages.items()]
    return table(("client", "from", "version"), rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    return "".join(f"| {' | '.join(line)} |\n" for line in (names, ["---"] * len(names), *rows))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the matrix into docs/conformance.md")
    arguments = parser.parse_args()
    cells = run()
    matrix = rendered(cells, datetime.now(UTC).date().isoformat())
    sys.stdout.write(f"\n{matrix}")
    if arguments.write:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(BLOCK.sub(lambda block: f"{block[1]}{matrix}{block[2]}", page), "utf-8")
    complete = len(cells) == len(CLIENTS) * len(UPSTREAM_FORMATS) * len(CASES)
    return 0 if complete and "failed" not in cells.values() else 1


if __name__ == "__main__":
    sys.exit(main())
