"""What the gateway tells the records, and asks of them: one object with the lock, the journal, ingest and counters."""

import logging
import sqlite3
from collections import OrderedDict, deque
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from tiercel.domain.climb import Verdict
from tiercel.domain.record import AttemptRecord, Block, Feedback, Record, ShadowPair, Started
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Storage
from tiercel.records.content import ContentMaker
from tiercel.records.counters import Counters, Counts
from tiercel.records.database import check_database
from tiercel.records.ingest import Ingestor, IngestStatus
from tiercel.records.journal import Journal, StorageError
from tiercel.records.lock import FolderLock
from tiercel.records.retention import Retention
from tiercel.records.segments import frame, record_in, segments

logger = logging.getLogger(__name__)

WAITING = "records are being kept in the journal; the database does not take them at the moment, see the log"
REMEMBERED = 1_000
"""The latest records, and the latest feedback, that are at hand without asking the store."""


class Recorder:
    """Owns the data folder while it is open. `started`, `finished` and `feedback` belong to one thread."""

    def __init__(
        self,
        folder: Path,
        lock: FolderLock,
        journal: Journal,
        ingestor: Ingestor,
        *,
        database_url: Secret | None = None,
        maker: ContentMaker | None = None,
        is_thrown_away: bool = False,
    ) -> None:
        self.folder = folder
        self._database_url = database_url
        self._maker = maker
        self._pair_maker: ContentMaker | None = None
        self._lock = lock
        self._journal = journal
        self._ingestor = ingestor
        self._counters = Counters()
        self._unwritten: deque[Record] = deque(maxlen=REMEMBERED)
        self._known_problem: str | None = None
        self._is_thrown_away = is_thrown_away
        # ordered ones: a plain dictionary takes long to find its first key where many were taken out before it
        # as bytes: a thousand records as objects would spread what every request makes over memory that no cache holds
        self._records: OrderedDict[str, bytes] = OrderedDict()
        self._feedback: OrderedDict[str, Feedback] = OrderedDict()

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
            check_database(folder, storage.database_url)
            journal = Journal.open(folder, storage)
            maker = ContentMaker.open(folder, storage.content)
            ingestor = Ingestor(
                folder, journal, retention=Retention.of(storage), database_url=storage.database_url
            )
            if storage.is_thrown_away:
                ingestor.pause()  # it never begins, nor loads what a database needs
            ingestor.start()
            undo.pop_all()
        kind = "the journal of a PostgreSQL" if storage.database_url else f"SQLite {sqlite3.sqlite_version}"
        logger.info("records in %s: %s, written by this process alone", folder, kind)
        return cls(
            folder,
            lock,
            journal,
            ingestor,
            database_url=storage.database_url,
            maker=maker,
            is_thrown_away=storage.is_thrown_away,
        )

    def started(self, started: Started) -> None:
        """To be told before the first call goes out. Raises `StorageError` when it was not written."""
        self._journal.append_frame(frame(started))
        self._counters.started += 1

    def finished(self, record: Record) -> None:
        """To be told before the last byte goes out. Raises `StorageError` when it was not written; that is logged and
        counted, `find` finds it all the same, and it is written as soon as that can be done."""
        record = without_content(record)
        framed = frame(record)
        self._counters.add(record)
        self._records[record.id] = framed
        if len(self._records) > REMEMBERED:
            self._records.popitem(last=False)
        try:
            if self._unwritten:
                self._write_late()
            self._journal.append_frame(framed)
        except StorageError as error:
            self._counters.unrecorded += 1
            self._keep(record, error)
            raise

    def said(self, record_id: str, request: ModelRequest, response: ModelResponse | None) -> None:
        """Keeps what was asked and answered, as far as the operator chose; nothing is lost to the client without it."""
        if self._maker is None:
            return
        try:
            self._journal.append(self._maker.content(record_id, request, response))
        except StorageError as error:
            logger.error(
                "%s: the content of record %s is not kept: %s", self.folder, record_id, error.message
            )

    def answer_block(self, response: ModelResponse) -> Block:
        """An answer as a pair keeps it: its text where the operator keeps content, a hash where not."""
        if self._pair_maker is None:
            self._pair_maker = self._maker or ContentMaker.hashing(self.folder)
        return self._pair_maker.answer(response)

    def paired(self, pair: ShadowPair) -> None:
        """Keeps what a candidate answered beside what was delivered. Raises `StorageError` when it was not written."""
        attempts = tuple(_attempt_without_content(attempt) for attempt in pair.attempts)
        self._journal.append(msgspec.structs.replace(pair, attempts=attempts))

    def feedback(self, feedback: Feedback) -> None:
        """Keeps what the user said. Raises `StorageError` when it was not written."""
        self._journal.append(feedback)
        self._counters.add_feedback(feedback.verdict)
        self._feedback[feedback.record_id] = feedback
        self._feedback.move_to_end(feedback.record_id)
        if len(self._feedback) > REMEMBERED:
            self._feedback.popitem(last=False)

    def find(self, record_id: str) -> Record | None:
        """The record, whether it was taken into the store yet or not. May read from the disk: call it in a thread."""
        recent = self._records.get(record_id)
        if recent is not None:
            return record_in(recent)
        from tiercel.records.query import find_record

        return find_record(self.folder, record_id, database_url=self._database_url)

    def find_feedback(self, record_id: str) -> Feedback | None:
        """The latest feedback on the record. May read from the disk, as `find`."""
        recent = self._feedback.get(record_id)
        if recent is not None:
            return recent
        from tiercel.records.query import find_feedback

        return find_feedback(self.folder, record_id, database_url=self._database_url)

    def problem(self) -> str | None:
        """Why no new request may count on being recorded, or `None`; the log is told of each change."""
        problem = self._journal.problem()
        if problem != self._known_problem:
            self._known_problem = problem
            if problem is None:
                logger.warning("%s: the journal can be written again", self.folder)
                with suppress(StorageError):  # the next look will tell
                    self._write_late()
            else:
                logger.error("%s: %s", self.folder, problem)
        return problem

    def ready(self) -> tuple[bool, str]:
        """Whether there is no such problem, and how records are being kept or why they are not."""
        problem = self.problem()
        if problem is not None:
            return False, problem
        return True, "records are being kept" if self._ingestor.problem is None else WAITING

    @property
    def counters(self) -> Counters:
        """What is counted, for whoever shows it."""
        return self._counters

    def journal_bytes(self) -> int:
        """How large the journal's files are. Reads from the disk."""
        total = 0
        for segment in segments(self.folder):
            with suppress(FileNotFoundError):  # taken in and deleted meanwhile
                total += segment.stat().st_size
        return total

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
        """Writes what waits, flushes the journal, takes what it has into the store, and lets go of the folder.

        May be called twice.
        """
        try:
            self._write_late()
        except StorageError as error:
            logger.error("%s: %d records are lost: %s", self.folder, len(self._unwritten), error.message)
            self._unwritten.clear()
        self._journal.close()
        self._ingestor.stop(drain=not self._is_thrown_away)
        self._lock.release()

    def _keep(self, record: Record, error: StorageError) -> None:
        if self._journal.writable():  # so it is this record that cannot be written, and never will
            logger.error("%s: record %s is lost: %s", self.folder, record.id, error.message)
            return
        if not self._unwritten:
            first = "%s: records wait in memory, beginning with %s: %s"
            logger.error(first, self.folder, record.id, error.message)
        self._unwritten.append(record)

    def _write_late(self) -> None:
        """Writes the records that could not be written in time. Raises `StorageError` when that still is so."""
        if not self._unwritten:
            return
        waited = 0
        while self._unwritten:
            self._journal.append(self._unwritten[0])
            self._unwritten.popleft()
            waited += 1
        self._counters.unrecorded -= waited
        lost = self._counters.unrecorded
        logger.warning("%s: %d records that waited are written, %d are lost", self.folder, waited, lost)


def without_content(record: Record) -> Record:
    """The record without what verdicts quote of an answer: a repaired text, the complaint to the model."""
    for attempt in record.attempts:
        for verdict in attempt.verdicts:
            if verdict.repaired is not None or verdict.message is not None:
                attempts = tuple(_attempt_without_content(attempt) for attempt in record.attempts)
                return msgspec.structs.replace(record, attempts=attempts)
    return record


def _attempt_without_content(attempt: AttemptRecord) -> AttemptRecord:
    verdicts: tuple[Verdict, ...] = tuple(
        msgspec.structs.replace(verdict, repaired=None, message=None) for verdict in attempt.verdicts
    )
    return msgspec.structs.replace(attempt, verdicts=verdicts)
