"""The server process stays light: what only evaluations and reports need is not loaded by it."""

import subprocess
import sys

import pytest

HEAVY = (
    "tiercel.evals",
    "numpy",
    "scipy",
    "pyarrow",
    "sqlalchemy",
    "alembic",
    "psycopg",
    "prometheus_client",
    "opentelemetry",
    "google.protobuf",
    "yaml",
)


@pytest.mark.parametrize("module", ["tiercel.gateway.app", "tiercel.cli.serve", "tiercel.cli.main"])
def test_the_server_process_never_imports_evals_or_heavy_libraries(module: str) -> None:
    """SQLAlchemy comes with the first ingest, the others never."""
    code = (
        f"import sys, {module}\nprint(*[name for name in sys.modules if name.startswith({HEAVY!r})], sep=' ')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
