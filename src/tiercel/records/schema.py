"""The SQL tables, the same in SQLite and PostgreSQL. `creation` makes them, with some more indices; `migrations` brings
an older database to them.

Column names are the field names of `domain/record.py`, which says what they mean; a usage is spread over its own
columns, a failure's kind stands beside the whole failure, and lists are JSON text, null where they are empty (of
modalities: where it is only text). Money is integer nano-dollars, times are Unix seconds, durations seconds.
What many records share stands once, in `plans` and `rungs`, and in their own order there are no row numbers beside the
keys: both halve what a record takes on the disk.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
)

from tiercel.records.check_tally import CHECK_COUNTS
from tiercel.records.tally import COUNTS, SESSION_COUNTS, SKETCHES
from tiercel.records.uses import USE_COUNTS

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
    Column("split", Text),
    Column("arm", Text),
    Column("propensity", Double),
    Column("split_unit", Text),
    Column("arms_out", Text),
    # of all attempts together, for those who query by hand
    Column("cost_nano", BigInteger, nullable=False),
    Column("cost_known", Boolean, nullable=False),
    Index("records_by_start", "started_at"),
    Index("records_by_project", "project", "started_at"),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
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
    Column("asked_by", Text),
    Column("missed", Text),
    Column("next_nano", BigInteger),
    Column("empty", Boolean, nullable=False),
    Column("upstream_id", Text),
    Column("simulated", Boolean, nullable=False),
    PrimaryKeyConstraint("record_id", "position"),
    sqlite_with_rowid=False,
)

plans = Table(
    "plans",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", Text, nullable=False),
    Column("ladder", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("policy_hash", Text, nullable=False),
    comment="How requests were planned; a record names one by its number, which is made from the content",
)

rungs = Table(
    "rungs",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rung", Text, nullable=False),
    Column("deployment", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("tier", Text),
    Column("effort", Text),
    comment="Who was called; an attempt names one by its number, which is made from the content",
)


def _sums() -> list[Column[Any]]:
    """What `Tally` has of requests and calls."""
    return [
        Column("first_at", Double),
        Column("last_at", Double),
        Column("ended_at", Double),
        *(Column(name, BigInteger, nullable=False) for name in COUNTS),
        *(Column(name, LargeBinary, nullable=False) for name in SKETCHES),
    ]


rollups = Table(
    "rollups",
    metadata,
    Column("span_seconds", Integer, nullable=False),
    Column("start_at", BigInteger, nullable=False),
    Column("project", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("rule", Text, nullable=False),
    # of the answer, or for calls the called one's; empty where there is none
    Column("tier", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("effort", Text, nullable=False),
    Column("in_session", Boolean, nullable=False),
    Column("simulated", Boolean, nullable=False),
    *_sums(),
    Index("rollups_by_start", "span_seconds", "start_at"),
    comment="Sums over each minute, hour and day; several rows of the same kind add up",
)

check_rollups = Table(
    "check_rollups",
    metadata,
    Column("span_seconds", Integer, nullable=False),
    Column("start_at", BigInteger, nullable=False),
    Column("project", Text, nullable=False),
    Column("check_name", Text, nullable=False),
    # of the answer that it measured
    Column("rung", Text, nullable=False),
    Column("first_at", Double),
    Column("last_at", Double),
    *(Column(name, BigInteger, nullable=False) for name in CHECK_COUNTS),
    Index("check_rollups_by_start", "span_seconds", "start_at"),
    comment="What checks did over each minute, hour and day; several rows of the same kind add up",
)

spendings = Table(
    "spendings",
    metadata,
    Column("owner", Text, nullable=False),
    Column("day_at", BigInteger, nullable=False),
    Column("instance", Text, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "day_at", "instance"),
    comment="What each key and project cost in a UTC day through each server; what budgets are counted from",
    sqlite_with_rowid=False,
)

session_rollups = Table(
    "session_rollups",
    metadata,
    Column("span_seconds", Integer, nullable=False),
    Column("start_at", BigInteger, nullable=False),
    Column("session", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("key_id", Text, nullable=False, server_default=""),
    Column("first_at", Double),
    Column("last_at", Double),
    Column("ended_at", Double),
    *(Column(name, BigInteger, nullable=False) for name in SESSION_COUNTS),
    # a row is written anew with every request of the session: all counts and sketches in one piece are sooner written
    Column("tally", LargeBinary, nullable=False),
    comment="Sums of each session over each hour and day; several rows of the same kind add up",
)

use_rollups = Table(
    "use_rollups",
    metadata,
    Column("span_seconds", Integer, nullable=False),
    Column("start_at", BigInteger, nullable=False),
    Column("project", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("tried", Text, nullable=False),
    Column("modalities", Text, nullable=False),
    Column("residency", Text, nullable=False),
    Column("above_tokens", BigInteger, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("largest_tokens", BigInteger),
    *(Column(name, BigInteger, nullable=False) for name in USE_COUNTS),
    Index("use_rollups_by_start", "span_seconds", "start_at"),
    comment="Delivered answers by what they took, over each minute, hour and day; rows of the same kind add up",
)

blocks = Table(
    "blocks",
    metadata,
    Column("key", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("text", Text),
    comment="Pieces of conversations, each once; only where the operator chose to keep content",
)

contents = Table(
    "contents",
    metadata,
    Column("record_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("place", Text, nullable=False),
    Column("block_key", Text, nullable=False),
    PrimaryKeyConstraint("record_id", "position"),
    Index("contents_by_block", "block_key"),
    comment="Which blocks a request and its answers are made of",
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
    # whether the sums have it
    Column("counted", Boolean, nullable=False, server_default=false()),
    Index("feedback_by_record", "record_id"),
)


def _paired(side: str) -> list[Column[Any]]:
    """One of a pair's two answers."""
    return [
        Column(f"{side}_rung", Text, nullable=False),
        Column(f"{side}_model", Text, nullable=False),
        Column(f"{side}_passed", Boolean, nullable=False),
        Column(f"{side}_score", Double),
        Column(f"{side}_worst", Text),
        Column(f"{side}_failure", Text),
        Column(f"{side}_finish", Text),
        Column(f"{side}_seconds", Double, nullable=False),
        Column(f"{side}_ttft_seconds", Double),
        Column(f"{side}_cost_nano", BigInteger),
        Column(f"{side}_output_tokens", BigInteger),
        Column(f"{side}_hash", Text),
        Column(f"{side}_text", Text),
    ]


shadow_pairs = Table(
    "shadow_pairs",
    metadata,
    Column("record_id", Text, nullable=False),
    # empty where the rule itself wanted the copy
    Column("run", Text, nullable=False),
    Column("candidate", Text, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("rule", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("propensity", Double, nullable=False),
    Column("session", Text),
    Column("cluster", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    *_paired("live"),
    *_paired("shadow"),
    Column("attempts", Text, nullable=False),
    # of all the candidate's calls, as far as prices are known: what budgets are counted from
    Column("spent_nano", BigInteger, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("instance", Text, nullable=False),
    PrimaryKeyConstraint("record_id", "run", "candidate"),
    Index("shadow_pairs_by_time", "received_at"),
    Index("shadow_pairs_by_run", "run", "received_at"),
    comment="What was delivered, and what a candidate answered to a copy",
    sqlite_with_rowid=False,
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
    Column("project", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("instance", Text, nullable=False),
    comment="Requests under way, of which no record has been seen yet",
)

ingest_state = Table(
    "ingest_state",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
    comment="How far each segment of the journal was read; written in the same transaction as its rows",
)

alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Says `schema_version`, so that a Tiercel from before `alembic_version` refuses the database."""
