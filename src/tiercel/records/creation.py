"""Making all tables in an empty database.

The indices that have a part of their table's rows stand here, apart from the tables: to understand their condition
SQLAlchemy loads all that it has about PostgreSQL, which whoever only reads would wait for.
"""

from sqlalchemy import Connection, Index, MetaData, Table, text

from tiercel.records.schema import feedback, metadata, records, session_rollups
from tiercel.records.shared_schema import shared


def _index(name: str, condition: str, table: Table, *columns: str) -> None:
    own = (table.c[column] for column in columns)
    Index(name, *own, sqlite_where=text(condition), postgresql_where=text(condition))


_index("records_by_split", "split IS NOT NULL", records, "split", "started_at")
_index("feedback_to_count", "NOT counted", feedback, "id")
# the first has all that the sessions with the most requests are found by
_index(
    "session_rollups_by_name", "span_seconds = 86400",
    session_rollups, "session", "project", "key_id", "start_at", "requests",
)  # fmt: skip
_index("session_rollups_by_hour", "span_seconds = 3600", session_rollups, "start_at", "session")


def all_tables(connection: Connection) -> tuple[MetaData, ...]:
    """What a database of this kind has, with every index."""
    return (metadata, shared) if connection.dialect.name == "postgresql" else (metadata,)


def create_tables(connection: Connection) -> None:
    """Makes them all, in the caller's transaction."""
    for part in all_tables(connection):
        part.create_all(connection)
