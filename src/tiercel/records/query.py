"""Reading what happened, also while a server runs: the store, and what of the journal it has not taken in yet.

Never writes, so it may be used by any process. Loads SQLAlchemy: import this only where it is used.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import ColumnElement, true

from tiercel.domain.record import Feedback, Record
from tiercel.domain.secret import Secret
from tiercel.records.database import database_path
from tiercel.records.feedback_sums import latest
from tiercel.records.schema import feedback, records
from tiercel.records.segments import segments
from tiercel.records.snapshot import Snapshot
from tiercel.records.stored import IN_PORTIONS


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Records in the order in which they started, and the latest feedback on each, by record id."""

    records: tuple[Record, ...]
    feedback: dict[str, Feedback]


def load_history(folder: Path, *, since: float | None = None, database_url: Secret | None = None) -> History:
    """Everything that started at or after `since` (Unix seconds; `None`: everything): what is in the database of
    `folder`, or in the one at `database_url`, and what waits in the folder's journal.

    Raises `ConfigError` where nothing was recorded yet, or it cannot be read.
    """
    condition = _since(since)
    with Snapshot.taken(folder, database_url) as snapshot:
        found = {record.id: record for record in snapshot.stored_records(condition)}
        said = list(snapshot.stored_feedback(true()))
        for entry in snapshot.waiting:
            if isinstance(entry, Feedback):
                said.append(entry)
            elif isinstance(entry, Record) and (since is None or entry.started_at >= since):
                found[entry.id] = entry
    in_order = sorted(found.values(), key=lambda record: (record.started_at, record.id))
    known = {key: entry for key, entry in latest(said).items() if key in found}
    return History(records=tuple(in_order), feedback=known)


def each_record(
    folder: Path,
    *,
    since: float | None = None,
    project: str | None = None,
    database_url: Secret | None = None,
) -> Iterator[tuple[Record, Feedback | None]]:
    """The same, one after the other in the order of their ids, without holding them all; of one project or of all.

    What waits in the journal comes last. To be taken to the end.
    """
    condition = _since(since) if project is None else _since(since) & (records.c.project == project)
    with Snapshot.taken(folder, database_url) as snapshot:
        waiting = list(snapshot.waiting)
        spoken = (entry for entry in waiting if isinstance(entry, Feedback))
        said = latest((*snapshot.stored_feedback(true()), *spoken))
        ended = {
            entry.id: entry
            for entry in waiting
            if isinstance(entry, Record)
            and (since is None or entry.started_at >= since)
            and project in (None, entry.project)
        }
        for record in snapshot.stored_records(condition, **IN_PORTIONS):
            own = ended.pop(record.id, record)
            yield own, said.get(own.id)
        for own in ended.values():
            yield own, said.get(own.id)


def is_empty(folder: Path) -> bool:
    """Whether nothing was recorded here yet: there is neither a store nor a journal."""
    return not database_path(folder).exists() and not segments(folder)


def count_records(
    folder: Path, *, before: float, project: str | None = None, database_url: Secret | None = None
) -> int:
    """How many records started before (Unix seconds), of one project or of all. Raises as `load_history` does."""
    own = records.c.started_at < before
    if project is not None:
        own &= records.c.project == project
    with Snapshot.taken(folder, database_url) as snapshot:
        waiting = {
            entry.id
            for entry in snapshot.waiting
            if isinstance(entry, Record)
            and entry.started_at < before
            and (project is None or entry.project == project)
        }
        known = {record.id for record in snapshot.stored_by_id(waiting)}
        return snapshot.count(own) + len(waiting - known)


def find_record(folder: Path, record_id: str, *, database_url: Secret | None = None) -> Record | None:
    """One record by its id. Raises `ConfigError` as `load_history` does."""
    with Snapshot.taken(folder, database_url) as snapshot:
        stored = next(snapshot.stored_records(records.c.id == record_id), None)
        if stored is not None and stored.outcome != "interrupted":
            return stored
        waiting = (e for e in snapshot.waiting if isinstance(e, Record) and e.id == record_id)
        return next(waiting, stored)


def find_feedback(folder: Path, record_id: str, *, database_url: Secret | None = None) -> Feedback | None:
    """The latest feedback on a record. Raises `ConfigError` as `load_history` does."""
    with Snapshot.taken(folder, database_url) as snapshot:
        said = list(snapshot.stored_feedback(feedback.c.record_id == record_id))
        said += [e for e in snapshot.waiting if isinstance(e, Feedback) and e.record_id == record_id]
    return latest(said).get(record_id)


def _since(since: float | None) -> ColumnElement[bool]:
    return true() if since is None else records.c.started_at >= since
