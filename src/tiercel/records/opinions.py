"""What users said last, with what it was said of. Loads SQLAlchemy: import this only where it is used."""

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Select, exists, select

from tiercel.domain.record import Feedback, Record
from tiercel.domain.secret import Secret
from tiercel.records.feedback_sums import latest, stored_feedback
from tiercel.records.schema import feedback, records
from tiercel.records.snapshot import Snapshot

LOOKED_AT = 5_000
"""Pieces of feedback among which those of one project are looked for."""
READ = 500


class Opinion(msgspec.Struct, frozen=True):
    """The feedback that counts of a record."""

    said: Feedback
    record: Record

    @property
    def delay_seconds(self) -> float:
        """How long after the answer it came."""
        return max(0.0, self.said.at - self.record.started_at - self.record.seconds)


def latest_opinions(
    folder: Path, *, most: int, project: str | None = None, database_url: Secret | None = None
) -> tuple[Opinion, ...]:
    """The last `most` opinions, the newest first, of one project or of all; of the last 500 pieces of feedback at the
    most, and of a project those among the last 5,000 of all. Raises `ConfigError` where nothing was recorded yet, or it
    cannot be read."""
    with Snapshot.taken(folder, database_url) as snapshot:
        said = list(snapshot.waiting_feedback)
        if snapshot.connection is not None:
            last = _last(project)
            said += stored_feedback(snapshot.connection, feedback.c.id.in_(last))
        counting = sorted(latest(said).values(), key=lambda one: (one.at, one.id), reverse=True)[: 2 * most]
        about = {record.id: record for record in snapshot.stored_by_id([one.record_id for one in counting])}
        about |= snapshot.waiting_records
        return tuple(
            Opinion(one, about[one.record_id])
            for one in counting
            if one.record_id in about and project in (None, about[one.record_id].project)
        )[:most]


def _last(project: str | None) -> Select[Any]:
    """The ids of the last pieces of feedback."""
    newest = feedback.c.id.desc()
    if project is None:
        return select(feedback.c.id).order_by(newest).limit(READ)
    every = select(feedback.c.id, feedback.c.record_id).order_by(newest).limit(LOOKED_AT).subquery()
    own = exists().where(records.c.id == every.c.record_id, records.c.project == project)
    return select(every.c.id).where(own).order_by(every.c.id.desc()).limit(READ)
