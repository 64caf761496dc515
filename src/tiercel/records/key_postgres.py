"""Keys in PostgreSQL, for gateways that share them. Plain SQL over one connection; SQLAlchemy is loaded only where the
tables have to be made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.secret import Secret
from tiercel.records.key_database import Ask, AwayError, Mark
from tiercel.records.postgres_link import Link, LinkError, MissingTableError
from tiercel.records.revisions import POSTGRES_TABLES, REVISIONS, UnusableDatabaseError, revision_of

ANSWER_SECONDS = 3.0
MIGRATION_SECONDS = 3600.0
STATE = "SELECT version, witness FROM key_state"


class PostgresKeys:
    """See `KeyDatabase`."""

    def __init__(self, folder: Path, url: Secret) -> None:
        self._folder = folder
        self._url = url
        self._link = Link(url, answer_seconds=ANSWER_SECONDS)
        self._seen = False

    @property
    def place(self) -> str:
        return self._link.place

    def make(self, witness: bytes) -> None:
        from tiercel.records.engines import Database, DatabaseError
        from tiercel.records.migrate import bring_up_to_date

        database = Database.to_write(self._folder, self._url, ANSWER_SECONDS)
        try:
            with database.transaction(within_seconds=MIGRATION_SECONDS) as connection:
                bring_up_to_date(connection)
        except DatabaseError as error:
            raise ConfigError(str(error)) from error
        finally:
            database.close()
        with self._told_plainly():
            statement = "INSERT INTO key_state (id, witness, version) VALUES (1, ?, 0) ON CONFLICT DO NOTHING"
            self._link.ask(statement, (witness,))

    def mark(self) -> Mark | None:
        with self._told_plainly():
            if not self._link.connected:
                self._check_schema()
            try:
                found = self._link.ask(STATE)
            except MissingTableError:
                if self._check_schema() == REVISIONS[-1]:
                    raise
                found = []
        if not found:
            if self._seen:
                raise ConfigError(f"{self.place}: its keys are gone; restore them from a backup")
            return None
        self._seen = True
        version, witness = found[0]
        return Mark(version=version, witness=bytes(witness))

    @contextmanager
    def reading(self) -> Iterator[Ask]:
        with self._told_plainly(), self._link.transaction(snapshot=True) as ask:
            yield ask

    @contextmanager
    def changing(self) -> Iterator[Ask]:
        with self._told_plainly(), self._link.transaction() as ask:
            # first of all, so that others wait here; with the commit every gateway sees the change
            ask("UPDATE key_state SET version = version + 1", ())
            yield ask

    def close(self) -> None:
        self._link.close()

    def _check_schema(self) -> str | None:
        try:
            return revision_of(lambda query: self._link.ask(query), POSTGRES_TABLES)
        except UnusableDatabaseError as error:
            raise ConfigError(f"{self.place}: {error}") from error

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        try:
            yield
        except MissingTableError as error:
            raise ConfigError(f"{error}; restore the database from a backup") from error
        except LinkError as error:
            raise AwayError(str(error)) from error
