"""The append-only journal: every record is here before the client has its last byte.

One `write` per entry into a file of mode 0600. That survives the death of the process at any moment; the loss of
power is survived up to the last group sync, about 100 ms ago. A process never appends to a segment it did not make,
so a damaged tail is never written over.
"""

import contextlib
import errno
import os
import threading
import time
from pathlib import Path

from tiercel.domain.errors import UnavailableError
from tiercel.domain.record import JournalEntry
from tiercel.domain.settings import Storage
from tiercel.records.segments import (
    LARGEST_ENTRY_BYTES,
    frame,
    journal_folder,
    next_segment,
    segments,
)

SYNC_EVERY_SECONDS = 0.1
PROBE_EVERY_SECONDS = 0.5
PROBE_BYTES = 64_000
HEADROOM_BYTES = 1_000_000

# macOS has no fdatasync
_sync_data = getattr(os, "fdatasync", os.fsync)


class StorageError(UnavailableError):
    """A record could not be written: the disk is full, read-only or failing, or the journal is at its limit.

    The message of a journal that is open names no folder, because `/readyz` shows it to anybody.
    """

    def __init__(self, message: str) -> None:
        super().__init__("storage_unavailable", message)


class Journal:
    """The one writer of a data folder's journal. Safe to use from several threads."""

    def __init__(self, folder: Path, storage: Storage) -> None:
        self.folder = folder
        self._segment_bytes = storage.segment_bytes
        self._limit = storage.journal_limit_bytes
        self._headroom = min(HEADROOM_BYTES, storage.journal_limit_bytes // 16)
        self._lock = threading.Lock()
        self._problem: str | None = None
        self._sync_problem: str | None = None
        self._probed_at = 0.0
        self._retired: list[int] = []
        self._total = 0
        self._fd = -1
        self._path = journal_folder(folder)
        self._size = 0
        self._needs_new_segment = False
        self._is_torn = False
        self._names_changed = False
        self._dirty = threading.Event()
        self._is_dirty = False  # that it was set since the last sync: asking the event costs more
        self._closing = threading.Event()
        self._syncer = threading.Thread(target=self._sync_in_groups, name="tiercel-journal-sync", daemon=True)

    @classmethod
    def open(cls, folder: Path, storage: Storage) -> "Journal":
        """Opens a new segment in `folder`, which is made (mode 0700) where it is missing.

        Raises `StorageError` when nothing can be written there.
        """
        journal = cls(folder, storage)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            journal_folder(folder).mkdir(mode=0o700, exist_ok=True)
            journal._begin_segment()
        except OSError as error:
            raise StorageError(f"{folder}: cannot keep a journal here: {_words(error)}") from error
        journal._recount()
        journal._syncer.start()
        return journal

    def append(self, entry: JournalEntry) -> None:
        """Writes one entry; it outlives this process from then on. Raises `StorageError` when it is not written."""
        self.append_frame(frame(entry))

    def append_frame(self, data: bytes) -> None:
        """The same for an entry's bytes: all of them or nothing of them are written."""
        size = len(data)
        if size > LARGEST_ENTRY_BYTES:
            raise StorageError(f"a record of {size} bytes is more than a journal entry may have")
        with self._lock:
            if self._fd < 0:
                raise StorageError("the journal is closed")
            if self._total + size > self._limit:
                self._make_sure_of_limit(size)
            if self._size >= self._segment_bytes:
                self._needs_new_segment = True
            try:
                if self._needs_new_segment:
                    self._leave_segment()
                written = os.write(self._fd, data)
                if written < size:
                    self._write_rest(data, written)
            except OSError:
                self._write_elsewhere(data)
            self._size += size
            self._total += size
            self._problem = None
            if not self._is_dirty:
                self._is_dirty = True
                self._dirty.set()

    def writable(self) -> bool:
        """Whether a new request may count on being recorded."""
        return self.problem() is None

    def problem(self) -> str | None:
        """Why no new request should be taken on, or `None`. Looks again by itself, so it recovers without a restart.

        It answers a little before `append` refuses, so that answers under way can still be recorded.
        """
        if self._problem is None and self._total + self._headroom <= self._limit:
            return self._sync_problem
        with self._lock:
            if time.monotonic() - self._probed_at >= PROBE_EVERY_SECONDS:
                self._probed_at = time.monotonic()
                self._look_again()
            if self._problem is not None:
                return self._problem
            return self._limit_text() if self._total + self._headroom > self._limit else self._sync_problem

    def position(self) -> tuple[Path, int]:
        """The segment being written and how many of its bytes are whole entries; no segment's path once closed."""
        with self._lock:
            return self._path, self._size

    def remove(self, segment: Path, *, keep_as: Path | None = None) -> None:
        """Deletes a segment that is not needed any more, or renames it. Raises `OSError`."""
        size = segment.stat().st_size
        if keep_as is None:
            segment.unlink()
        else:
            segment.rename(keep_as)
        with self._lock:
            self._total -= size

    def rotate(self) -> None:
        """Goes on in a new segment, so that the present one is complete. Raises `OSError`."""
        with self._lock:
            if self._size and self._fd >= 0:
                self._begin_segment()

    def close(self) -> None:
        """Syncs everything to the disk and closes. May be called twice."""
        with self._lock:
            if self._fd < 0:
                return
            self._retired.append(self._fd)
            self._fd = -1
            self._path, self._size = journal_folder(self.folder), 0
        self._closing.set()
        self._dirty.set()
        self._syncer.join()

    def _make_sure_of_limit(self, size: int) -> None:
        """Raises `StorageError` when so much more is too much, also after counting anew."""
        with contextlib.suppress(OSError):  # not countable now: the old count holds
            self._recount()
        if self._total + size > self._limit:
            raise StorageError(self._limit_text())

    def _write_elsewhere(self, data: bytes) -> None:
        """A failing file is left for a new one before giving up."""
        self._needs_new_segment = True
        try:
            self._leave_segment()
            self._write_rest(data, 0)
        except OSError as error:
            self._needs_new_segment = True
            self._problem = f"cannot write the journal: {_words(error)}"
            self._probed_at = time.monotonic()
            raise StorageError(self._problem) from error

    def _write_rest(self, data: bytes, written: int) -> None:
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            if written:  # these bytes are ours and no entry: the one case in which an end may be cut off
                self._is_torn = True
                os.ftruncate(self._fd, self._size)
                self._is_torn = False
            raise

    def _leave_segment(self) -> None:
        """Goes on in a new segment. Where none can be had, the old one still serves, unless its end is torn."""
        try:
            self._begin_segment()
        except OSError:
            if self._is_torn:
                raise

    def _begin_segment(self) -> None:
        path = next_segment(self.folder)
        fd = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600
        )
        if self._fd >= 0:
            self._retired.append(self._fd)
            if not self._size:  # or a disk that stays full would be left with an empty file for every try
                with contextlib.suppress(OSError):
                    self._path.unlink()
        self._fd, self._path, self._size = fd, path, 0
        self._needs_new_segment = self._is_torn = False
        self._names_changed = True

    def _look_again(self) -> None:
        """Whether there is room to write by now."""
        try:
            self._recount()
            _probe(journal_folder(self.folder) / "probe", sync=False)
        except OSError as error:
            self._problem = f"cannot write the journal: {_words(error)}"
        else:
            self._problem = None

    def _recount(self) -> None:
        """Measures all segments anew, because others may delete some. Raises `OSError`."""
        total = 0
        for path in segments(self.folder):
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
        self._total = total

    def _limit_text(self) -> str:
        return (
            f"the journal is at its limit of {self._limit} bytes, because records are not being "
            "ingested; see the server's log, or raise [storage] journal_limit_mb"
        )

    def _sync_in_groups(self) -> None:
        while not self._closing.is_set():
            self._dirty.wait()
            self._closing.wait(PROBE_EVERY_SECONDS if self._sync_problem else SYNC_EVERY_SECONDS)
            self._dirty.clear()
            self._sync()
        self._sync()

    def _sync(self) -> None:
        """Makes what was written last. Only here are descriptors closed, so none is closed while it is synced."""
        with self._lock:
            retired, self._retired = self._retired, []
            names_changed, self._names_changed = self._names_changed, False
            live = self._fd
            self._is_dirty = False
        try:
            for fd in (*retired, live) if live >= 0 else retired:
                _sync_data(fd)
            if names_changed:
                _sync_names(journal_folder(self.folder))
            if self._sync_problem is not None:
                # a system reports a lost page once and then calls the file synced: only new bytes prove anything
                _probe(journal_folder(self.folder) / "probe-sync", sync=True)
        except OSError as error:
            with self._lock:
                self._sync_problem = f"the disk did not keep the journal: {_words(error)}"
                self._names_changed = self._names_changed or names_changed
                self._needs_new_segment = True
            self._dirty.set()
        else:
            self._sync_problem = None
        finally:
            for fd in retired:
                os.close(fd)


def _probe(path: Path, *, sync: bool) -> None:
    """Writes a file and deletes it. Raises `OSError` where that cannot be done."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if os.write(fd, bytes(PROBE_BYTES)) < PROBE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync:
                _sync_data(fd)
        finally:
            os.close(fd)
    finally:
        path.unlink(missing_ok=True)


def _sync_names(folder: Path) -> None:
    """Makes the names of new segments as lasting as their bytes, where the system can."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _words(error: OSError) -> str:
    return error.strerror or str(error)
