"""Records out of the tables in `schema.py`. Loads SQLAlchemy: import this only where it is used."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, select

from tiercel.domain.record import Record
from tiercel.records.dimensions import PLAN_FIELDS, RUNG_FIELDS
from tiercel.records.rows import record_from
from tiercel.records.schema import attempts, plans, records, rungs

IDS_PER_STATEMENT = 500
"""SQLite of old takes at most 999 values."""
IN_PORTIONS = {"yield_per": 1_000}


def stored_records(
    connection: Connection, condition: ColumnElement[bool], **options: int
) -> Iterator[Record]:
    """Records that the store has, with their attempts, in the order of their ids.

    With `**IN_PORTIONS` few of them are held at a time; then they must all be taken.
    """
    planned = (
        select(records, *(plans.c[name] for name in PLAN_FIELDS))
        .join_from(records, plans, records.c.plan_number == plans.c.number)
        .where(condition)
        .order_by(records.c.id)
        .execution_options(**options)
    )
    rows = connection.execute(planned).mappings()
    chosen = (
        select(attempts, *(rungs.c[name] for name in RUNG_FIELDS))
        .join_from(attempts, records, attempts.c.record_id == records.c.id)
        .join(rungs, attempts.c.rung_number == rungs.c.number)
        .where(condition)
        .order_by(attempts.c.record_id, attempts.c.position)
        .execution_options(**options)
    )
    by_record = groupby(connection.execute(chosen).mappings(), key=lambda row: row["record_id"])
    ahead = next(by_record, None)
    for row in rows:
        own: list[dict[str, object]] = []
        if ahead is not None and ahead[0] == row["id"]:
            own = [dict(attempt) for attempt in ahead[1]]
            ahead = next(by_record, None)
        yield record_from(dict(row), own)


def portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in as many as a statement takes."""
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]
