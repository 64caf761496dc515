"""What checks did, summed over each minute, hour and day; and for which check a call beside the ladder was made."""

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text, text

revision = "0007"
down_revision = "0006"

# as it was at this version: a migration never follows what the present tables become
COUNTS = (
    "measured",
    "measured_simulated",
    "errors",
    "missed",
    "changed",
    "re_asked",
    "escalated",
    "elected",
    "repaired",
    "asked",
    "asked_nano",
    "caused",
    "caused_nano",
    "unpriced",
    "own_microseconds",
    "caused_microseconds",
    "kept",
    "kept_nano",
    "next_nano",
    "sent_on",
    "sent_on_nano",
)
MORE_OF_CALLS = ("calls_measured", "calls_missed")


def upgrade() -> None:
    """Makes the table, and has whoever opens the database make all sums anew: they are of more now."""
    op.create_table(
        "check_rollups",
        Column("span_seconds", Integer, nullable=False),
        Column("start_at", BigInteger, nullable=False),
        *(Column(name, Text, nullable=False) for name in ("project", "check_name", "rung")),
        Column("first_at", Double),
        Column("last_at", Double),
        *(Column(name, BigInteger, nullable=False) for name in COUNTS),
        comment="What checks did over each minute, hour and day; several rows of the same kind add up",
    )
    op.create_index("check_rollups_by_start", "check_rollups", ["span_seconds", "start_at"])
    op.add_column("attempts", Column("asked_by", Text))
    connection = op.get_bind()
    connection.execute(text("DELETE FROM rollups"))
    for name in MORE_OF_CALLS:
        op.add_column("rollups", Column(name, BigInteger, nullable=False, server_default="0"))
    connection.execute(text("DELETE FROM meta WHERE key = 'rollups'"))
    connection.execute(text("INSERT INTO meta (key, value) VALUES ('rollups', 'missing')"))
