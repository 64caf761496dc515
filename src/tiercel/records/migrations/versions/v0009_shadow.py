"""Pairs of a delivered answer and a candidate's; and in PostgreSQL the comparisons that were registered."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, PrimaryKeyConstraint, Text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes the tables; there is nothing older to fill them from."""
    op.create_table(
        "shadow_pairs",
        *(Column(name, Text, nullable=False) for name in ("record_id", "run", "candidate")),
        Column("received_at", Double, nullable=False),
        *(Column(name, Text, nullable=False) for name in ("rule", "task")),
        Column("propensity", Double, nullable=False),
        Column("session", Text),
        *(Column(name, Text, nullable=False) for name in ("cluster", "project", "key_id")),
        *_answer("live"),
        *_answer("shadow"),
        Column("attempts", Text, nullable=False),
        Column("spent_nano", BigInteger, nullable=False),
        Column("simulated", Boolean, nullable=False),
        Column("instance", Text, nullable=False),
        PrimaryKeyConstraint("record_id", "run", "candidate"),
        comment="What was delivered, and what a candidate answered to a copy",
        sqlite_with_rowid=False,
    )
    op.create_index("shadow_pairs_by_time", "shadow_pairs", ["received_at"])
    op.create_index("shadow_pairs_by_run", "shadow_pairs", ["run", "received_at"])
    if op.get_bind().dialect.name == "postgresql":
        make_run_table()


def make_run_table() -> None:
    op.create_table(
        "shadow_runs",
        Column("id", Text, primary_key=True),
        Column("rule", Text),
        Column("candidate", Text, nullable=False),
        *(Column(name, Double, nullable=False) for name in ("share", "margin", "alpha")),
        Column("budget_nano", BigInteger, nullable=False),
        Column("until", Double),
        Column("started_at", Double, nullable=False),
        *(Column(name, Text) for name in ("key_id", "project")),
        Column("stopped_at", Double),
        Column("stop_reason", Text),
        comment="Comparisons that somebody registered; only the end of a row is ever written again",
    )


def _answer(side: str) -> list[Column[Any]]:
    return [
        *(Column(f"{side}_{name}", Text, nullable=False) for name in ("rung", "model")),
        Column(f"{side}_passed", Boolean, nullable=False),
        Column(f"{side}_score", Double),
        *(Column(f"{side}_{name}", Text) for name in ("worst", "failure", "finish")),
        Column(f"{side}_seconds", Double, nullable=False),
        Column(f"{side}_ttft_seconds", Double),
        *(Column(f"{side}_{name}", BigInteger) for name in ("cost_nano", "output_tokens")),
        *(Column(f"{side}_{name}", Text) for name in ("hash", "text")),
    ]
