"""Requests that rules routed, one after the other, without their attempts: what copies are drawn from. Of a month there
are millions, so as little as possible is read of each.

Loads SQLAlchemy: import this only where it is used.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, and_, select

from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import Usage
from tiercel.domain.secret import Secret
from tiercel.records.schema import attempts, plans, records
from tiercel.records.snapshot import Snapshot
from tiercel.records.stored import IN_PORTIONS

_USAGE_FIELDS = ("uncached", "cached", "written", "visible", "reasoning")
COUNTED = tuple(f"usage_{name}" for name in _USAGE_FIELDS)


class Routed(NamedTuple):
    """One request. `leader` is the first entry of its ladder; `usage` that of the answer, where it is known and was
    asked for."""

    id: str
    started_at: float
    outcome: str
    rule: str
    leader: str | None
    project: str
    key_id: str
    usage: Usage | None


def each_routed(
    folder: Path,
    *,
    since: float,
    rule: str | None = None,
    with_usage: bool = False,
    database_url: Secret | None = None,
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
            planned = _planned(snapshot.connection, rule)
            query = _query(since, planned, every=rule is None, with_usage=with_usage)
            for row in snapshot.connection.execute(query.execution_options(**IN_PORTIONS)):
                if row[0] not in waiting:
                    yield _stored(row, planned)
        for record in waiting.values():
            yield _of(record)


def _planned(connection: Connection, rule: str | None) -> dict[int, tuple[str, str | None]]:
    """Rule and first entry of the ladder of each plan, of one rule or of all."""
    found = select(plans.c.number, plans.c.rule, plans.c.ladder)
    rows = connection.execute(found if rule is None else found.where(plans.c.rule == rule))
    return {
        number: (name, next(iter(msgspec.json.decode(ladder or "[]", type=tuple[str, ...])), None))
        for number, name, ladder in rows
    }


def _query(
    since: float, planned: Mapping[int, tuple[str, str | None]], *, every: bool, with_usage: bool
) -> Select[Any]:
    own = records.c.started_at >= since
    if not every:
        own = and_(own, records.c.plan_number.in_(planned))
    names = ("id", "started_at", "outcome", "plan_number", "project", "key_id")
    query = select(*(records.c[name] for name in names)).where(own)
    if not with_usage:
        return query
    answered = and_(attempts.c.record_id == records.c.id, attempts.c.number == records.c.delivered)
    return query.outerjoin_from(records, attempts, answered).add_columns(
        *(attempts.c[name] for name in COUNTED)
    )


def _stored(row: Any, planned: Mapping[int, tuple[str, str | None]]) -> Routed:
    record_id, started_at, outcome, plan, project, key_id, *counted = row
    rule, leader = planned[plan]
    usage = None
    if counted and counted[0] is not None:
        usage = Usage(**dict(zip(_USAGE_FIELDS, counted, strict=True)))
    return Routed(record_id, started_at, outcome, rule, leader, project, key_id, usage)


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
