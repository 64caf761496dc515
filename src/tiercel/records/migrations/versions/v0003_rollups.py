"""Sums over each minute, hour and day, so that a report of millions of records need not read them."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, Text, text

revision = "0003"
down_revision = "0002"

# as it was at this version: a migration never follows what the present tables become
COUNTS = (
    "requests",
    "called",
    "passed",
    "marked",
    "refused",
    "failed",
    "withheld",
    "broken",
    "cancelled",
    "rejected",
    "interrupted",
    "verified",
    "unpriced",
    "cost_nano",
    "retry",
    "fallback",
    "re_ask",
    "escalation",
    "hedge",
    "calls",
    "calls_cancelled",
    "calls_failed",
    "calls_empty",
    "calls_finished",
    "calls_non_stop",
    "forms",
    "forms_valid",
    "forms_as_is",
    "tokens_uncached",
    "tokens_cached",
    "tokens_written",
    "tokens_visible",
    "tokens_reasoning",
)


def upgrade() -> None:
    """Makes the table. `meta` says that it is empty until whoever opens the database has filled it."""
    op.create_table(
        "rollups",
        Column("span_seconds", Integer, nullable=False),
        Column("start_at", BigInteger, nullable=False),
        *(
            Column(name, Text, nullable=False)
            for name in ("project", "task", "rule", "tier", "model", "effort")
        ),
        Column("simulated", Boolean, nullable=False),
        Column("first_at", Double),
        Column("last_at", Double),
        *(Column(name, BigInteger, nullable=False) for name in COUNTS),
        Column("latency_seconds", LargeBinary, nullable=False),
        Column("ttft_seconds", LargeBinary, nullable=False),
        Column("tokens_per_second", LargeBinary, nullable=False),
        comment="Sums over each minute, hour and day; several rows of the same kind add up",
    )
    op.create_index("rollups_by_start", "rollups", ["span_seconds", "start_at"])
    op.get_bind().execute(text("INSERT INTO meta (key, value) VALUES ('rollups', 'missing')"))
