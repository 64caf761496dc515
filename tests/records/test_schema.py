"""The schema's versions: a new database, one of an earlier version, and those that nobody may touch."""

import logging
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from tests.records.place import Place
from tests.records.postgres_server import PostgresServer
from tests.records.samples import FULL, feedback, record, started
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Record
from tiercel.records.creation import all_tables
from tiercel.records.database import check_database
from tiercel.records.dimensions import plan_row, rung_row
from tiercel.records.engines import Database
from tiercel.records.migrate import upgrade
from tiercel.records.query import load_history
from tiercel.records.revisions import HEAD, REVISIONS
from tiercel.records.rows import ATTEMPT_COLUMNS, RECORD_COLUMNS, attempt_values, record_values
from tiercel.records.store import Store, StoreError

FIRST = msgspec.structs.replace(
    FULL, project="", key_id="", split=None, arm=None, propensity=None, split_unit=None, arms_out=()
)
"""As a record was before it said who asked, and which arm of a split they were given."""
MANY = 4_000

LATER = ("asked_by", "missed", "next_nano")
"""Columns of attempts that the first version did not have."""


@contextmanager
def database(place: Place) -> Iterator[Connection]:
    """One transaction on the bare database."""
    opened = Database.to_write(place.folder, place.url)
    with opened.transaction() as connection:
        yield connection
    opened.close()


def make_first_version(place: Place, *kept: Record) -> None:
    """A database as the first version left it: these records, one request under way, and a segment half read."""
    with database(place) as connection:
        upgrade(connection, REVISIONS[0])
        connection.exec_driver_sql("DROP TABLE alembic_version")
        put(connection, "meta", {"key": "schema_version", "value": "1"})
        for entry in kept:
            put_first_rows(connection, entry)
        under_way = msgspec.structs.asdict(started("left"))
        put(connection, "pending", {k: v for k, v in under_way.items() if k not in ("project", "key_id")})
        put(connection, "ingest_state", {"segment": "0000000001-abcd.journal", "offset": 7})
        put(connection, "feedback", msgspec.structs.asdict(feedback("f", FIRST.id)))


def put_first_rows(connection: Connection, entry: Record) -> None:
    """A record's rows in the first version's form: everything in every row, empty lists written out."""
    lists = {
        "stated": "[]",
        "modalities": '["text"]',
        "verdicts": "[]",
        "repairs": "[]",
        "lost": "[]",
        "notes": "[]",
    }
    row = dict(zip(RECORD_COLUMNS, record_values(entry), strict=True)) | dict(plan_row(entry))
    split = ("split", "arm", "propensity", "split_unit", "arms_out")
    dropped = ("number", "plan_number", "rung_number", "project", "key_id", *split)
    put(
        connection,
        "records",
        {k: v if v is not None else lists.get(k) for k, v in row.items() if k not in dropped},
    )
    for values, of in zip(attempt_values(entry), entry.attempts, strict=True):
        attempt = dict(zip(ATTEMPT_COLUMNS, values, strict=True))
        whole = {k: v for k, v in rung_row(of).items() if k != "number"} | attempt
        del whole["rung_number"]
        old = {k: v if v is not None else lists.get(k) for k, v in whole.items() if k not in LATER}
        put(connection, "attempts", old)


def put(connection: Connection, table: str, row: dict[str, object]) -> None:
    is_postgres = connection.dialect.name == "postgresql"
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(["%s" if is_postgres else "?"] * len(row))
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))


