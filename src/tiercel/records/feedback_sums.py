"""Feedback in the sums: the latest of each record counts, and it may come at any time after the record.

A row of `feedback` is `counted` once the sums have it. What is not counted yet is looked up when it is asked for.
"""

from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import ColumnElement, Connection, and_, select, text, true, update

from tiercel.domain.record import Feedback
from tiercel.records.advisory import FEEDBACK, alone
from tiercel.records.rollups import Minutes, RollupWriter
from tiercel.records.rows import noun_from
from tiercel.records.schema import attempts, feedback, plans, records, rungs
from tiercel.records.stored import portions
from tiercel.records.sums import Sums
from tiercel.records.tally import Cell, Judged, SessionCell

COUNTED_AT_ONCE = 1_000
NOT_COUNTED = text("NOT counted")

_LOCK = alone(FEEDBACK)
_FIELDS = [feedback.c[name] for name in Feedback.__struct_fields__]


def latest(said: Iterable[Feedback]) -> dict[str, Feedback]:
    """Of each record the feedback that counts: the one given last."""
    counting: dict[str, Feedback] = {}
    for entry in said:
        known = counting.get(entry.record_id)
        if known is None or (known.at, known.id) < (entry.at, entry.id):
            counting[entry.record_id] = entry
    return counting


def stored_feedback(connection: Connection, condition: ColumnElement[bool]) -> Iterator[Feedback]:
    """Feedback that the store has."""
    for row in connection.execute(select(*_FIELDS).where(condition)).mappings().all():
        yield noun_from(Feedback, dict(row))


def feedback_on(
    connection: Connection, ids: Collection[str], condition: ColumnElement[bool] | None = None
) -> Iterator[Feedback]:
    """Feedback on these records."""
    for portion in portions(sorted(ids)):
        own = feedback.c.record_id.in_(portion)
        yield from stored_feedback(connection, own if condition is None else and_(own, condition))


def stored_judged(
    connection: Connection, ids: Collection[str], condition: ColumnElement[bool]
) -> Iterator[Judged]:
    """What feedback on these records is counted by, of those that the store has and the condition takes."""
    columns = (
        *(
            records.c[name]
            for name in ("id", "started_at", "outcome", "verified", "session", "project", "key_id", "task")
        ),
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
        .where(condition)
    )
    for portion in portions(sorted(ids)):
        for row in connection.execute(chosen.where(records.c.id.in_(portion))).all():
            answer = (row.tier or "", row.model or "", row.effort or "")
            cell = Cell(row.project, row.task, row.rule, *answer, bool(row.session), row.simulated)
            session = SessionCell(row.session, row.project, row.key_id) if row.session else None
            passed = row.outcome == "passed"
            yield Judged(row.id, row.started_at, cell, session, passed, passed and row.verified)


def count_feedback(connection: Connection, writer: RollupWriter, summed: ColumnElement[bool]) -> int:
    """Adds feedback to the sums of those records that are `summed`. Returns how many there were, at most a portion."""
    lock_feedback(connection)
    fresh = (
        select(*_FIELDS)
        .join_from(feedback, records, feedback.c.record_id == records.c.id)
        .where(NOT_COUNTED, summed)
        .limit(COUNTED_AT_ONCE)
    )
    new = [noun_from(Feedback, dict(row)) for row in connection.execute(fresh).mappings().all()]
    ids = {entry.record_id for entry in new}
    minutes = Minutes()
    known = latest(feedback_on(connection, ids, feedback.c.counted))
    for about in stored_judged(connection, ids, true()):
        replace_opinion(minutes.of(about.started_at), about, known, latest([*known.values(), *new]))
    writer.add(connection, minutes)
    mark_counted(connection, [entry.id for entry in new])
    return len(new)


def replace_opinion(
    sums: Sums, about: Judged, known: dict[str, Feedback], counting: dict[str, Feedback]
) -> None:
    """Counts the feedback that counts of a record in the place of the one that was known."""
    old, now = known.get(about.record_id), counting.get(about.record_id)
    if old == now:
        return
    if old is not None:
        sums.take_back_opinion(about, old)
    if now is not None:
        sums.add_opinion(about, now)


def mark_counted(connection: Connection, ids: Collection[str], *, counted: bool = True) -> None:
    """Notes that the sums have this feedback, or have it no more."""
    for portion in portions(list(ids)):
        connection.execute(update(feedback).where(feedback.c.id.in_(portion)).values(counted=counted))


def lock_feedback(connection: Connection) -> None:
    """Keeps other servers from counting feedback until this transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LOCK)
