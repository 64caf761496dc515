"""A database as an earlier version of the schema left it."""

from tests.records.place import Place

SHARED = {
    "0011": ("ALTER TABLE shadow_runs DROP COLUMN terms",),
    "0009": ("DROP TABLE shadow_runs",),
    "0005": tuple(
        f"DROP TABLE {table}"
        for table in ("secrets", "keys", "projects", "key_state", "slice_leases", "slices")
    ),
}
"""What takes back each change of PostgreSQL's own tables."""
UNDO: dict[str, tuple[str, ...]] = {
    "0012": (
        "DROP INDEX session_rollups_by_name",
        "ALTER TABLE session_rollups DROP COLUMN key_id",
        "CREATE INDEX session_rollups_by_name ON session_rollups (session, start_at, project, requests, calls) "
        "WHERE span_seconds = 86400",
    ),
    "0011": (),
    "0010": (
        "DROP INDEX records_by_split",
        *(
            f"ALTER TABLE records DROP COLUMN {name}"
            for name in ("split", "arm", "propensity", "split_unit", "arms_out")
        ),
    ),
    "0009": ("DROP TABLE shadow_pairs",),
    "0008": (
        "DROP TABLE session_rollups",
        "DROP TABLE use_rollups",
        "DROP INDEX feedback_to_count",
        "ALTER TABLE feedback DROP COLUMN counted",
        "ALTER TABLE rollups DROP COLUMN in_session",
    ),
    "0007": (
        "DROP TABLE check_rollups",
        "ALTER TABLE attempts DROP COLUMN asked_by",
        "ALTER TABLE rollups DROP COLUMN calls_measured",
        "ALTER TABLE rollups DROP COLUMN calls_missed",
    ),
    "0006": ("ALTER TABLE attempts DROP COLUMN missed", "ALTER TABLE attempts DROP COLUMN next_nano"),
    "0005": ("DROP TABLE spendings",),
}
"""What takes back each change, newest first."""


def back_to(place: Place, revision: str) -> None:
    """Takes back everything that is newer than `revision`."""
    for newer, statements in UNDO.items():
        if newer <= revision:
            break
        for statement in (*statements, *(SHARED.get(newer, ()) if place.url else ())):
            place.ask(statement)
    place.ask(f"UPDATE alembic_version SET version_num = '{revision}'")
