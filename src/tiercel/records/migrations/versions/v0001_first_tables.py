"""The tables of the first version, which kept its number in `meta`."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

revision = "0001"
down_revision = None

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
    tables,
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
    tables,
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
    tables,
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
    tables,
    Column("segment", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
    comment="How far each segment of the journal was read; written in the same transaction as its rows",
)

meta = Table("meta", tables, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))


def upgrade() -> None:
    """Makes them."""
    tables.create_all(op.get_bind())
