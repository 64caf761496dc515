"""What a command loads: to start is most of what a short one takes."""

import subprocess
import sys
from pathlib import Path

from tests.records.samples import record
from tiercel.records.store import Store

PROGRAM = """
import sys
from tiercel.cli.main import main
main(sys.argv[1:])
print("loaded:", *sys.modules, file=sys.stderr)
"""


def loaded_by(*words: str) -> set[str]:
    """The modules that are loaded when this command is done."""
    done = subprocess.run((sys.executable, "-c", PROGRAM, *words), check=True, capture_output=True, text=True)
    return set(done.stderr.rpartition("loaded:")[2].split())


def test_a_report_loads_only_what_reports_need(tmp_path: Path) -> None:
    """No other command, no part of the gateway, and of two databases only the one that it reads."""
    store = Store(tmp_path)
    store.insert([record("rec_1")], "0000000001-abcd.journal", 1)
    store.close()
    found = loaded_by("report", "--by", "session", "--data", str(tmp_path))
    assert "tiercel.cli.report" in found
    other = (
        "tiercel.cli.serve",
        "tiercel.cli.explain",
        "tiercel.gateway",
        "tiercel.engine",
        "tiercel.checks",
    )
    absent = (*other, "sqlalchemy.dialects.postgresql", "psycopg", "alembic", "httptools", "opentelemetry")
    assert found.isdisjoint(absent)
