"""Requests that rules routed, one after the other, without their attempts: what copies are drawn from.

Loads SQLAlchemy: import this only where it is used.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, and_, select

from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import Usage
from tiercel.domain.secret import Secret
from tiercel.records.schema import attempts, plans, records
from tiercel.records.snapshot import Snapshot
from tiercel.records.stored import IN_PORTIONS

COUNTED = ("usage_uncached", "usage_cached", "usage_written", "usage_visible", "usage_reasoning")


class Routed(NamedTuple):
    """One request. `leader` is the first entry of its ladder; `usage` that of the answer, where it is known."""

    id: str
    started_at: float
    outcome: str
    rule: str
    leader: str | None
    project: str
    key_id: str
    usage: Usage | None


def each_routed(
    folder: Path, *, since: float, rule: str | None = None, database_url: Secret | None = None
) -> Iterator[Routed]:
    """Those of one rule, or of all, that started at or after `since` (Unix seconds), in no order.

    To be taken to the end. Raises `ConfigError` where nothing was recorded yet, or it cannot be read.
    """
    with Snapshot.taken(folder, database_url) as snapshot:
        waiting = {
            record.id: record
            for record in snapshot.waiting_records.values()
            if record.started_at >= since and rule in (None, record.rule)
        }
        if snapshot.connection is not None:
            own: ColumnElement[bool] = records.c.started_at >= since
            if rule is not None:
                own = and_(own, plans.c.rule == rule)
            for row in snapshot.connection.execute(_query(own).execution_options(**IN_PORTIONS)):
                if row.id not in waiting:
                    yield _stored(row)
        for record in waiting.values():
            yield _of(record)


def _query(own: ColumnElement[bool]) -> Any:
    names = ("id", "started_at", "outcome", "project", "key_id")
    usage = (attempts.c[name] for name in COUNTED)
    answered = and_(attempts.c.record_id == records.c.id, attempts.c.number == records.c.delivered)
    planned = records.join(plans, plans.c.number == records.c.plan_number).outerjoin(attempts, answered)
    columns = select(*(records.c[name] for name in names), plans.c.rule, plans.c.ladder, *usage)
    return columns.select_from(planned).where(own)


def _stored(row: Any) -> Routed:
    ladder = msgspec.json.decode(row.ladder or "[]", type=tuple[str, ...])
    counted = [getattr(row, name) for name in COUNTED]
    usage = None
    if counted[0] is not None:
        usage = Usage(**{name.removeprefix("usage_"): n for name, n in zip(COUNTED, counted, strict=True)})
    return Routed(
        id=row.id,
        started_at=row.started_at,
        outcome=row.outcome,
        rule=row.rule,
        leader=next(iter(ladder), None),
        project=row.project,
        key_id=row.key_id,
        usage=usage,
    )


def _of(record: Record) -> Routed:
    answer: AttemptRecord | None = record.answer
    return Routed(
        id=record.id,
        started_at=record.started_at,
        outcome=record.outcome,
        rule=record.rule,
        leader=next(iter(record.ladder), None),
        project=record.project,
        key_id=record.key_id,
        usage=None if answer is None else answer.usage,
    )
