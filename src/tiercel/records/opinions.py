"""What users said last and of what, a page at a time. Loads SQLAlchemy: import this only where it is used."""

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, true

from tiercel.domain.record import Feedback, Record
from tiercel.domain.secret import Secret
from tiercel.records.feedback_sums import feedback_on, latest, stored_feedback
from tiercel.records.schema import feedback, records
from tiercel.records.snapshot import Snapshot


class Opinion(msgspec.Struct, frozen=True):
    """The feedback that counts of a record."""

    said: Feedback
    record: Record

    @property
    def delay_seconds(self) -> float:
        """How long after the answer it came."""
        return max(0.0, self.said.at - self.record.started_at - self.record.seconds)


class OpinionSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Opinions on records of one project, or of all. `after` is the id of the feedback that the page begins behind,
    `most` how many it has; it looks at no more than `looked_at` pieces of feedback."""

    project: str | None = None
    after: str = ""
    most: int = 100
    looked_at: int = 5_000


class FoundOpinions(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `more` is what to go on behind, `None` where nothing is left; with `is_cut` the page stopped because it
    had looked at enough, and not because it was full."""

    opinions: tuple[Opinion, ...]
    more: str | None = None
    is_cut: bool = False


def find_opinions(
    folder: Path, search: OpinionSearch, *, database_url: Secret | None = None
) -> FoundOpinions:
    """A page of them, the newest first. Raises `ConfigError` where nothing was recorded yet, or it cannot be read."""
    with Snapshot.taken(folder, database_url) as snapshot:
        # on these records feedback waits in the journal: of all that was said of them, what was said last counts
        spoken_of = {one.record_id for one in snapshot.waiting_feedback}
        said, border = list(snapshot.waiting_feedback), None
        found: list[Feedback] = []
        if snapshot.connection is not None:
            said += feedback_on(snapshot.connection, spoken_of)
            border = _border(snapshot.connection, search)
            chosen = feedback.c.id.in_(_counting(search, border, search.most + 1 + len(spoken_of)))
            stored = stored_feedback(snapshot.connection, chosen)
            found += (one for one in stored if one.record_id not in spoken_of)
        found += (one for one in latest(said).values() if _is_here(one, search, border))
        about = {record.id: record for record in snapshot.stored_by_id(one.record_id for one in found)}
        about |= snapshot.waiting_records
    opinions = [
        Opinion(one, about[one.record_id])
        for one in sorted(found, key=lambda one: one.id, reverse=True)
        if one.record_id in about and search.project in (None, about[one.record_id].project)
    ]
    page = tuple(opinions[: search.most])
    if len(opinions) > search.most:
        return FoundOpinions(opinions=page, more=page[-1].said.id)
    return FoundOpinions(opinions=page, more=border, is_cut=border is not None)


def _is_here(one: Feedback, search: OpinionSearch, border: str | None) -> bool:
    return (not search.after or one.id < search.after) and (border is None or one.id >= border)


def _behind(search: OpinionSearch) -> ColumnElement[bool]:
    return feedback.c.id < search.after if search.after else true()


def _border(connection: Connection, search: OpinionSearch) -> str | None:
    """The last piece of feedback that the page looks at, `None` where it can look at all that there are."""
    every = select(feedback.c.id).where(_behind(search)).order_by(feedback.c.id.desc())
    looked_at = connection.execute(every.offset(search.looked_at - 1).limit(2)).scalars().all()
    return looked_at[0] if len(looked_at) == 2 else None


def _counting(search: OpinionSearch, border: str | None, most: int) -> Select[Any]:
    """The ids of the last ones that count, on records that there are."""
    later = feedback.alias()
    superseded = exists().where(
        later.c.record_id == feedback.c.record_id,
        or_(later.c.at > feedback.c.at, and_(later.c.at == feedback.c.at, later.c.id > feedback.c.id)),
    )
    own = exists().where(records.c.id == feedback.c.record_id)
    if search.project is not None:
        own = own.where(records.c.project == search.project)
    wanted = [_behind(search), own, ~superseded]
    if border is not None:
        wanted.append(feedback.c.id >= border)
    return select(feedback.c.id).where(*wanted).order_by(feedback.c.id.desc()).limit(most)
