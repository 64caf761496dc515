"""Reading what happened, also while a server runs: the store, and what of the journal it has not taken in yet.

Never writes, so it may be used by any process. Loads SQLAlchemy: import this only where it is used.
"""

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Feedback, JournalEntry, Record
from tiercel.domain.secret import Secret
from tiercel.records.check_tally import CheckTallies, add_checks, tally_checks
from tiercel.records.database import database_path
from tiercel.records.engines import Database, DatabaseError
from tiercel.records.migrate import current_revision
from tiercel.records.revisions import HEAD, UnusableDatabaseError
from tiercel.records.rollups import CHECKS, MINUTE, REQUESTS, ceil_to
from tiercel.records.rows import noun_from
from tiercel.records.schema import attempts, feedback, ingest_state, plans, records, rungs
from tiercel.records.segments import read_from, segments
from tiercel.records.stored import IN_PORTIONS, portions, stored_records
from tiercel.records.tally import (
    Cell,
    Judged,
    Tallies,
    add_feedback,
    add_record,
    judged,
    take_back_interrupted,
    tally_records,
)


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
    with _Snapshot.taken(folder, database_url) as snapshot:
        found = {record.id: record for record in snapshot.stored_records(condition)}
        said = list(snapshot.stored_feedback(true()))
        for entry in snapshot.waiting():
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
    with _Snapshot.taken(folder, database_url) as snapshot:
        waiting = list(snapshot.waiting())
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


def load_tallies(folder: Path, *, since: float | None = None, database_url: Secret | None = None) -> Tallies:
    """The same as sums, of the same records and feedback, without reading each record; raises the same.

    Counts are exact, and the percentiles of its sketches within 1 %.
    """
    with _Snapshot.taken(folder, database_url) as snapshot:
        tallies = snapshot.stored_tallies(since)
        waiting = list(snapshot.waiting())
        ended = {entry.id: entry for entry in waiting if isinstance(entry, Record)}
        known = {record.id: record for record in snapshot.stored_by_id(ended)}
        own = [record for record in ended.values() if since is None or record.started_at >= since]
        for record in own:
            stored = known.get(record.id)
            if stored is None or stored.outcome == "interrupted":
                add_record(tallies, record)
            if stored is not None and stored.outcome == "interrupted":
                take_back_interrupted(tallies, stored)
        spoken = (entry for entry in waiting if isinstance(entry, Feedback))
        said = latest((*snapshot.stored_feedback(true()), *spoken))
        mine = {record.id: record for record in own}
        for about in (*snapshot.stored_judged(set(said) - set(mine), since), *map(judged, own)):
            if about.record_id in said:
                add_feedback(tallies, about, said[about.record_id])
    return tallies


def load_check_tallies(
    folder: Path, *, since: float | None = None, database_url: Secret | None = None
) -> CheckTallies:
    """What checks did in the same records, as sums; raises the same. All of it is exact."""
    with _Snapshot.taken(folder, database_url) as snapshot:
        tallies = snapshot.stored_check_tallies(since)
        ended = {entry.id: entry for entry in snapshot.waiting() if isinstance(entry, Record)}
        known = {record.id for record in snapshot.stored_by_id(ended) if record.outcome != "interrupted"}
        for record in ended.values():
            if record.id not in known and (since is None or record.started_at >= since):
                add_checks(tallies, record)
    return tallies


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
    with _Snapshot.taken(folder, database_url) as snapshot:
        waiting = {
            entry.id
            for entry in snapshot.waiting()
            if isinstance(entry, Record)
            and entry.started_at < before
            and (project is None or entry.project == project)
        }
        known = {record.id for record in snapshot.stored_by_id(waiting)}
        return snapshot.count(own) + len(waiting - known)


def find_record(folder: Path, record_id: str, *, database_url: Secret | None = None) -> Record | None:
    """One record by its id. Raises `ConfigError` as `load_history` does."""
    with _Snapshot.taken(folder, database_url) as snapshot:
        stored = next(snapshot.stored_records(records.c.id == record_id), None)
        if stored is not None and stored.outcome != "interrupted":
            return stored
        waiting = (e for e in snapshot.waiting() if isinstance(e, Record) and e.id == record_id)
        return next(waiting, stored)


def find_feedback(folder: Path, record_id: str, *, database_url: Secret | None = None) -> Feedback | None:
    """The latest feedback on a record. Raises `ConfigError` as `load_history` does."""
    with _Snapshot.taken(folder, database_url) as snapshot:
        said = list(snapshot.stored_feedback(feedback.c.record_id == record_id))
        said += [e for e in snapshot.waiting() if isinstance(e, Feedback) and e.record_id == record_id]
    return latest(said).get(record_id)


