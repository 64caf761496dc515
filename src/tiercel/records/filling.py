"""Making the sums of records that were there before them, a portion at a time, while new ones come.

`meta` names the last record, in the order of ids, up to which the sums have everything; it names none once they have
all. New records beyond it are not added when they come, because their turn is still to come.
"""

from collections.abc import Collection, Iterator
from itertools import islice

from sqlalchemy import ColumnElement, Connection, delete, select, true, update

from tiercel.domain.record import Feedback, Record
from tiercel.records.advisory import SUMS, alone, shared
from tiercel.records.feedback_sums import feedback_on, latest, mark_counted
from tiercel.records.rollups import Minutes, RollupWriter
from tiercel.records.schema import meta, records
from tiercel.records.stored import IDS_PER_STATEMENT, IN_PORTIONS, portions, stored_records

MARK = "rollups"
FILLED_AT_ONCE = 2_000

_SHARED = shared(SUMS)
_ALONE = alone(SUMS)


def filled_up_to(connection: Connection) -> str | None:
    """The last record of which the sums have everything; `None` where they have everything there is."""
    return connection.execute(select(meta.c.value).where(meta.c.key == MARK)).scalar()


def share_filling(connection: Connection) -> None:
    """Keeps the mark where it is until this transaction ends. Before anything is added or read for adding."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_SHARED)


def summed(mark: str | None) -> ColumnElement[bool]:
    """The records that the sums have."""
    return true() if mark is None else records.c.id <= mark


def summed_of(connection: Connection, mark: str | None, ids: Collection[str]) -> set[str]:
    """Those of these records that the sums have, or are to have now."""
    if mark is None:
        return set(ids)
    found: set[str] = set()
    for portion in portions(list(ids)):
        own = select(records.c.id).where(records.c.id.in_(portion), records.c.id <= mark)
        found.update(connection.execute(own).scalars())
    return found


def fill(connection: Connection, writer: RollupWriter, at_once: int = FILLED_AT_ONCE) -> bool:
    """Adds the next portion, and says whether more may be left. All in one transaction: it may be killed anywhere."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_ALONE)
    mark = filled_up_to(connection)
    if mark is None:
        return False
    ahead = select(records.c.id).where(records.c.id > mark).order_by(records.c.id).limit(at_once)
    ids = connection.execute(ahead).scalars().all()
    if ids:
        minutes = Minutes()
        counted: list[str] = []
        portion = (records.c.id > mark) & (records.c.id <= ids[-1])
        for record, own in with_feedback(connection, portion):
            minutes.of(record.started_at).add(record, latest(own).get(record.id))
            counted += (entry.id for entry in own)
        writer.add(connection, minutes)
        mark_counted(connection, counted)
    if len(ids) < at_once:
        connection.execute(delete(meta).where(meta.c.key == MARK))
        return False
    connection.execute(update(meta).where(meta.c.key == MARK).values(value=ids[-1]))
    return True


def with_feedback(
    connection: Connection, condition: ColumnElement[bool], only: ColumnElement[bool] | None = None
) -> Iterator[tuple[Record, list[Feedback]]]:
    """Records with all feedback on each, few of them held at a time. To be taken to the end."""
    found = stored_records(connection, condition, **IN_PORTIONS)
    while portion := list(islice(found, IDS_PER_STATEMENT)):
        said: dict[str, list[Feedback]] = {record.id: [] for record in portion}
        for entry in feedback_on(connection, said, only):
            said[entry.record_id].append(entry)
        yield from ((record, said[record.id]) for record in portion)
