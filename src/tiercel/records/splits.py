"""The requests of splits, the latest of them first, without reading their attempts one by one.

Loads SQLAlchemy: import this only where it is used.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, select

from tiercel.domain.record import Record
from tiercel.domain.secret import Secret
from tiercel.domain.session import session_key
from tiercel.records.feedback_sums import latest, stored_feedback
from tiercel.records.schema import attempts, feedback, plans, records
from tiercel.records.snapshot import Snapshot
from tiercel.records.split_row import SplitRow, row_of
from tiercel.records.stored import IN_PORTIONS


class SplitRows(NamedTuple):
    """`rows` from the latest on; `is_cut` where there were earlier ones that were not read."""

    rows: list[SplitRow]
    is_cut: bool


def load_split_rows(
    folder: Path,
    most: int,
    *,
    split: str | None = None,
    rule: str | None = None,
    since: float | None = None,
    database_url: Secret | None = None,
) -> SplitRows:
    """The `most` latest requests of this split, or of all; of this rule, or of all. Raises as `load_history` does."""
    with Snapshot.taken(folder, database_url) as snapshot:
        waiting = {
            entry.id: entry
            for entry in snapshot.waiting_records.values()
            if _is_wanted(entry, split, rule, since)
        }
        own = _condition(split, since)
        said = latest([*_stored_feedback(snapshot.connection, own), *snapshot.waiting_feedback])
        rows = [row_of(record, said.get(record.id)) for record in waiting.values()]
        if snapshot.connection is not None:
            for row in _stored(snapshot.connection, own, rule, most):
                if row.id not in waiting:
                    told = said.get(row.id)
                    rows.append(row if told is None else row._replace(opinion=told.verdict))
    rows.sort(key=lambda row: (row.started_at, row.id), reverse=True)
    return SplitRows(rows[:most], len(rows) > most)


def _is_wanted(record: Record, split: str | None, rule: str | None, since: float | None) -> bool:
    return (
        record.split is not None
        and split in (None, record.split)
        and rule in (None, record.rule)
        and (since is None or record.started_at >= since)
    )


def _condition(split: str | None, since: float | None) -> ColumnElement[bool]:
    own = records.c.split.is_not(None) if split is None else records.c.split == split
    return own if since is None else and_(own, records.c.started_at >= since)


def _stored_feedback(connection: Connection | None, own: ColumnElement[bool]) -> Iterator[Any]:
    if connection is not None:
        yield from stored_feedback(connection, feedback.c.record_id.in_(select(records.c.id).where(own)))


def _stored(
    connection: Connection, own: ColumnElement[bool], rule: str | None, most: int
) -> Iterator[SplitRow]:
    """One more than `most`, so that it is known whether there are more."""
    found = _latest(own, rule).limit(most + 1).execution_options(**IN_PORTIONS)
    for row in connection.execute(found):
        yield SplitRow(
            id=row.id,
            started_at=row.started_at,
            rule=row.rule,
            split=row.split,
            arm=row.arm,
            propensity=row.propensity,
            complete=row.arms_out is None,
            unit=row.split_unit or row.id,
            cluster=row.split_unit or session_key(row.session, row.project, row.key_id) or row.id,
            outcome=row.outcome,
            seconds=row.seconds,
            cost_nano=row.cost_nano if row.cost_known and not row.unpriced else None,
            opinion=None,
            simulated=row.simulated,
        )


def _latest(own: ColumnElement[bool], rule: str | None) -> Select[Any]:
    names = (
        "id", "started_at", "split", "arm", "propensity", "arms_out", "split_unit", "project", "key_id", "session",
        "outcome", "seconds", "cost_nano", "cost_known", "simulated",
    )  # fmt: skip
    unpriced = (
        exists(attempts.c.record_id)
        .where(attempts.c.record_id == records.c.id)
        .where(attempts.c.state == "answered", attempts.c.cost_nano.is_(None))
        .correlate(records)
    )
    query = (
        select(*(records.c[name] for name in names), plans.c.rule, unpriced.label("unpriced"))
        .join_from(records, plans, records.c.plan_number == plans.c.number)
        .where(own)
        .order_by(records.c.started_at.desc(), records.c.id.desc())
    )
    return query if rule is None else query.where(plans.c.rule == rule)