def latest(said: Iterable[Feedback]) -> dict[str, Feedback]:
    """Of each record the feedback that counts: the one given last."""
    counting: dict[str, Feedback] = {}
    for entry in said:
        known = counting.get(entry.record_id)
        if known is None or (known.at, known.id) < (entry.at, entry.id):
            counting[entry.record_id] = entry
    return counting


class _Snapshot:
    """Store and journal as they were at one moment.

    The segments are opened before the store is looked at: one that is taken in and deleted meanwhile stays readable,
    and what is then read twice is told apart by its id.
    """

    def __init__(self, files: dict[str, BinaryIO], connection: Connection | None) -> None:
        self._files = files
        self._connection = connection

    @classmethod
    @contextmanager
    def taken(cls, folder: Path, url: Secret | None) -> Iterator["_Snapshot"]:
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
        if self._connection is None:
            return
        yield from stored_records(self._connection, condition, **options)

    def stored_feedback(self, condition: ColumnElement[bool]) -> Iterator[Feedback]:
        """Feedback that the store has."""
        if self._connection is not None:
            for row in self._connection.execute(select(feedback).where(condition)).mappings().all():
                yield noun_from(Feedback, dict(row))

    def stored_tallies(self, since: float | None) -> Tallies:
        """What the store has from `since` on: of the minute that it cuts the records themselves, then the sums."""
        if self._connection is None:
            return {}
        found = REQUESTS.tallies(self._connection, REQUESTS.since(since))
        if since is not None:
            REQUESTS.merge(found, tally_records(self.stored_records(_cut(since))).items())
        return found

    def stored_check_tallies(self, since: float | None) -> CheckTallies:
        """The same of what checks did."""
        if self._connection is None:
            return {}
        found = CHECKS.tallies(self._connection, CHECKS.since(since))
        if since is not None:
            CHECKS.merge(found, tally_checks(self.stored_records(_cut(since))).items())
        return found

    def count(self, condition: ColumnElement[bool]) -> int:
        if self._connection is None:
            return 0
        return self._connection.execute(
            select(func.count()).select_from(records).where(condition)
        ).scalar_one()

    def stored_by_id(self, ids: Iterable[str]) -> Iterator[Record]:
        """Those of these records that the store has."""
        for portion in portions(list(ids)):
            yield from self.stored_records(records.c.id.in_(portion))

    def stored_judged(self, ids: Iterable[str], since: float | None) -> Iterator[Judged]:
        """What feedback on these records is counted by, of those that the store has."""
        if self._connection is None:
            return
        columns = (
            *(records.c[name] for name in ("id", "outcome", "verified", "project", "task")),
            plans.c.rule,
            *(rungs.c[name] for name in ("tier", "model", "effort")),
            records.c.simulated,
        )
        answers = (attempts.c.record_id == records.c.id) & (attempts.c.number == records.c.delivered)
        chosen = (
            select(*columns)
            .join_from(records, plans, records.c.plan_number == plans.c.number)
            .outerjoin(attempts, answers)
            .outerjoin(rungs, attempts.c.rung_number == rungs.c.number)
        )
        for portion in portions(sorted(ids)):
            for row in self._connection.execute(chosen.where(records.c.id.in_(portion), _since(since))).all():
                passed, (project, task, rule) = row.outcome == "passed", (row.project, row.task, row.rule)
                answer = (row.tier or "", row.model or "", row.effort or "")
                cell = Cell(project, task, rule, *answer, row.simulated)
                yield Judged(row.id, cell, passed, passed and row.verified)

    def waiting(self) -> Iterator[JournalEntry]:
        """What the journal has and the store had not taken in."""
        offsets: dict[str, int] = {}
        if self._connection is not None:
            found = self._connection.execute(select(ingest_state.c.segment, ingest_state.c.offset))
            offsets = {row.segment: row.offset for row in found}
        for name, file in self._files.items():
            yield from read_from(file, offsets.get(name, 0)).entries


def _cut(since: float) -> ColumnElement[bool]:
    """The records of the minute that `since` cuts, from it on."""
    return and_(records.c.started_at >= since, records.c.started_at < ceil_to(MINUTE, since))


def _since(since: float | None) -> ColumnElement[bool]:
    return true() if since is None else records.c.started_at >= since


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
