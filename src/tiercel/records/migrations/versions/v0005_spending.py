"""What keys and projects cost a day, summed up; and in PostgreSQL what gateways share: keys, budgets' slices."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)

revision = "0005"
down_revision = "0004"

# the server is not known of old records; budgets count all servers together
FILL = """
INSERT INTO spendings (owner, day_at, instance, cost_nano)
SELECT {owner}, {day}, '', CAST(sum(cost_nano) AS BIGINT)
FROM records WHERE {whose} AND cost_nano <> 0 GROUP BY 1, 2
"""
SQLITE_DAY = "CAST(started_at / 86400 AS INTEGER) * 86400"
POSTGRES_DAY = "CAST(floor(started_at / 86400) AS BIGINT) * 86400"


def upgrade() -> None:
    """Makes the tables, and fills the sums from the records."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "spendings",
        Column("owner", Text, nullable=False),
        Column("day_at", BigInteger, nullable=False),
        Column("instance", Text, nullable=False),
        Column("cost_nano", BigInteger, nullable=False),
        PrimaryKeyConstraint("owner", "day_at", "instance"),
        comment="What each key and project cost in a UTC day through each server; what budgets are counted from",
        sqlite_with_rowid=False,
    )
    day = POSTGRES_DAY if is_postgres else SQLITE_DAY
    op.execute(FILL.format(owner="'key:' || key_id", day=day, whose="key_id <> ''"))
    op.execute(FILL.format(owner="'project:' || project", day=day, whose="key_id <> '' AND project <> ''"))
    if is_postgres:
        make_key_tables()
        make_slice_tables()


def make_key_tables() -> None:
    op.create_table(
        "keys",
        Column("id", Text, primary_key=True),
        Column("revoked_at", Double),
        Column("body", Text, nullable=False),
    )
    op.create_table(
        "secrets",
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("expires_at", Double),
    )
    op.create_index("secrets_by_key", "secrets", ["key_id"])
    op.create_table(
        "projects", Column("name", Text, primary_key=True), Column("budget", Text, nullable=False)
    )
    op.create_table(
        "key_state",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("witness", LargeBinary, nullable=False),
        Column("version", BigInteger, nullable=False),
        comment="One row: tells with which pepper keys are hashed, and counts the changes, so that gateways see each",
    )


def make_slice_tables() -> None:
    op.create_table(
        "slice_leases",
        Column("instance", Text, primary_key=True),
        Column("expires_at", Double, nullable=False),
        comment="Until when the slices of a gateway stand; it renews that while it lives",
    )
    op.create_table(
        "slices",
        Column("owner", Text, nullable=False),
        Column("period", Text, nullable=False),
        Column("start_at", BigInteger, nullable=False),
        Column("instance", Text, nullable=False),
        Column("ceiling_nano", BigInteger, nullable=False),
        PrimaryKeyConstraint("owner", "period", "start_at", "instance"),
        comment="Up to what sum a gateway may spend of a budget without asking, all that it has spent of it included",
    )
