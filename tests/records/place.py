"""A data folder and its database, as a server has them and as a reader finds them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tiercel.domain.record import Record
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Storage
from tiercel.records.database import connect_to_write, database_path
from tiercel.records.ingest import Ingestor
from tiercel.records.journal import Journal
from tiercel.records.postgres import connect
from tiercel.records.query import History, find_record, load_history
from tiercel.records.store import Store


class Place:
    """`url` is PostgreSQL's; without it the database is SQLite's in the folder."""

    def __init__(self, folder: Path, url: Secret | None = None) -> None:
        self.folder = folder
        self.url = url

    @property
    def storage(self) -> Storage:
        return Storage(folder=str(self.folder), database_url=self.url)

    def store(self) -> Store:
        return Store(self.folder, self.url)

    @contextmanager
    def process(self, storage: Storage | None = None) -> Iterator[tuple[Journal, Ingestor]]:
        """Journal and ingest as one server process has them; left as a killed one leaves them."""
        storage = msgspec.structs.replace(storage or Storage(), folder=str(self.folder))
        journal = Journal.open(self.folder, storage)
        ingestor = Ingestor(self.folder, journal, database_url=self.url)
        yield journal, ingestor
        journal.close()
        ingestor.stop(drain=False)

    def history(self, *, since: float | None = None) -> History:
        return load_history(self.folder, since=since, database_url=self.url)

    def find(self, record_id: str) -> Record | None:
        return find_record(self.folder, record_id, database_url=self.url)

    def outcomes(self) -> dict[str, str]:
        return {record.id: record.outcome for record in self.history().records}

    def stored(self) -> list[str]:
        """Ids that the database itself has, without the journal."""
        return [row[0] for row in self.ask("SELECT id FROM records ORDER BY id")]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers, without any of ours in between; changes are kept."""
        if self.url is None:
            with closing(connect_to_write(database_path(self.folder))) as lite:
                return lite.execute(query).fetchall()
        with closing(connect(self.url)) as connection:
            cursor = connection.execute(query.encode())
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows
