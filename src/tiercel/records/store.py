"""The one writer of the SQL store, among servers that may share it. Everything it is told twice, it keeps once: by
record, by feedback, by offset.

Loads SQLAlchemy: import this only where it is used.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from tiercel.domain.errors import TiercelError
from tiercel.domain.record import Content, Feedback, JournalEntry, Record, ShadowPair, Started
from tiercel.domain.secret import Secret
from tiercel.records.content_store import content_rows, forget_contents
from tiercel.records.database import ANSWER_SECONDS
from tiercel.records.dimensions import plan_row, rung_row
from tiercel.records.engines import Database, DatabaseError, put_in
from tiercel.records.feedback_sums import COUNTED_AT_ONCE, count_feedback, latest, lock_feedback, mark_counted
from tiercel.records.filling import (
    FILLED_AT_ONCE,
    fill,
    filled_up_to,
    share_filling,
    summed,
    summed_of,
    with_feedback,
)
from tiercel.records.instance import instance_of
from tiercel.records.migrate import bring_up_to_date
from tiercel.records.pairs import forget_pairs, pair_row
from tiercel.records.rollups import HOUR, MINUTE, Minutes, RollupWriter, floor_to, lock_sums
from tiercel.records.rows import (
    ATTEMPT_COLUMNS,
    RECORD_COLUMNS,
    Row,
    attempt_values,
    interrupted,
    noun_from,
    plain_row,
    record_values,
    without_nul,
)
from tiercel.records.schema import (
    attempts,
    blocks,
    contents,
    feedback,
    ingest_state,
    pending,
    plans,
    records,
    rungs,
    shadow_pairs,
)
from tiercel.records.spendings import add_spendings, forget_spendings
from tiercel.records.stored import portions
from tiercel.records.sums import Sums

PlainNoun = TypeVar("PlainNoun", Feedback, Started)
FORGOTTEN_AT_ONCE = 1_000
MIGRATION_SECONDS = 3600.0
REMEMBERED_SHARED = 10_000
SINGLE_SERVER = "local"
"""The instance of what the only server of an older database left behind."""

# made once: to make one with hundreds of ids takes longer than to run it
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_OUTCOMES = select(records.c.id, records.c.outcome).where(records.c.id.in_(_IDS))
_ENDED = delete(pending).where(pending.c.id.in_(_IDS))


class StoreError(TiercelError):
    """The database did not take what it was given: away, full, locked, damaged … Nothing was half written."""


class Store:
    """The database of one data folder, or the one at `url`, where other servers may write as well.

    One thread at a time; the folder's lock must be held.
    """

    def __init__(
        self, folder: Path, url: Secret | None = None, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        """Opens the database and brings it to the present schema. Raises `StoreError`, or `ConfigError` for a URL
        that is none."""
        self._database = Database.to_write(folder, url, answer_seconds)
        self._instance = instance_of(folder)
        self._shared: set[int] = set()
        self._rollups = RollupWriter(self._put)
        self._is_filled = False
        try:
            with self._transaction(within_seconds=MIGRATION_SECONDS) as connection:
                bring_up_to_date(connection)
                for table in (pending, ingest_state):
                    alone = update(table).where(table.c.instance == SINGLE_SERVER)
                    connection.execute(alone.values(instance=self._instance))
        except StoreError:
            self.close()
            raise

    def offsets(self) -> dict[str, int]:
        """How far each of this server's segments was read, by its file name."""
        with self._transaction() as connection:
            own = ingest_state.c.instance == self._instance
            found = connection.execute(select(ingest_state.c.segment, ingest_state.c.offset).where(own))
            return {row.segment: row.offset for row in found}

    def insert(self, entries: Iterable[JournalEntry], segment: str, offset: int) -> None:
        """Takes in `entries`, and that `segment` was read up to `offset`: both, or neither with `StoreError`."""
        kept = list(entries)
        begun, done, said = _sorted_out(kept)
        pieces, lists = content_rows(entry for entry in kept if isinstance(entry, Content))
        pairs = [pair_row(entry, self._instance) for entry in kept if isinstance(entry, ShadowPair)]
        shared: set[int] = set()
        with self._transaction() as connection:
            shared, has_feedback = self._insert_records(connection, done)
            self._insert_new(connection, feedback, said)
            self._put(connection, blocks, pieces, or_leave=True)
            self._put(connection, contents, lists, or_leave=True)
            self._put(connection, shadow_pairs, pairs, or_leave=True)
            finished = _outcomes(connection, list(begun))
            under_way = {key: begun[key] for key in begun if key not in finished}
            self._insert_new(connection, pending, under_way, instance=self._instance)
            own = (ingest_state.c.instance == self._instance) & (ingest_state.c.segment == segment)
            connection.execute(delete(ingest_state).where(own))
            position = {"instance": self._instance, "segment": segment, "offset": offset}
            connection.execute(insert(ingest_state), [position])
        self._remember(shared)
        if said or has_feedback:
            self.count_feedback()

    def fill_sums(self, at_once: int = FILLED_AT_ONCE) -> bool:
        """Takes some of the records that are older than the sums into them. Returns whether more may be left."""
        if not self._is_filled:
            with self._transaction() as connection:
                self._is_filled = not fill(connection, self._rollups, at_once)
        return not self._is_filled

    def count_feedback(self) -> None:
        """Takes feedback into the sums."""
        counted = COUNTED_AT_ONCE
        while counted == COUNTED_AT_ONCE:
            with self._transaction() as connection:
                mark = self._mark(connection)
                counted = count_feedback(connection, self._rollups, summed(mark))

    def outcomes(self, ids: Sequence[str]) -> dict[str, str]:
        """The outcomes of those of these records that are there."""
        with self._transaction() as connection:
            return _outcomes(connection, ids)

    def copy(
        self, done: Iterable[Record], said: Iterable[Feedback], pieces: list[Row], lists: list[Row]
    ) -> None:
        """Takes in what another store has: records, feedback, and rows of `blocks`, in the order of their keys, and of
        `contents`. What is there already is left as it is. All of it or nothing, with `StoreError`."""
        with self._transaction() as connection:
            shared, has_feedback = self._insert_records(connection, {record.id: record for record in done})
            new = {one.id: one for one in said}
            self._insert_new(connection, feedback, new)
            self._put(connection, blocks, pieces, or_leave=True)
            self._put(connection, contents, lists, or_leave=True)
        self._remember(shared)
        if new or has_feedback:
            self.count_feedback()

    def copy_pairs(self, rows: list[Row]) -> None:
        """Takes in rows of another store's `shadow_pairs`; what is there already is left as it is."""
        with self._transaction() as connection:
            self._put(connection, shadow_pairs, rows, or_leave=True)

    def interrupt_pending(self) -> int:
        """Gives every request of this server that is still under way the outcome `interrupted`. Returns how many
        there were.

        Only right when no process that could finish them is alive: after the lock was taken anew.
        """
        fields = [pending.c[name] for name in Started.__struct_fields__]
        own = pending.c.instance == self._instance
        with self._transaction() as connection:
            rows = connection.execute(select(*fields).where(own)).mappings().all()
            left = [interrupted(noun_from(Started, dict(row))) for row in rows]
            shared, _ = self._insert_records(connection, {record.id: record for record in left})
        self._remember(shared)
        return len(rows)

    def forget_segments(self, names: Collection[str]) -> None:
        """Drops the reading state of this server's segments that are gone."""
        if not names:
            return
        with self._transaction() as connection:
            own = ingest_state.c.instance == self._instance
            connection.execute(delete(ingest_state).where(own, ingest_state.c.segment.in_(names)))

    def forget_before(
        self, unix_seconds: float, *, project: str | None = None, but: Collection[str] = ()
    ) -> int:
        """Deletes records of minutes that ended before, with their attempts, feedback and sums: of one project, or of
        all `but` some. Returns how many records.

        A portion at a time, so that ingest and other servers never wait long.
        """
        before = floor_to(MINUTE, unix_seconds)
        forgotten = self._forget_records(before, project, but)
        with self._transaction(within_seconds=MIGRATION_SECONDS) as connection:
            mark = self._mark(connection)
            lock_feedback(connection)
            lock_sums(connection)
            left = Sums()
            of_hour = (records.c.started_at >= before) & (
                records.c.started_at < floor_to(HOUR, before) + HOUR
            )
            if before % HOUR:
                kept = of_hour & _whose(records, project, but) & summed(mark)
                for record, said in with_feedback(connection, kept, feedback.c.counted):
                    left.add(record, latest(said).get(record.id))
            self._rollups.forget(connection, before, lambda table: _whose(table, project, but), left)
            forget_spendings(connection, before)
            # of requests whose record was lost
            late = shadow_pairs.c.received_at < before
            connection.execute(delete(shadow_pairs).where(late, _whose(shadow_pairs, project, but)))
        return forgotten

    def _forget_records(self, before: float, project: str | None, but: Collection[str]) -> int:
        forgotten = 0
        while True:
            oldest = (
                select(records.c.id)
                .where(records.c.started_at < before, _whose(records, project, but))
                .order_by(records.c.started_at)
                .limit(FORGOTTEN_AT_ONCE)
            )
            with self._transaction() as connection:
                found = connection.execute(oldest).scalars().all()
                for ids in portions(found):
                    forget_contents(connection, ids)
                    connection.execute(delete(attempts).where(attempts.c.record_id.in_(ids)))
                    connection.execute(delete(feedback).where(feedback.c.record_id.in_(ids)))
                    forget_pairs(connection, ids)
                    connection.execute(delete(records).where(records.c.id.in_(ids)))
            forgotten += len(found)
            if len(found) < FORGOTTEN_AT_ONCE:
                return forgotten

    def close(self) -> None:
        """Closes the database, which moves SQLite's write-ahead log into it."""
        self._database.close()

    @contextmanager
    def _transaction(self, *, within_seconds: float | None = None) -> Iterator[Connection]:
        try:
            with self._database.transaction(within_seconds=within_seconds) as connection:
                yield connection
        except DatabaseError as error:
            raise StoreError(str(error)) from error

    def _insert_records(self, connection: Connection, done: dict[str, Record]) -> tuple[set[int], bool]:
        """Inserts those not there yet; returns the numbers of all shared rows that are there now, and whether there
        may be feedback on them already.

        A real record takes the place of an `interrupted` one, never the reverse.
        """
        mark = self._mark(connection)
        outcomes = _outcomes(connection, list(done))
        replaced = [key for key, outcome in outcomes.items() if outcome == "interrupted"]
        fresh = [record for key, record in done.items() if key not in outcomes or key in replaced]
        gone: list[tuple[Record, list[Feedback]]] = []
        if replaced:
            lock_feedback(connection)
        for ids in portions(replaced):
            gone += with_feedback(connection, records.c.id.in_(ids), feedback.c.counted)
            connection.execute(delete(attempts).where(attempts.c.record_id.in_(ids)))
            connection.execute(delete(records).where(records.c.id.in_(ids)))
        called = [rung_row(attempt) for record in fresh for attempt in record.attempts]
        shared = self._share(connection, plans, [plan_row(record) for record in fresh])
        shared |= self._share(connection, rungs, called)
        put_in(connection, records, RECORD_COLUMNS, map(record_values, fresh))
        put_in(connection, attempts, ATTEMPT_COLUMNS, chain.from_iterable(map(attempt_values, fresh)))
        ours = summed_of(connection, mark, [record.id for record in fresh])
        minutes = Minutes()
        for record in fresh:
            if record.id in ours:
                minutes.of(record.started_at).add(record)
        for record, said in gone:
            if record.id in ours:
                minutes.of(record.started_at).take_back_interrupted(record, latest(said).get(record.id))
                mark_counted(connection, [entry.id for entry in said], counted=False)
        self._rollups.add(connection, minutes)
        add_spendings(connection, self._instance, fresh)
        for ids in portions(list(done)):
            connection.execute(_ENDED, {"ids": ids})
        return shared, bool(gone)

    def _mark(self, connection: Connection) -> str | None:
        """How far the sums have what was there before them, which stays so until the transaction ends."""
        if self._is_filled:
            return None
        share_filling(connection)
        mark = filled_up_to(connection)
        self._is_filled = mark is None
        return mark

    def _insert_new(
        self, connection: Connection, table: Table, nouns: dict[str, PlainNoun], **more: str
    ) -> None:
        """Inserts those whose id the table does not have."""
        known: set[str] = set()
        for portion in portions(list(nouns)):
            known.update(connection.execute(select(table.c.id).where(table.c.id.in_(portion))).scalars())
        rows = [plain_row(noun) | more for key, noun in nouns.items() if key not in known]
        self._put(connection, table, rows)

    def _share(self, connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> set[int]:
        """Makes sure that these rows are there; returns their numbers."""
        missing = {row["number"]: dict(row) for row in rows if row["number"] not in self._shared}
        if missing:
            # in the order of their numbers, so that two servers never wait for each other in a circle
            self._put(connection, table, [missing[number] for number in sorted(missing)], or_leave=True)
        return set(missing)

    def _remember(self, shared: set[int]) -> None:
        """To be told after the transaction: of one that failed nothing is there."""
        if len(self._shared) + len(shared) > REMEMBERED_SHARED:
            self._shared.clear()
        self._shared |= shared

    def _put(self, connection: Connection, table: Table, rows: list[Row], *, or_leave: bool = False) -> None:
        """Inserts the rows; with `or_leave` those whose key is there already are left as they are."""
        if not rows:
            return
        if or_leave:
            if self._database.is_postgres:
                rows = [without_nul(row) for row in rows]
            into = postgresql.insert(table) if self._database.is_postgres else sqlite.insert(table)
            connection.execute(into.on_conflict_do_nothing(), rows)
        else:
            names = tuple(rows[0])
            put_in(connection, table, names, map(itemgetter(*names), rows))


def _sorted_out(
    entries: Iterable[JournalEntry],
) -> tuple[dict[str, Started], dict[str, Record], dict[str, Feedback]]:
    """What began and did not end within these entries, what ended, and what was said about it; by id."""
    begun: dict[str, Started] = {}
    done: dict[str, Record] = {}
    said: dict[str, Feedback] = {}
    for entry in entries:
        match entry:
            case Started():
                if entry.id not in done:
                    begun[entry.id] = entry
            case Record():
                done.setdefault(entry.id, entry)
                begun.pop(entry.id, None)
            case Feedback():
                said.setdefault(entry.id, entry)
    return begun, done, said


def _outcomes(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The outcomes of those of these records that are there."""
    found: dict[str, str] = {}
    for portion in portions(ids):
        found.update((row.id, row.outcome) for row in connection.execute(_OUTCOMES, {"ids": portion}))
    return found


def _whose(table: Table, project: str | None, but: Collection[str]) -> ColumnElement[bool]:
    """Rows of one project, or of all but some."""
    own = table.c.project
    return own.not_in(but) if project is None else own == project
