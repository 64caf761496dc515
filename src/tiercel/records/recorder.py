"""What the gateway tells the records, and asks of them: one object with the lock, the journal, ingest and counters."""

import logging
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import msgspec

from tiercel.domain.climb import Verdict
from tiercel.domain.record import AttemptRecord, Feedback, Record, Started
from tiercel.domain.settings import Storage
from tiercel.records.counters import Counters, Counts
from tiercel.records.database import check_database
from tiercel.records.ingest import Ingestor, IngestStatus
from tiercel.records.journal import Journal, StorageError
from tiercel.records.lock import FolderLock

logger = logging.getLogger(__name__)

T = TypeVar("T")
WAITING = "records are being kept in the journal; the database does not take them at the moment, see the log"
REMEMBERED = 1_000
"""The latest records, and the latest feedback, that are at hand without asking the store."""


class Recorder:
    """Owns the data folder while it is open. `started`, `finished` and `feedback` belong to one thread."""

    def __init__(self, folder: Path, lock: FolderLock, journal: Journal, ingestor: Ingestor) -> None:
        self.folder = folder
        self._lock = lock
        self._journal = journal
        self._ingestor = ingestor
        self._counters = Counters()
        self._is_losing = False
        self._known_problem: str | None = None
        self._records: dict[str, Record] = {}
        self._feedback: dict[str, Feedback] = {}

    @classmethod
    def open(cls, storage: Storage) -> "Recorder":
        """Takes the folder's lock, opens the journal and starts ingest.

        Raises `ConfigError` when another server has the folder or its database cannot be used, `StorageError` when
        nothing can be written there.
        """
        folder = Path(storage.folder)
        with ExitStack() as undo:
            lock = FolderLock.acquire(folder)
            undo.callback(lock.release)
            check_database(folder)
            journal = Journal.open(folder, storage)
            ingestor = Ingestor(folder, journal, retention_days=storage.retention_days)
            ingestor.start()
            undo.pop_all()
        logger.info("records in %s: SQLite %s, written by this process alone", folder, sqlite3.sqlite_version)
        return cls(folder, lock, journal, ingestor)

    def started(self, started: Started) -> None:
        """To be told before the first call goes out. Raises `StorageError` when it was not written."""
        self._journal.append(started)
        self._counters.started += 1

    def finished(self, record: Record) -> None:
        """To be told before the last byte goes out. Raises `StorageError` when it was not written; that is logged,
        and it is counted and found by `find` all the same."""
        record = without_content(record)
        self._counters.add(record)
        _remember(self._records, record.id, record)
        try:
            self._journal.append(record)
        except StorageError as error:
            if not self._is_losing:
                logger.error(
                    "%s: records are being lost, beginning with %s: %s", self.folder, record.id, error
                )
            self._is_losing = True
            self._counters.unrecorded += 1
            raise
        if self._is_losing:
            logger.warning("%s: records are kept again; %d were lost", self.folder, self._counters.unrecorded)
            self._is_losing = False

    def feedback(self, feedback: Feedback) -> None:
        """Keeps what the user said. Raises `StorageError` when it was not written."""
        self._journal.append(feedback)
        self._counters.add_feedback(feedback.verdict)
        _remember(self._feedback, feedback.record_id, feedback)

    def find(self, record_id: str) -> Record | None:
        """The record, whether it was taken into the store yet or not. May read from the disk: call it in a thread."""
        recent = self._records.get(record_id)
        if recent is not None:
            return recent
        from tiercel.records.query import find_record

        return find_record(self.folder, record_id)

    def find_feedback(self, record_id: str) -> Feedback | None:
        """The latest feedback on the record. May read from the disk, as `find`."""
        recent = self._feedback.get(record_id)
        if recent is not None:
            return recent
        from tiercel.records.query import find_feedback

        return find_feedback(self.folder, record_id)

    def ready(self) -> tuple[bool, str]:
        """Whether a new request may count on being recorded, and if not, why; the log is told of each change."""
        problem = self._journal.problem()
        if problem != self._known_problem:
            self._known_problem = problem
            if problem is None:
                logger.warning("%s: the journal can be written again", self.folder)
            else:
                logger.error("%s: %s", self.folder, problem)
        if problem is not None:
            return False, problem
        return True, "records are being kept" if self._ingestor.problem is None else WAITING

    def counts(self) -> Counts:
        """What happened since this process began."""
        return self._counters.snapshot()

    def ingest_status(self) -> IngestStatus:
        return self._ingestor.status()

    def pause_ingest(self) -> None:
        """Leaves everything in the journal until `resume_ingest`."""
        self._ingestor.pause()

    def resume_ingest(self) -> None:
        self._ingestor.resume()

    def close(self) -> None:
        """Flushes the journal, takes what it has into the store, and lets go of the folder. May be called twice."""
        self._journal.close()
        self._ingestor.stop(drain=True)
        self._lock.release()


def without_content(record: Record) -> Record:
    """The record without what verdicts quote of an answer: a repaired text, the complaint to the model."""
    if not any(v.repaired is not None or v.message is not None for a in record.attempts for v in a.verdicts):
        return record
    attempts = tuple(_attempt_without_content(attempt) for attempt in record.attempts)
    return msgspec.structs.replace(record, attempts=attempts)


def _attempt_without_content(attempt: AttemptRecord) -> AttemptRecord:
    verdicts: tuple[Verdict, ...] = tuple(
        msgspec.structs.replace(verdict, repaired=None, message=None) for verdict in attempt.verdicts
    )
    return msgspec.structs.replace(attempt, verdicts=verdicts)


def _remember(ring: dict[str, T], key: str, value: T) -> None:
    ring.pop(key, None)
    ring[key] = value
    if len(ring) > REMEMBERED:
        del ring[next(iter(ring))]
