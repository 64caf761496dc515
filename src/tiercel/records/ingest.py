"""From the journal into the SQL store, in one background thread, so that no request ever waits for a database.

What it read and that it read it are one transaction: it may be stopped or killed anywhere, and start again.
"""

import contextlib
import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from tiercel.domain.errors import TiercelError
from tiercel.domain.secret import Secret
from tiercel.records.database import ANSWER_SECONDS
from tiercel.records.journal import Journal
from tiercel.records.retention import Retention, apply
from tiercel.records.segments import DAMAGED_SUFFIX, Chunk, damaged_segments, read_entries, segments

if TYPE_CHECKING:
    from tiercel.records.store import Store

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 5.0
BATCH_BYTES = 500_000
RETENTION_EVERY_SECONDS = 3600.0
FILL_PAUSE_SECONDS = 0.05
"""Between two portions of older records that are taken into new sums: the processor is not ours alone."""


class IngestStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How ingest is doing. `behind_bytes` is what the store has not taken yet; `set_aside` names damaged segments.

    `problem` is why it does not get on, in the operator's words; it goes on trying.
    """

    state: Literal["stopped", "running", "paused", "waiting"]
    behind_bytes: int
    entries: int
    interrupted: int
    unreadable: int
    set_aside: tuple[str, ...]
    problem: str | None


class Ingestor:
    """Reads the journal of `folder` into its store. The folder's lock must be held by this process."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        *,
        retention: Retention | None = None,
        database_url: Secret | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._retention = retention or Retention()
        self._database_url = database_url
        self._answer_seconds = answer_seconds
        self._poll_seconds = poll_seconds
        own, _ = journal.position()
        self._inherited = {path.name for path in segments(folder) if path != own}
        self._took_over = False
        self._store: Store | None = None
        self._offsets: dict[str, int] = {}
        self._has_unreadable: set[str] = set()
        self._deadline: float | None = None
        self._retention_due = 0.0
        self._one_at_a_time = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._paused = threading.Event()
        self._is_filling = False
        self._entries = 0
        self._interrupted = 0
        self._unreadable = 0
        self._problem: str | None = None

    def start(self) -> None:
        """Begins reading in the background."""
        self._stopping.clear()
        self._deadline = None
        self._thread = threading.Thread(target=self._run, name="tiercel-ingest", daemon=True)
        self._thread.start()

    def stop(self, *, drain: bool = True, within_seconds: float = 10.0) -> None:
        """Ends the thread. With `drain` it first takes in what the journal has, for at most `within_seconds`; what is
        left is read at the next start."""
        self._deadline = time.monotonic() + (within_seconds if drain else 0.0)
        self._paused.clear()
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if drain and not self._must_stop():
            self._try_once()
        if self._store is not None:
            self._store.close()
            self._store = None

    def pause(self) -> None:
        """Lets the journal grow and leaves the processor to others, until `resume`."""
        self._paused.set()
        with self._one_at_a_time:  # what is being read now is the last
            pass

    def resume(self) -> None:
        self._paused.clear()
        self._wake.set()

    @property
    def problem(self) -> str | None:
        """Why records wait in the journal, or `None`."""
        return self._problem

    def status(self) -> IngestStatus:
        return IngestStatus(
            state=self._state(),
            behind_bytes=self._behind(),
            entries=self._entries,
            interrupted=self._interrupted,
            unreadable=self._unreadable,
            set_aside=tuple(path.name for path in damaged_segments(self._folder)),
            problem=self._problem,
        )

    def run_once(self) -> None:
        """Takes in what the journal has by now. Raises `StoreError` or `OSError`; what was taken in stays so."""
        with self._one_at_a_time:
            store = self._opened_store()
            for segment in segments(self._folder):
                if segment.name not in self._inherited:
                    self._take_over(store)
                with contextlib.suppress(
                    FileNotFoundError
                ):  # it was empty, and the journal left it for another
                    self._read_segment(store, segment)
                if self._must_stop():
                    return
            self._take_over(store)
            self._apply_retention(store)
            self._is_filling = store.fill_sums()

    def _opened_store(self) -> "Store":
        if self._store is None:
            # SQLAlchemy takes long to load, and the server must not wait for it
            from tiercel.records.store import Store

            self._store = Store(self._folder, self._database_url, answer_seconds=self._answer_seconds)
            self._offsets = self._store.offsets()
            gone = set(self._offsets) - {path.name for path in segments(self._folder)}
            self._store.forget_segments(gone)
        return self._store

    def _take_over(self, store: "Store") -> None:
        """Once everything from earlier processes is read: what they left under way was interrupted."""
        if not self._took_over:
            self._interrupted = store.interrupt_pending()
            self._took_over = True

    def _read_segment(self, store: "Store", segment: Path) -> None:
        while not self._must_stop() and self._read_batch(store, segment):
            pass  # one batch is forgotten before the next is read

    def _read_batch(self, store: "Store", segment: Path) -> bool:
        """Takes in what comes next in this segment. Returns whether more may come at once."""
        offset = self._offsets.get(segment.name, 0)
        own, written = self._journal.position()
        is_live = segment == own
        end = written if is_live else None
        chunk = read_entries(segment, offset, end=end, at_most_bytes=BATCH_BYTES)
        if chunk.offset > offset:
            self._take_in(store, segment, chunk)
        elif not is_live:
            self._finish(store, segment, chunk.problem)
            return False
        elif chunk.problem is None:
            return False
        else:  # damaged on the disk, not half written: what follows belongs in another segment
            self._journal.rotate()
        return True

    def _take_in(self, store: "Store", segment: Path, chunk: Chunk) -> None:
        store.insert(chunk.entries, segment.name, chunk.offset)
        self._offsets[segment.name] = chunk.offset
        self._entries += len(chunk.entries)
        if chunk.unreadable:
            self._unreadable += chunk.unreadable
            self._has_unreadable.add(segment.name)

    def _finish(self, store: "Store", segment: Path, problem: str | None) -> None:
        """A complete segment has been read: it is deleted, or set aside where something in it could not be read."""
        if problem is None and segment.name in self._has_unreadable:
            problem = "entries that this version does not understand"
        if problem is None:
            self._journal.remove(segment)
        else:
            kept = segment.with_name(segment.name + DAMAGED_SUFFIX)
            self._journal.remove(segment, keep_as=kept)
            logger.warning(
                "%s: %s; all before it is kept, the file is set aside as %s", segment, problem, kept.name
            )
        store.forget_segments([segment.name])
        self._offsets.pop(segment.name, None)

    def _apply_retention(self, store: "Store") -> None:
        if time.monotonic() >= self._retention_due:
            apply(self._retention, store, now=time.time())
            self._retention_due = time.monotonic() + RETENTION_EVERY_SECONDS

    def _run(self) -> None:
        wait = self._poll_seconds
        while not self._stopping.is_set():
            if not self._paused.is_set():
                wait = self._next_wait() if self._try_once() else min(2 * wait, LONGEST_BACKOFF_SECONDS)
            self._wake.wait(wait)
            self._wake.clear()

    def _next_wait(self) -> float:
        return min(FILL_PAUSE_SECONDS, self._poll_seconds) if self._is_filling else self._poll_seconds

    def _try_once(self) -> bool:
        try:
            self.run_once()
        except (
            TiercelError,
            OSError,
            ImportError,
        ) as error:  # the last where no file can be opened to load one
            if self._problem is None:
                logger.warning("records wait in the journal: %s", error)
            self._problem = str(error)
            return False
        if self._problem is not None:
            logger.warning("records are taken from the journal again")
        self._problem = None
        return True

    def _must_stop(self) -> bool:
        """Between two batches: whether the rest has to wait."""
        if self._paused.is_set():
            return True
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _state(self) -> Literal["stopped", "running", "paused", "waiting"]:
        if self._thread is None:
            return "stopped"
        if self._paused.is_set():
            return "paused"
        return "running" if self._problem is None else "waiting"

    def _behind(self) -> int:
        total = 0
        for segment in segments(self._folder):
            with contextlib.suppress(FileNotFoundError):
                total += segment.stat().st_size - self._offsets.get(segment.name, 0)
        return total
