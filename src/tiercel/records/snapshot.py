"""Store and journal as they were at one moment. Loads SQLAlchemy: import this only where it is used."""

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import ColumnElement, Connection, func, select

from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Feedback, JournalEntry, Record
from tiercel.domain.secret import Secret
from tiercel.records.database import database_path
from tiercel.records.engines import Database, DatabaseError
from tiercel.records.feedback_sums import stored_feedback
from tiercel.records.filling import filled_up_to
from tiercel.records.migrate import current_revision
from tiercel.records.revisions import HEAD, UnusableDatabaseError
from tiercel.records.schema import ingest_state, records
from tiercel.records.segments import read_from, segments
from tiercel.records.stored import portions, stored_records


class Snapshot:
    """The segments are opened before the store is looked at: one that is taken in and deleted meanwhile stays readable,
    and what is then read twice is told apart by its id. `connection` is `None` where there is no store yet."""

    def __init__(self, files: dict[str, BinaryIO], connection: Connection | None) -> None:
        self._files = files
        self.connection = connection

    @classmethod
    @contextmanager
    def taken(cls, folder: Path, url: Secret | None) -> Iterator["Snapshot"]:
        """Raises `ConfigError` where nothing was recorded yet, or it cannot be read."""
        with ExitStack() as stack:
            files: dict[str, BinaryIO] = {}
            try:
                for segment in segments(folder):
                    with contextlib.suppress(FileNotFoundError):
                        files[segment.name] = stack.enter_context(segment.open("rb"))
                has_database = url is not None or database_path(folder).exists()
                connection = stack.enter_context(_connected(folder, url)) if has_database else None
                if connection is None and not files:
                    raise ConfigError(_nothing_text(folder))
                yield cls(files, connection)
            except (DatabaseError, OSError) as error:
                raise ConfigError(f"cannot read the records: {error}") from error

    def stored_records(self, condition: ColumnElement[bool], **options: int) -> Iterator[Record]:
        """Records that the store has, with their attempts."""
        if self.connection is None:
            return
        yield from stored_records(self.connection, condition, **options)

    def stored_feedback(self, condition: ColumnElement[bool]) -> Iterator[Feedback]:
        """Feedback that the store has."""
        if self.connection is not None:
            yield from stored_feedback(self.connection, condition)

    def stored_by_id(self, ids: Iterable[str]) -> Iterator[Record]:
        """Those of these records that the store has."""
        for portion in portions(list(ids)):
            yield from self.stored_records(records.c.id.in_(portion))

    def count(self, condition: ColumnElement[bool]) -> int:
        """How many records the store has."""
        if self.connection is None:
            return 0
        counted = select(func.count()).select_from(records).where(condition)
        return self.connection.execute(counted).scalar_one()

    @cached_property
    def waiting(self) -> tuple[JournalEntry, ...]:
        """What the journal has and the store had not taken in."""
        offsets: dict[str, int] = {}
        if self.connection is not None:
            found = self.connection.execute(select(ingest_state.c.segment, ingest_state.c.offset))
            offsets = {row.segment: row.offset for row in found}
        return tuple(
            entry
            for name, file in self._files.items()
            for entry in read_from(file, offsets.get(name, 0)).entries
        )

    @cached_property
    def filled_up_to(self) -> str | None:
        """The last record of which the sums have everything; `None` where they have everything that is stored."""
        return None if self.connection is None else filled_up_to(self.connection)

    @cached_property
    def waiting_records(self) -> dict[str, Record]:
        """The records among them, by id."""
        return {entry.id: entry for entry in self.waiting if isinstance(entry, Record)}

    @cached_property
    def waiting_feedback(self) -> list[Feedback]:
        """The feedback among them."""
        return [entry for entry in self.waiting if isinstance(entry, Feedback)]


@contextmanager
def _connected(folder: Path, url: Secret | None) -> Iterator[Connection | None]:
    """The store for reading, all in one transaction; `None` while a server is still making its tables."""
    with Database.to_read(folder, url).transaction() as connection:
        revision = current_revision(connection)
        if revision not in (None, HEAD):
            raise UnusableDatabaseError(
                f"its schema is {revision}, this version reads {HEAD}; start `tiercel serve` once, which brings it up"
            )
        yield None if revision is None else connection


def _nothing_text(folder: Path) -> str:
    return (
        f"{folder}: nothing was recorded here yet; start `tiercel serve` and send it a request, try `tiercel demo`, "
        "or name the right folder with --data"
    )
