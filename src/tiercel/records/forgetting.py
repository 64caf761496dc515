"""Deleting records when somebody asks for it. Loads SQLAlchemy: import this only where it is used."""

from pathlib import Path

from tiercel.domain.settings import Storage
from tiercel.records.ingest import Ingestor
from tiercel.records.journal import Journal
from tiercel.records.lock import FolderLock
from tiercel.records.store import Store


def forget(storage: Storage, before: float, project: str | None) -> int:
    """Deletes what started before, of one project or of all, what waits in the journal included. Returns how many.

    Raises `ConfigError` while a server has the folder, `StoreError` where the database does not do it.
    """
    folder = Path(storage.folder)
    lock = FolderLock.acquire(folder)
    try:
        journal = Journal.open(folder, storage)
        ingestor = Ingestor(folder, journal, database_url=storage.database_url)
        try:
            ingestor.run_once()
        finally:
            journal.close()
            ingestor.stop(drain=False)
        store = Store(folder, storage.database_url)
        try:
            return store.forget_before(before, project=project)
        finally:
            store.close()
    finally:
        lock.release()
