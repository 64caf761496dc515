"""Sums of sessions, of feedback, and of what answers took; all sums are made anew from the records, bit by bit."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, Text, false, text

revision = "0008"
down_revision = "0007"

# as it was at this version: a migration never follows what the present tables become
COUNTS = (
    "requests",
    "called",
    "simulated_called",
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
    "opinions",
    "accepted",
    "rejected_passed",
    "rejected_verified",
    "calls",
    "calls_cancelled",
    "calls_failed",
    "calls_empty",
    "calls_finished",
    "calls_non_stop",
    "calls_measured",
    "calls_missed",
    "forms",
    "forms_valid",
    "forms_as_is",
    "tokens_uncached",
    "tokens_cached",
    "tokens_written",
    "tokens_visible",
    "tokens_reasoning",
)
SESSION_COUNTS = (
    "requests",
    "passed",
    "rejected_passed",
    "escalation",
    "calls",
    "cost_nano",
    "unpriced",
)
USE_COUNTS = (
    "answers",
    "priced",
    "priced_nano",
    "priced_uncached",
    "priced_cached",
    "priced_written",
    "priced_output",
)

ADD_UP = "Sums over each minute, hour and day; several rows of the same kind add up"
SESSIONS = "Sums of each session over each hour and day; several rows of the same kind add up"
USES = "Delivered answers by what they took, over each minute, hour and day; rows of the same kind add up"


def upgrade() -> None:
    """Makes the tables, which are empty: `meta` says how far they are filled, by which ingest goes on."""
    op.drop_table("rollups")
    texts = ("project", "task", "rule", "tier", "model", "effort")
    _table("rollups", ADD_UP, *texts, _flag("in_session"), _flag("simulated"), *_sums())
    op.create_index("rollups_by_start", "rollups", ["span_seconds", "start_at"])
    packed = Column("tally", LargeBinary, nullable=False)
    _table("session_rollups", SESSIONS, "session", "project", *_times(), *_counts(SESSION_COUNTS), packed)
    _index(
        "session_rollups",
        "by_name",
        "span_seconds = 86400",
        "session",
        "start_at",
        "project",
        "requests",
        "calls",
    )
    _index("session_rollups", "by_hour", "span_seconds = 3600", "start_at", "session")
    _table(
        "use_rollups",
        USES,
        *("project", "task", "model", "tried", "modalities", "residency"),
        Column("above_tokens", BigInteger, nullable=False),
        _flag("simulated"),
        Column("largest_tokens", BigInteger),
        *_counts(USE_COUNTS),
    )
    op.create_index("use_rollups_by_start", "use_rollups", ["span_seconds", "start_at"])
    op.add_column("feedback", Column("counted", Boolean, nullable=False, server_default=false()))
    _index("feedback", "to_count", "NOT counted", "id")
    op.execute("DELETE FROM check_rollups")
    op.execute("DELETE FROM meta WHERE key = 'rollups'")
    op.execute("INSERT INTO meta (key, value) VALUES ('rollups', '')")


def _table(name: str, comment: str, *columns: str | Column[Any]) -> None:
    op.create_table(
        name,
        Column("span_seconds", Integer, nullable=False),
        Column("start_at", BigInteger, nullable=False),
        *(Column(one, Text, nullable=False) if isinstance(one, str) else one for one in columns),
        comment=comment,
    )


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


def _times() -> list[Column[Any]]:
    return [Column(name, Double) for name in ("first_at", "last_at", "ended_at")]


def _counts(names: tuple[str, ...]) -> list[Column[Any]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


def _sums() -> list[Column[Any]]:
    sketches = ("latency_seconds", "ttft_seconds", "tokens_per_second")
    return [*_times(), *_counts(COUNTS), *(Column(name, LargeBinary, nullable=False) for name in sketches)]


def _index(table: str, name: str, only: str, *columns: str) -> None:
    op.create_index(
        f"{table}_{name}", table, list(columns), sqlite_where=text(only), postgresql_where=text(only)
    )
