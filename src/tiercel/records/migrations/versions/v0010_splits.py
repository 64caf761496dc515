"""Which arm of an A/B test a request was given, and how probable that was."""

from alembic import op
from sqlalchemy import Column, Double, Text, text

revision = "0010"
down_revision = "0009"

IN_A_SPLIT = text("split IS NOT NULL")


def upgrade() -> None:
    """Adds the columns, empty for older records, and the index by which those of a split are found."""
    for name in ("split", "arm", "split_unit", "arms_out"):
        op.add_column("records", Column(name, Text))
    op.add_column("records", Column("propensity", Double))
    op.create_index(
        "records_by_split",
        "records",
        ["split", "started_at"],
        sqlite_where=IN_A_SPLIT,
        postgresql_where=IN_A_SPLIT,
    )
