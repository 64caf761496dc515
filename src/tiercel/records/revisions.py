"""Which version of the schema a database has, and whether this version of Tiercel may use it."""

from collections.abc import Callable
from typing import Any

from tiercel.domain.errors import TiercelError

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012")
"""The versions of the schema, oldest first; `migrations/versions` has a script for each. This code writes the last."""
HEAD = REVISIONS[-1]
OWN_TABLES = frozenset(("records", "attempts", "feedback", "pending", "ingest_state"))


class UnusableDatabaseError(TiercelError):
    """A database that this version must not touch: a newer one's, or one that nobody can tell the version of."""


SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
POSTGRES_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


def revision_of(ask: Callable[[str], list[Any]], tables_query: str) -> str | None:
    """The revision of a database of which `ask` answers plain SQL; `None` for one without our tables.

    Raises `UnusableDatabaseError` where this version must keep its hands off.
    """
    tables = {row[0] for row in ask(tables_query)}
    if "alembic_version" in tables:
        found = [row[0] for row in ask("SELECT version_num FROM alembic_version")]
        if len(found) != 1:
            raise UnusableDatabaseError(_unclear(f"its alembic_version has {len(found)} rows instead of one"))
        if found[0] not in REVISIONS:
            raise UnusableDatabaseError(_newer(found[0]))
        return str(found[0])
    # before there was alembic_version, the version stood in meta
    rows = ask("SELECT value FROM meta WHERE key = 'schema_version'") if "meta" in tables else []
    if rows and rows[0][0] == "1":
        return REVISIONS[0]
    if rows and rows[0][0] != "0":
        raise UnusableDatabaseError(_newer(rows[0][0]))
    if tables & OWN_TABLES:
        names = ", ".join(sorted(tables & OWN_TABLES))
        raise UnusableDatabaseError(_unclear(f"it has the tables {names} and says no version"))
    return None


def _newer(version: str) -> str:
    return (
        f"made by a newer Tiercel (its schema is {version}, this one knows {HEAD}); "
        "update Tiercel, or give this one a database of its own ([storage] in tiercel.toml)"
    )


def _unclear(what: str) -> str:
    return (
        f"a change of its schema was cut off, or it was not made by Tiercel: {what}; "
        "restore it from a backup, or give Tiercel an empty one. Nothing was changed; records wait in the journal"
    )
