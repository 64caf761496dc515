"""The SQL tables, and the numbered steps that bring an older database to them.

Column names are the field names of `domain/record.py`, which says what they mean; a usage is spread over its own
columns, a failure's kind stands beside the whole failure, and lists are JSON text. Money is integer nano-dollars,
times are Unix seconds, durations seconds.
"""

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    insert,
    select,
    update,
)

metadata = MetaData()

records = Table(
    "records",
    metadata,
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
    Column("modalities", Text, nullable=False),
    Column("strict_json", Boolean, nullable=False),
    Column("tokens_estimated", BigInteger, nullable=False),
    Column("stated", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("ladder", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("policy_hash", Text, nullable=False),
    Column("delivered", Integer),
    Column("verified", Boolean, nullable=False),
    Column("ttft_seconds", Double),
    Column("ttfa_seconds", Double),
    Column("problem", Text),
    Column("message", Text),
    Column("simulated", Boolean, nullable=False),
    # of all attempts together, for those who query by hand
    Column("cost_nano", BigInteger, nullable=False),
    Column("cost_known", Boolean, nullable=False),
    Index("records_by_start", "started_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("record_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("why", Text, nullable=False),
    Column("rung", Text, nullable=False),
    Column("deployment", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("tier", Text),
    Column("effort", Text),
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
    Column("verdicts", Text, nullable=False),
    Column("repairs", Text, nullable=False),
    Column("lost", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("empty", Boolean, nullable=False),
    Column("upstream_id", Text),
    Column("simulated", Boolean, nullable=False),
    PrimaryKeyConstraint("record_id", "position"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Text, primary_key=True),
    Column("record_id", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("verdict", Text),
    Column("score", Double),
    Column("comment", Text),
    Index("feedback_by_record", "record_id"),
)

pending = Table(
    "pending",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", Double, nullable=False),
    Column("format", Text, nullable=False),
    Column("model_requested", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rung", Text, nullable=False),
    comment="Requests under way, of which no record has been seen yet",
)

ingest_state = Table(
    "ingest_state",
    metadata,
    Column("segment", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
    comment="How far each segment of the journal was read; written in the same transaction as its rows",
)

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))


def _create_tables(connection: Connection) -> None:
    metadata.create_all(connection)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create_tables,)
"""Step N brings version N - 1 to version N. A released step is never changed."""


def migrate(connection: Connection) -> None:
    """Runs the steps that are missing, inside the caller's transaction."""
    meta.create(connection, checkfirst=True)
    found = connection.execute(select(meta.c.value).where(meta.c.key == "schema_version")).scalar()
    if found is None:
        connection.execute(insert(meta).values(key="schema_version", value="0"))
    for step in MIGRATIONS[int(found or 0) :]:
        step(connection)
    connection.execute(update(meta).where(meta.c.key == "schema_version").values(value=str(len(MIGRATIONS))))
