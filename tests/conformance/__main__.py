"""The conformance matrix in one command: `python -m tests.conformance`, with `--write` into `docs/conformance.md` too.

Ends with 1 where a cell failed.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conformance.cases import CASES
from tests.conformance.cast import CLIENTS
from tests.conformance.test_matrix import CELL, NOT_POSSIBLE, UPSTREAM_FORMATS

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "conformance.md"
BLOCK = re.compile(r"(<!-- matrix -->\n).*?(<!-- end -->)", re.DOTALL)
Cell = tuple[str, str, str]


class Collector:
    """Gathers what became of each cell: `ok`, `failed`, or the reason why there is neither."""

    def __init__(self) -> None:
        self.cells: dict[Cell, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        cell = dict(report.user_properties).get(CELL)
        if not isinstance(cell, list) or (report.when != "call" and report.passed):
            return
        client, upstream, case = cell
        said = "ok" if report.passed else "failed" if report.failed else skipped(report)
        if self.cells.get((client, upstream, case)) != "failed":
            self.cells[client, upstream, case] = said


def skipped(report: pytest.TestReport) -> str:
    """The reason of a skip."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def rendered(cells: dict[Cell, str], day: str) -> str:
    """The matrix as Markdown: a table for each format of the clients, and the reasons below."""
    reasons = list(dict.fromkeys(said for said in cells.values() if said not in ("ok", "failed")))
    counts = [
        f"{sum(said == 'ok' for said in cells.values())} ok",
        f"{sum(said == 'failed' for said in cells.values())} failed",
        f"{sum(said.startswith(NOT_POSSIBLE) for said in cells.values())} not possible",
    ]
    if unrun := sum(said in reasons and not said.startswith(NOT_POSSIBLE) for said in cells.values()):
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


def shown(said: str | None, reasons: list[str]) -> str:
    if said is None:
        return ""
    if said in reasons:
        return f"– ({reasons.index(said) + 1})"
    return said if said == "ok" else f"**{said}**"


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
    collector = Collector()
    pytest.main([str(HERE), "-q", "--no-header", "--tb=short"], plugins=[collector])
    matrix = rendered(collector.cells, datetime.now(UTC).date().isoformat())
    sys.stdout.write(f"\n{matrix}")
    if arguments.write:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(BLOCK.sub(lambda block: f"{block[1]}{matrix}{block[2]}", page), "utf-8")
    complete = len(collector.cells) == len(CLIENTS) * len(UPSTREAM_FORMATS) * len(CASES)
    return 0 if complete and "failed" not in collector.cells.values() else 1


if __name__ == "__main__":
    sys.exit(main())
