"""What else is settled when a comparison is registered; PostgreSQL only, as the runs are nowhere else in here."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds the column; runs from before have nothing in it."""
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("shadow_runs", Column("terms", Text))
