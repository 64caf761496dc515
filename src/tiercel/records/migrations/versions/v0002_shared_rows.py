"""Who asked, which server wrote it, and half the size: what many records share stands once, in `plans` and `rungs`."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec
from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    and_,
    column,
    func,
    insert,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy import table as named_table

revision = "0002"
down_revision = "0001"

LOCAL = "local"
"""The instance of what was under way when the database was of one server: the first that comes takes it over."""
PLAN = ("rule", "ladder", "why", "policy_hash")
RUNG = ("rung", "deployment", "provider", "model", "tier", "effort")
LISTS = ("stated", "verdicts", "repairs", "lost", "notes")
"""Nothing in them is nothing."""
SHARED = ("records", "attempts", "pending", "ingest_state")

tables = MetaData()

records = Table(
    "records",
    tables,
    Column("id", Text, primary_key=True),
    Column("started_at", Double, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("model_requested", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("complexity", Text, nullable=False),
    Column("risk", Text, nullable=False),
    Column("latency", Text, nullable=False),
    Column("residency", Text),
    Column("session", Text),
    Column("modalities", Text),
    Column("strict_json", Boolean, nullable=False),
    Column("tokens_estimated", BigInteger, nullable=False),
    Column("stated", Text),
    Column("plan_number", BigInteger, nullable=False),
    Column("delivered", Integer),
    Column("verified", Boolean, nullable=False),
    Column("ttft_seconds", Double),
    Column("ttfa_seconds", Double),
    Column("problem", Text),
    Column("message", Text),
    Column("simulated", Boolean, nullable=False),
    Column("project", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    # of all attempts together, for those who query by hand
    Column("cost_nano", BigInteger, nullable=False),
    Column("cost_known", Boolean, nullable=False),
    Index("records_by_start", "started_at"),
    Index("records_by_project", "project", "started_at"),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    tables,
    Column("record_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("why", Text, nullable=False),
    Column("rung_number", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("failure_kind", Text),
    Column("failure", Text),
    Column("began_seconds", Double, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("ttft_seconds", Double),
    Column("ttfa_seconds", Double),
    Column("usage_source", Text),
    Column("usage_uncached", BigInteger),
    Column("usage_cached", BigInteger),
    Column("usage_written", BigInteger),
    Column("usage_visible", BigInteger),
    Column("usage_reasoning", BigInteger),
    Column("usage_reported_cost_nano", BigInteger),
    Column("cost_nano", BigInteger),
    Column("finish_reason", Text),
    Column("finish_raw", Text),
    Column("verdicts", Text),
    Column("repairs", Text),
    Column("lost", Text),
    Column("notes", Text),
    Column("empty", Boolean, nullable=False),
    Column("upstream_id", Text),
    Column("simulated", Boolean, nullable=False),
    PrimaryKeyConstraint("record_id", "position"),
    sqlite_with_rowid=False,
)

plans = Table(
    "plans",
    tables,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", Text, nullable=False),
    Column("ladder", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("policy_hash", Text, nullable=False),
    comment="How requests were planned; a record names one by its number, which is made from the content",
)

rungs = Table(
    "rungs",
    tables,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rung", Text, nullable=False),
    Column("deployment", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("tier", Text),
    Column("effort", Text),
    comment="Who was called; an attempt names one by its number, which is made from the content",
)

pending = Table(
    "pending",
    tables,
    Column("id", Text, primary_key=True),
    Column("started_at", Double, nullable=False),
    Column("format", Text, nullable=False),
    Column("model_requested", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rung", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("instance", Text, nullable=False),
    comment="Requests under way, of which no record has been seen yet",
)

ingest_state = Table(
    "ingest_state",
    tables,
    Column("instance", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
    comment="How far each segment of the journal was read; written in the same transaction as its rows",
)


def upgrade() -> None:
    """Copies everything into tables of the new form."""
    connection = op.get_bind()
    op.drop_index("records_by_start")
    for name in SHARED:
        op.rename_table(name, f"old_{name}")
        if connection.dialect.name == "postgresql":  # where an index keeps its name, and the name is taken
            op.execute(f"ALTER INDEX {name}_pkey RENAME TO old_{name}_pkey")
    tables.create_all(connection)
    _share(connection, plans, PLAN, "old_records")
    _share(connection, rungs, RUNG, "old_attempts")
    _copy(connection, records, "old_records", plans, PLAN)
    _copy(connection, attempts, "old_attempts", rungs, RUNG)
    _copy(connection, pending, "old_pending")
    _copy(connection, ingest_state, "old_ingest_state")
    for name in SHARED:
        op.drop_table(f"old_{name}")
    op.execute("UPDATE meta SET value = '2' WHERE key = 'schema_version'")


def _share(connection: Connection, table: Table, fields: Iterable[str], source: str) -> None:
    """Fills `table` with the different values of `fields` in `source`, each with its number."""
    names = tuple(fields)
    columns: list[ColumnElement[Any]] = [column(name) for name in names]
    found = connection.execute(select(*columns).distinct().select_from(named_table(source)))
    rows = [dict(zip(names, row, strict=True), number=_number(names, tuple(row))) for row in found]
    if rows:
        connection.execute(insert(table), rows)


def _number(names: tuple[str, ...], values: tuple[Any, ...]) -> int:
    """As `dimensions.content_number` had it when this was written."""
    return int.from_bytes(blake2b(msgspec.json.encode(values), digest_size=8).digest(), "big") >> 1


def _copy(
    connection: Connection, table: Table, source: str, shared: Table | None = None, by: Iterable[str] = ()
) -> None:
    """All rows of `source`; what an older row does not have is empty, and what it shares is named by its number."""
    names = [field.name for field in table.columns]
    old = named_table(source, *(column(name) for name in {*names, *by})).alias("o")
    replaced: dict[str, ColumnElement[Any]] = {
        "modalities": func.nullif(old.c.modalities, '["text"]') if "modalities" in names else null(),
        "project": literal(""),
        "key_id": literal(""),
        "instance": literal(LOCAL),
    }
    replaced |= {name: func.nullif(old.c[name], "[]") for name in LISTS if name in names}
    origin: FromClause = old
    if shared is not None:
        same = [or_(old.c[n] == shared.c[n], and_(old.c[n].is_(None), shared.c[n].is_(None))) for n in by]
        origin = old.join(shared, and_(*same))
        replaced |= {"plan_number": shared.c.number, "rung_number": shared.c.number}
    values = select(*(replaced.get(name, old.c[name]) for name in names)).select_from(origin)
    connection.execute(insert(table).from_select(names, values))
