"""A session belongs to the key that named it: the same name under two keys is two sessions, also in what is there."""

from alembic import op
from sqlalchemy import Column, Text, table, text

revision = "0012"
down_revision = "0011"

BY_DAY = text("span_seconds = 86400")
NAMED = ("session", "project", "key_id", "start_at", "requests")
OWNERS = """
CREATE TEMPORARY TABLE session_owners AS
SELECT session, project, min(key_id) AS key_id, max(key_id) AS other FROM records
WHERE session <> '' GROUP BY session, project
"""
OWNED = """
UPDATE session_rollups SET key_id = (
    SELECT key_id FROM session_owners AS o
    WHERE o.session = session_rollups.session AND o.project = session_rollups.project
) WHERE EXISTS (
    SELECT 1 FROM session_owners AS o
    WHERE o.session = session_rollups.session AND o.project = session_rollups.project AND o.key_id <> ''
)
"""
PAIRS = """
UPDATE shadow_pairs SET cluster = project || ' ' || key_id || ' ' || session
WHERE session <> '' AND (project <> '' OR key_id <> '')
"""
ALL_SUMS = ("rollups", "session_rollups", "use_rollups", "check_rollups")


def upgrade() -> None:
    """Says of the sums of sessions whose they are. Where keys share one they cannot be told apart any more: all sums
    are then made anew from the records, bit by bit."""
    op.execute(PAIRS)
    op.drop_index("session_rollups_by_name", "session_rollups")
    op.add_column("session_rollups", Column("key_id", Text, nullable=False, server_default=""))
    op.execute(OWNERS)
    op.execute("CREATE INDEX session_owners_by_name ON session_owners (session, project)")
    if op.get_bind().exec_driver_sql("SELECT 1 FROM session_owners WHERE key_id <> other LIMIT 1").first():
        for name in ALL_SUMS:
            op.execute(table(name).delete())
        op.execute("UPDATE feedback SET counted = false")
        op.execute("DELETE FROM meta WHERE key = 'rollups'")
        op.execute("INSERT INTO meta (key, value) VALUES ('rollups', '')")
    else:
        op.execute(OWNED)
    op.execute("DROP TABLE session_owners")
    op.create_index(
        "session_rollups_by_name",
        "session_rollups",
        list(NAMED),
        sqlite_where=BY_DAY,
        postgresql_where=BY_DAY,
    )
