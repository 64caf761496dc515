"""What happened as sums, of the same records and feedback as `query.load_history`, without reading each record.

Counts and money are exact, percentiles within the error of sketches. What sums cannot say is looked at one by one: the
records of the span that `since` cuts, those that the sums do not have yet, what waits in the journal, and feedback that
is not counted yet. Loads SQLAlchemy: import this only where it is used.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, collate, func, or_, select, true

from tiercel.domain.record import Feedback
from tiercel.domain.secret import Secret
from tiercel.records.check_tally import CheckTallies
from tiercel.records.feedback_sums import NOT_COUNTED, feedback_on, latest, replace_opinion, stored_judged
from tiercel.records.filling import summed, with_feedback
from tiercel.records.rollups import (
    ANSWERS,
    CHECKS,
    COUNTED,
    DAY,
    SESSIONS,
    USES,
    Family,
    ceil_to,
    read_tallies,
    since_condition,
    since_parts,
)
from tiercel.records.schema import feedback, records, session_rollups
from tiercel.records.snapshot import Snapshot
from tiercel.records.stored import portions
from tiercel.records.sums import Sums
from tiercel.records.tally import (
    NO_SESSION,
    Cell,
    Count,
    Key,
    Name,
    RequestTally,
    SessionCell,
    SessionTallies,
    Tallies,
    Tally,
    merge_into,
)
from tiercel.records.uses import BORDERS, Uses


class SessionSums(NamedTuple):
    """`sessions` are the busiest of `groups`; requests without one are one of them, `NO_SESSION`."""

    answers: Tallies
    sessions: SessionTallies
    groups: int


class AuditSums(NamedTuple):
    """What the audit is made of."""

    answers: Tallies
    uses: Uses


def load_tallies(folder: Path, *, since: float | None = None, database_url: Secret | None = None) -> Tallies:
    """By where requests and calls went. Raises as `load_history` does."""
    with Snapshot.taken(folder, database_url) as snapshot:
        return _answers(snapshot, since)


def load_check_tallies(
    folder: Path, *, since: float | None = None, database_url: Secret | None = None
) -> CheckTallies:
    """What checks did. Raises as `load_history` does."""
    with Snapshot.taken(folder, database_url) as snapshot:
        found = _stored(snapshot, CHECKS, since)
        merge_into(found, Besides(snapshot, CHECKS, since).sums().checks)
        return found


def load_audit(
    folder: Path,
    borders: Collection[int],
    *,
    since: float | None = None,
    project: str | None = None,
    database_url: Secret | None = None,
) -> AuditSums:
    """The same, and what answers took, told apart at these `borders` of input tokens at the least; of one project or
    of all.

    Borders that the sums do not know make it read every record. Raises as `load_history` does.
    """
    with Snapshot.taken(folder, database_url) as snapshot:
        if set(borders) <= set(BORDERS):
            besides = Besides(snapshot, USES, since).sums()
            uses = _stored(snapshot, USES, since)
            merge_into(uses, besides.uses)
            answers = _answers(snapshot, since, COUNTED)
        else:
            every = Sums(tuple(sorted({*BORDERS, *borders})))
            Besides(snapshot, None, since).add_to(every)
            answers, uses = every.answers, every.uses
    if project is None:
        return AuditSums(answers, uses)
    return AuditSums(
        {cell: tally for cell, tally in answers.items() if cell.project == project},
        {cell: tally for cell, tally in uses.items() if cell.project == project},
    )


def load_sessions(
    folder: Path, most: int, *, since: float | None = None, database_url: Secret | None = None
) -> SessionSums:
    """The `most` sessions with the most requests, and all answers. Raises as `load_history` does."""
    with Snapshot.taken(folder, database_url) as snapshot:
        answers = _answers(snapshot, since)
        alone = RequestTally()
        for cell, tally in answers.items():
            if not cell.in_session and any(tally.counts.values()):
                alone.merge(tally)
        besides = Besides(snapshot, SESSIONS, since)
        sums = Sums()
        besides.add_latest(sums)
        ranking = _Ranking(snapshot.connection, since, besides.apart)
        requests, groups = ranking.busiest(sums.sessions, most)
        if alone.counts["requests"]:
            groups += 1
            requests[NO_SESSION] = alone.counts["requests"]
        chosen = sorted(requests, key=lambda cell: (-requests[cell], cell))[:most]
        names = sorted({cell.session for cell in chosen if cell != NO_SESSION})
        besides.add_apart(sums, names)
        found = {cell: RequestTally() for cell in chosen}
        for own, tally in (*_sessions(snapshot.connection, names, since), *sums.sessions.items()):
            if own in found:
                found[own].merge(tally)
        if NO_SESSION in found:
            found[NO_SESSION].merge(alone)
        return SessionSums(answers, found, groups)


class Besides:
    """What the sums of a family do not say: of no family, what no sums say, which is everything."""

    def __init__(self, snapshot: Snapshot, family: Family[Any, Any] | None, since: float | None) -> None:
        self._snapshot = snapshot
        self._since = since
        mark = "" if family is None else snapshot.filled_up_to
        self._lacking = None if mark is None else records.c.id > mark
        self._begin = None if since is None or family is None else ceil_to(family.shortest, since)
        self._covered = summed(mark)
        if self._begin is not None:
            self._covered &= records.c.started_at >= self._begin
        self._spoken = snapshot.waiting_feedback

    def sums(self) -> Sums:
        """All of it."""
        found = Sums()
        self.add_to(found)
        return found

    def add_to(self, sums: Sums) -> None:
        """Adds all of it."""
        self.add_apart(sums)
        self.add_latest(sums)

    @property
    def apart(self) -> ColumnElement[bool] | None:
        """The stored records that the sums do not have, or only together with earlier ones."""
        since = true() if self._since is None else records.c.started_at >= self._since
        parts = []
        if self._lacking is not None:
            parts.append(self._lacking)
        if self._begin is not None:
            parts.append(records.c.started_at < self._begin)
        return and_(since, or_(*parts)) if parts else None

    def add_apart(self, sums: Sums, sessions: Collection[str] | None = None) -> None:
        """Adds these records, all of them or those of some sessions."""
        connection, apart = self._snapshot.connection, self.apart
        if connection is None or apart is None:
            return
        waiting = self._snapshot.waiting_records
        for some in (None,) if sessions is None else portions(sorted(sessions)):
            chosen = apart if some is None else and_(apart, records.c.session.in_(some))
            for record, said in with_feedback(connection, chosen):
                if record.outcome != "interrupted" or record.id not in waiting:
                    sums.add(record, self._latest(said).get(record.id))

    def add_latest(self, sums: Sums) -> None:
        """Adds what waits in the journal, and feedback that is not counted yet."""
        connection = self._snapshot.connection
        if connection is not None:
            self._add_feedback(connection, sums, self._add_waiting(connection, sums))
            return
        said = latest(self._spoken)
        for record in self._snapshot.waiting_records.values():
            if self._since is None or record.started_at >= self._since:
                sums.add(record, said.get(record.id))

    def _add_waiting(self, connection: Connection, sums: Sums) -> set[str]:
        """Records of the journal, also those that the store only knows as interrupted. Returns their ids."""
        since = self._since
        waiting = {
            key: record
            for key, record in self._snapshot.waiting_records.items()
            if since is None or record.started_at >= since
        }
        stored = {record.id: record for record in self._snapshot.stored_by_id(waiting)}
        fresh = {key for key in waiting if key not in stored or stored[key].outcome == "interrupted"}
        said = self._latest(feedback_on(connection, fresh))
        for key in fresh:
            sums.add(waiting[key], said.get(key))
        gone = fresh & set(stored)
        counted = latest(feedback_on(connection, gone, feedback.c.counted))
        for about in stored_judged(connection, gone, self._covered):
            sums.take_back_interrupted(stored[about.record_id], counted.get(about.record_id))
        return fresh

    def _add_feedback(self, connection: Connection, sums: Sums, fresh: set[str]) -> None:
        """Feedback that is not counted yet, on records whose sums were read."""
        uncounted = (
            select(feedback.c.record_id)
            .join_from(feedback, records, feedback.c.record_id == records.c.id)
            .where(NOT_COUNTED, self._covered)
        )
        ids = {*connection.execute(uncounted).scalars(), *(entry.record_id for entry in self._spoken)} - fresh
        known = latest(feedback_on(connection, ids, feedback.c.counted))
        counting = self._latest(feedback_on(connection, ids))
        for about in stored_judged(connection, ids, self._covered):
            replace_opinion(sums, about, known, counting)

    def _latest(self, said: Iterable[Feedback]) -> dict[str, Feedback]:
        return latest((*said, *self._spoken))


def _stored(snapshot: Snapshot, family: Family[Key, Name], since: float | None) -> dict[Key, Tally[Name]]:
    if snapshot.connection is None:
        return {}
    return read_tallies(snapshot.connection, family, since_condition(family, since))


def _answers(snapshot: Snapshot, since: float | None, family: Family[Cell, Count] = ANSWERS) -> Tallies:
    found = _stored(snapshot, family, since)
    merge_into(found, Besides(snapshot, family, since).sums().answers)
    return found


class _Ranking:
    """Finds the busiest sessions in the database by what ranks them alone: sums of days give the most of it, and are
    put in order there."""

    def __init__(
        self, connection: Connection | None, since: float | None, apart: ColumnElement[bool] | None
    ) -> None:
        self._connection = connection
        self._parts = since_parts(SESSIONS, since)
        self._by_day = self._parts.pop(DAY)
        self._apart = apart

    def busiest(self, more: SessionTallies, most: int) -> tuple[dict[SessionCell, int], int]:
        """The requests of the `most` busiest sessions at the least, `more` included, and how many sessions there are
        in all."""
        requests: Counter[SessionCell] = Counter()
        for cell, tally in more.items():
            requests[cell] += tally.counts["requests"]
        connection = self._connection
        if connection is None:
            return requests, len(requests)
        for cell, n in self._beside_days(connection):
            requests[cell] += n
        groups = len(requests)
        for cell, n in self._of_days(connection, sorted({cell.session for cell in requests})):
            if cell in requests:
                groups -= 1
                requests[cell] += n
        for cell, n in self._first(connection, most).items():
            requests.setdefault(cell, n)
        each = select(*_cell_of(session_rollups)).where(self._by_day).distinct()
        groups += connection.execute(select(func.count()).select_from(each.subquery())).scalar_one()
        return requests, groups

    def _beside_days(self, connection: Connection) -> Iterator[tuple[SessionCell, int]]:
        """What sums of hours have, and the records that no sums have."""
        for part in self._parts.values():
            yield from _counted(connection, _requests(part))
        if self._apart is not None:
            cell = _cell_of(records)
            own = select(*cell, func.count()).where(self._apart, records.c.session != "")
            yield from _counted(connection, own.group_by(*cell))

    def _of_days(self, connection: Connection, names: Sequence[str]) -> Iterator[tuple[SessionCell, int]]:
        """What sums of days have of the sessions that are called so."""
        for some in portions(names):
            own = and_(self._by_day, session_rollups.c.session.in_(some))
            yield from _counted(connection, _requests(own))

    def _first(self, connection: Connection, most: int) -> dict[SessionCell, int]:
        """The busiest sessions of days, and some more. Names are sooner put in order than sessions, and none of those
        that share a name has more than the name: where the names that come first have enough sessions that come before
        the last name, no other can have one of them."""
        columns = session_rollups.c
        name: ColumnElement[Any] = columns.session
        if connection.dialect.name == "postgresql":
            name = collate(name, "C")  # as Python compares
        requests = func.sum(columns.requests)
        named = select(columns.session, requests).where(self._by_day).group_by(columns.session)
        wanted = most
        while True:
            in_order = named.order_by(requests.desc(), name).limit(wanted)
            names = [(-int(n), session) for session, n in connection.execute(in_order)]
            found = dict(self._of_days(connection, [session for _, session in names]))
            if (
                len(names) < wanted
                or sum((-n, cell.session) <= names[-1] for cell, n in found.items()) >= most
            ):
                return found
            wanted *= 2


def _cell_of(table: FromClause) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in SessionCell._fields]


def _requests(part: ColumnElement[bool]) -> Select[Any]:
    cell = _cell_of(session_rollups)
    return select(*cell, func.sum(session_rollups.c.requests).label("requests")).where(part).group_by(*cell)


def _counted(connection: Connection, query: Select[Any]) -> Iterator[tuple[SessionCell, int]]:
    for *cell, requests in connection.execute(query):
        yield SessionCell(*cell), int(requests)


def _sessions(
    connection: Connection | None, names: Sequence[str], since: float | None
) -> Iterator[tuple[SessionCell, RequestTally]]:
    """What sums say of the sessions that are called so."""
    if connection is None:
        return
    for part in since_parts(SESSIONS, since).values():
        for some in portions(names):
            own = and_(part, session_rollups.c.session.in_(some))
            yield from read_tallies(connection, SESSIONS, own).items()
