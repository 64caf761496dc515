"""Tables of PostgreSQL alone: what gateways that share a database have in common besides records.

`keys`, `secrets` and `projects` are those of `keys.sqlite3`, and `shadow_runs` is that of `shadow.sqlite3`, column for
column, so the same statements serve both.
Times are Unix seconds, money is nano-dollars.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

shared = MetaData()

keys = Table(
    "keys",
    shared,
    Column("id", Text, primary_key=True),
    Column("revoked_at", Double),
    Column("body", Text, nullable=False),
)

secrets = Table(
    "secrets",
    shared,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Index("secrets_by_key", "key_id"),
)

projects = Table(
    "projects",
    shared,
    Column("name", Text, primary_key=True),
    Column("budget", Text, nullable=False),
)

key_state = Table(
    "key_state",
    shared,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("witness", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
    comment="One row: tells with which pepper keys are hashed, and counts the changes, so that gateways see each",
)

shadow_runs = Table(
    "shadow_runs",
    shared,
    Column("id", Text, primary_key=True),
    Column("rule", Text),
    Column("candidate", Text, nullable=False),
    Column("share", Double, nullable=False),
    Column("margin", Double, nullable=False),
    Column("alpha", Double, nullable=False),
    Column("budget_nano", BigInteger, nullable=False),
    Column("until", Double),
    Column("started_at", Double, nullable=False),
    Column("key_id", Text),
    Column("project", Text),
    Column("stopped_at", Double),
    Column("stop_reason", Text),
    # what else was registered, as JSON
    Column("terms", Text),
    comment="Comparisons that somebody registered; only the end of a row is ever written again",
)

slice_leases = Table(
    "slice_leases",
    shared,
    Column("instance", Text, primary_key=True),
    Column("expires_at", Double, nullable=False),
    comment="Until when the slices of a gateway stand; it renews that while it lives",
)

slices = Table(
    "slices",
    shared,
    Column("owner", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("start_at", BigInteger, nullable=False),
    Column("instance", Text, nullable=False),
    Column("ceiling_nano", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "period", "start_at", "instance"),
    comment="Up to what sum a gateway may spend of a budget without asking, all that it has spent of it included",
)
