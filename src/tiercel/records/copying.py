"""All records of a data folder's SQLite into a PostgreSQL, and counted there. The SQLite is only read.

A portion is one transaction, and what is there already is passed over: it may be stopped or killed anywhere, and run
again. Other servers may write into the PostgreSQL meanwhile. Loads SQLAlchemy.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, func, select

from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Feedback, Record, Started
from tiercel.domain.secret import Secret
from tiercel.records.database import database_path
from tiercel.records.engines import Database, DatabaseError
from tiercel.records.feedback_sums import stored_feedback
from tiercel.records.lock import FolderLock
from tiercel.records.migrate import current_revision
from tiercel.records.revisions import HEAD
from tiercel.records.rows import interrupted, noun_from
from tiercel.records.schema import attempts, blocks, contents, feedback, pending, records, shadow_pairs
from tiercel.records.store import Store, StoreError
from tiercel.records.stored import IDS_PER_STATEMENT, portions, stored_records

AT_ONCE = 5_000
"""Records in a transaction."""
COUNTING_SECONDS = 3_600.0
COUNTED = ("records", "attempts", "feedback", "contents", "pairs")


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows the folder has of each kind, and how many of the same the PostgreSQL has now."""

    there: dict[str, int]
    here: dict[str, int]
    cost_there_nano: int
    cost_here_nano: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.here == self.there and self.cost_here_nano == self.cost_there_nano


def copy_records(folder: Path, url: Secret, progress: Callable[[int, int], None]) -> Copied:
    """Copies what is missing, then counts; `progress` is told how many records of how many are done.

    Raises `ConfigError` where a server has the folder, or one of the databases cannot be used.
    """
    if not database_path(folder).exists():
        return Copied(there={}, here={}, cost_there_nano=0, cost_here_nano=0)
    lock = FolderLock.acquire(folder)
    try:
        store = Store(folder, url)
        try:
            with Database.to_read(folder, None).transaction() as source:
                if current_revision(source) != HEAD:
                    raise ConfigError(
                        f"{database_path(folder)}: of an older version; start `tiercel serve` on it once, without "
                        "PostgreSQL, which brings it up"
                    )
                _copy(source, store, progress)
                return _counted(source, Database.to_read(folder, url))
        finally:
            store.close()
    except (DatabaseError, StoreError) as error:
        raise ConfigError(f"{error}; run the same command again, which goes on from there") from error
    finally:
        lock.release()


def _copy(source: Connection, store: Store, progress: Callable[[int, int], None]) -> None:
    total = source.execute(select(func.count()).select_from(records)).scalar_one()
    has_contents = source.execute(select(contents.c.record_id).limit(1)).first() is not None
    has_pairs = source.execute(select(shadow_pairs.c.record_id).limit(1)).first() is not None
    done = 0
    for ids in _portions(source, records, AT_ONCE):
        known = store.outcomes(ids)
        # of an interrupted request somebody may know the end by now
        open_ids = [one for one in ids if known.get(one, "interrupted") == "interrupted"]
        found = [one for some in portions(open_ids) for one in _better(source, some, known)]
        if found:
            store.copy(found, (), [], [])
        for some in portions(ids) if has_contents else ():
            store.copy((), (), *_contents(source, some))
        for some in portions(ids) if has_pairs else ():
            own = select(shadow_pairs).where(shadow_pairs.c.record_id.in_(some))
            store.copy_pairs([dict(row) for row in source.execute(own).mappings()])
        done += len(ids)
        progress(done, total)
    for ids in _portions(source, feedback):
        store.copy((), _feedback(source, ids), [], [])
    # what was under way when the server of this folder ended has no other record, unless its journal has one
    rows = source.execute(select(*[pending.c[name] for name in Started.__struct_fields__])).mappings()
    left = [interrupted(noun_from(Started, dict(row))) for row in rows]
    known = store.outcomes([one.id for one in left])
    store.copy((one for one in left if one.id not in known), (), [], [])


def _better(source: Connection, ids: Sequence[str], known: dict[str, str]) -> list[Record]:
    """Those that say more than what is known at the other end."""
    found = stored_records(source, records.c.id.in_(ids))
    return [one for one in found if one.id not in known or one.outcome != "interrupted"]


def _feedback(source: Connection, ids: Sequence[str]) -> Iterator[Feedback]:
    yield from stored_feedback(source, feedback.c.id.in_(ids))


def _contents(source: Connection, ids: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    own = contents.c.record_id.in_(ids)
    lists = [dict(row) for row in source.execute(select(contents).where(own)).mappings()]
    keys = select(contents.c.block_key).where(own)
    chosen = select(blocks).where(blocks.c.key.in_(keys)).order_by(blocks.c.key)
    return [dict(row) for row in source.execute(chosen).mappings()], lists


def _counted(source: Connection, target: Database) -> Copied:
    there, here = dict.fromkeys(COUNTED, 0), dict.fromkeys(COUNTED, 0)
    costs = [0, 0]
    with target.transaction(within_seconds=COUNTING_SECONDS) as copied:
        for ids in _portions(source, records):
            for counts, place, connection in ((there, 0, source), (here, 1, copied)):
                costs[place] += _add_counts(counts, connection, ids)
        for ids in _portions(source, feedback):
            for counts, connection in ((there, source), (here, copied)):
                counts["feedback"] += _count(connection, feedback, feedback.c.id.in_(ids))
    return Copied(there=there, here=here, cost_there_nano=costs[0], cost_here_nano=costs[1])


def _add_counts(counts: dict[str, int], connection: Connection, ids: Sequence[str]) -> int:
    """Adds what belongs to these records; returns what they cost."""
    own = records.c.id.in_(ids)
    number, cost = connection.execute(select(func.count(), func.sum(records.c.cost_nano)).where(own)).one()
    counts["records"] += number
    counts["attempts"] += _count(connection, attempts, attempts.c.record_id.in_(ids))
    counts["contents"] += _count(connection, contents, contents.c.record_id.in_(ids))
    counts["pairs"] += _count(connection, shadow_pairs, shadow_pairs.c.record_id.in_(ids))
    return int(cost or 0)


def _count(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one()


def _portions(source: Connection, table: Table, size: int = IDS_PER_STATEMENT) -> Iterator[list[str]]:
    """All ids of a table, in order."""
    last = ""
    while True:
        chosen = select(table.c.id).where(table.c.id > last).order_by(table.c.id).limit(size)
        ids = list(source.execute(chosen).scalars())
        if ids:
            yield ids
        if len(ids) < size:
            return
        last = ids[-1]
