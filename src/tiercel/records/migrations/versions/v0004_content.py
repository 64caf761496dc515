"""Prompts and answers where the operator chose to keep them, each piece of a conversation once."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables, which are empty."""
    op.create_table(
        "blocks",
        Column("key", Text, primary_key=True),
        Column("bytes", BigInteger, nullable=False),
        Column("text", Text),
        comment="Pieces of conversations, each once; only where the operator chose to keep content",
    )
    op.create_table(
        "contents",
        Column("record_id", Text, nullable=False),
        Column("position", Integer, nullable=False),
        Column("place", Text, nullable=False),
        Column("block_key", Text, nullable=False),
        PrimaryKeyConstraint("record_id", "position"),
        comment="Which blocks a request and its answers are made of",
    )
    op.create_index("contents_by_block", "contents", ["block_key"])
