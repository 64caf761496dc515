"""What checks did to an answer: the gate it missed, and what its tokens would have cost on the next stage."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the columns; of older records they are not known."""
    op.add_column("attempts", Column("missed", Text))
    op.add_column("attempts", Column("next_nano", BigInteger))