def test_there_is_a_script_for_every_version() -> None:
    """What is asked for at start, without Alembic, is what the scripts lead to, one after the other."""
    config = Config()
    config.set_main_option("script_location", "tiercel.records:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in scripts)[::-1] == REVISIONS


def test_a_new_database_is_what_the_scripts_make(place: Place) -> None:
    """Tables made at once and tables brought forward step by step have no difference."""
    with database(place) as connection:
        upgrade(connection)
        wanted = MetaData()
        for part in all_tables(connection):
            for table in part.tables.values():
                table.to_metadata(wanted)
        differences = compare_metadata(MigrationContext.configure(connection), wanted)
    assert differences == []


def test_the_first_version_is_taken_over(place: Place) -> None:
    """Records, attempts, feedback, what was under way and how far was read: all of it is there afterwards."""
    make_first_version(place, FIRST, record("plain"))
    store = place.store()
    assert store.offsets() == {"0000000001-abcd.journal": 7}
    assert store.interrupt_pending() == 1
    store.insert([record("plain"), record("new")], "0000000002-abcd.journal", 1)
    store.close()
    history = place.history()
    assert {r.id: r for r in history.records if r.id != "left"} == {
        r.id: r for r in (FIRST, record("plain"), record("new"))
    }
    assert history.feedback == {FIRST.id: feedback("f", FIRST.id)}
    assert place.outcomes()["left"] == "interrupted"
    assert place.ask("SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_an_older_tiercel_refuses_what_this_one_made(place: Place) -> None:
    """It looks for the version in `meta`, and knows no more than 1."""
    place.store().close()
    assert place.ask("SELECT value FROM meta WHERE key = 'schema_version'") == [("2",)]


@pytest.mark.parametrize("change", ["UPDATE alembic_version SET version_num = '0099'"])
def test_a_newer_version_is_refused(place: Place, change: str) -> None:
    """At start, by the writer and by readers; it is not touched, and the message says what to do."""
    place.store().close()
    place.ask(change)
    words = f"made by a newer Tiercel .its schema is 0099, this one knows {HEAD}.; update Tiercel"
    with pytest.raises(ConfigError, match=words):
        check_database(place.folder, place.url)
    with pytest.raises(StoreError, match=words):
        place.store()
    with pytest.raises(ConfigError, match=words):
        place.history()
    assert place.ask("SELECT version_num FROM alembic_version") == [("0099",)]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("DELETE FROM alembic_version", "its alembic_version has 0 rows instead of one"),
        ("INSERT INTO alembic_version VALUES ('0001')", "its alembic_version has 2 rows instead of one"),
    ],
)
def test_a_version_that_nobody_can_tell_is_refused(place: Place, change: str, found: str) -> None:
    """Records wait in the journal, the reason is told, and the database is left as it is."""
    place.store().close()
    place.ask(change)
    with pytest.raises(ConfigError, match=f"a change of its schema was cut off.*{found}; restore it"):
        check_database(place.folder, place.url)
    with place.process() as (journal, ingestor):
        journal.append(record("waits"))
        with pytest.raises(StoreError, match=found):
            ingestor.run_once()
        assert ingestor.status().behind_bytes > 0


def test_tables_without_a_version_are_refused(place: Place) -> None:
    """Whether ours or somebody else's: nothing is made beside them."""
    place.ask("CREATE TABLE records (id TEXT)")
    with pytest.raises(StoreError, match="it has the tables records and says no version"):
        place.store()


def test_a_change_that_fails_changes_nothing(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Half-way through, something is in its way: everything is as before, and the next try makes it whole."""
    make_first_version(place, FIRST)
    place.ask("CREATE TABLE old_ingest_state (note TEXT)")
    with caplog.at_level(logging.WARNING), pytest.raises(StoreError, match="old_ingest_state"):
        place.store()
    assert f"bringing the database from schema 0001 to {HEAD}" in caplog.text
    assert place.ask("SELECT rung FROM attempts ORDER BY position") == [(a.rung,) for a in FIRST.attempts]
    place.ask("DROP TABLE old_ingest_state")
    place.store().close()
    assert place.history().records == (FIRST,)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("after_seconds", [0.0, 0.05, 0.1, 0.2])
def test_a_change_that_is_killed_changes_nothing(tmp_path: Path, after_seconds: float) -> None:
    """Wherever the process dies: the next one finds every record."""
    make_first_version(Place(tmp_path), *(record(f"{i:04d}") for i in range(MANY)))
    script = """
    import os, signal, sys, threading
    from pathlib import Path
    from tiercel.records.store import Store
    import alembic.command
    threading.Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGKILL)).start()
    Store(Path(sys.argv[1]))
    threading.Event().wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), str(after_seconds)]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -9
    Store(tmp_path).close()
    assert len(load_history(tmp_path).records) == MANY


def test_a_database_in_another_encoding_is_refused(postgres: PostgresServer, tmp_path: Path) -> None:
    """PostgreSQL would refuse some texts later, in the midst of a batch."""
    postgres.execute("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(StoreError, match="its encoding is LATIN1; make it with ENCODING 'UTF8'"):
        Store(tmp_path, postgres.url("latin"))


def test_text_that_postgres_cannot_keep_stops_nothing(postgres: PostgresServer, tmp_path: Path) -> None:
    """A character 0 in what a client said is kept as its picture."""
    place = Place(tmp_path, postgres.new_database())
    odd = msgspec.structs.replace(record("odd"), session="a\0b", rule="c\0d")
    with place.process() as (journal, ingestor):
        journal.append(odd)
        ingestor.run_once()
    found = place.find("odd")
    assert found is not None
    assert (found.session, found.rule) == ("a␀b", "c␀d")
