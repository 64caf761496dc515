"""Brings a database to the present schema, in the caller's transaction: all of it or nothing.

A new database gets the tables as `schema.py` has them; Alembic is loaded only where an older one is to be changed.
"""

import logging

from sqlalchemy import Connection, delete, insert

from tiercel.records.advisory import SCHEMA, alone
from tiercel.records.revisions import (
    HEAD,
    POSTGRES_TABLES,
    SQLITE_TABLES,
    UnusableDatabaseError,
    revision_of,
)
from tiercel.records.schema import alembic_version, meta

logger = logging.getLogger(__name__)

SECOND = "2"
"""What `meta` says since there is alembic_version, whatever that says: a Tiercel from before refuses it."""

_LOCK = alone(SCHEMA)


def bring_up_to_date(connection: Connection) -> None:
    """Raises `UnusableDatabaseError` for a database that this version must not touch."""
    if connection.dialect.name == "postgresql":
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise UnusableDatabaseError(f"its encoding is {encoding}; make it with ENCODING 'UTF8'")
        connection.exec_driver_sql(_LOCK)
    found = current_revision(connection)
    if found == HEAD:
        return
    if found is None:
        from tiercel.records.creation import create_tables  # readers need no indices, which take long to load

        create_tables(connection)
        connection.execute(insert(alembic_version).values(version_num=HEAD))
        connection.execute(insert(meta).values(key="schema_version", value=SECOND))
        return
    logger.warning("bringing the database from schema %s to %s; this may take minutes", found, HEAD)
    alembic_version.create(connection, checkfirst=True)
    connection.execute(delete(alembic_version))
    connection.execute(insert(alembic_version).values(version_num=found))
    upgrade(connection)


def current_revision(connection: Connection) -> str | None:
    """Which schema this database has; `None` where it has none of our tables. Raises `UnusableDatabaseError`."""
    tables = POSTGRES_TABLES if connection.dialect.name == "postgresql" else SQLITE_TABLES
    return revision_of(lambda query: list(connection.exec_driver_sql(query)), tables)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Runs the scripts that are missing up to `revision`."""
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "tiercel.records:migrations")
    config.set_main_option("path_separator", "os")
    command.upgrade(config, revision)
