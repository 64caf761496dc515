"""What the tests of the store run on: both databases, one after the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.records.place import Place
from tests.records.postgres_server import PostgresServer, postgres_server, reason_for_none


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that nobody stops; whoever wants to starts one of their own."""
    reason = reason_for_none()
    if reason is not None:
        pytest.skip(reason)
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A data folder with an empty database of either kind."""
    if request.param == "sqlite":
        return Place(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Place(tmp_path, server.new_database())
