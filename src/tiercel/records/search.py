"""Requests by what is known of them, newest first, a page at a time. Loads SQLAlchemy: import it only where it is used.

A page begins behind a record and never counts what came before it. However rare what is looked for is, a page looks at
so many records at the most and says how far it came: it takes no longer for more records.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select

from tiercel.domain.climb import Why
from tiercel.domain.record import Outcome, Place, Record
from tiercel.domain.secret import Secret
from tiercel.records.schema import attempts, blocks, contents, plans, records, rungs
from tiercel.records.snapshot import Snapshot

LOOKED_AT = 20_000
"""Records that a page looks at."""
READ = 2_000
"""Records whose stored texts a page looks through."""


class Behind(NamedTuple):
    """A record's place in the order: when it started, in Unix seconds, and its id."""

    started_at: float
    id: str


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; what is left out or empty may be anything. Times are Unix seconds.

    `after` is what the page begins behind, `most` how many it has. `model` and `tier` are the delivered answer's.
    `with_call` is a call that was made in the request. `text` stands somewhere in what is stored of it.
    """

    since: float
    until: float
    after: "Behind | None" = None
    most: int = 50
    project: str | None = None
    task: str = ""
    rule: str = ""
    model: str = ""
    tier: str = ""
    outcome: Outcome | None = None
    session: str = ""
    key_id: str = ""
    with_call: Why | None = None
    least_seconds: float | None = None
    least_nano: int | None = None
    text: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `more` is what to go on behind, `None` where nothing is left in the time; `is_cut` is whether the page
    stopped because it had looked at enough, and not because it was full."""

    records: tuple[Record, ...]
    more: Behind | None = None
    is_cut: bool = False


def find_requests(
    folder: Path, search: Search, *, database_url: Secret | None = None, looked_at: int | None = None
) -> Found:
    """One page, which looks at so many records at the most. Raises `ConfigError` where nothing was recorded yet, or it
    cannot be read."""
    with Snapshot.taken(folder, database_url) as snapshot:
        waiting = {} if search.text else _waiting(snapshot, search)
        if snapshot.connection is None:
            return _page(list(waiting.values()), search)
        most = looked_at or (READ if search.text else LOOKED_AT)
        border = _border(snapshot.connection, search, most)
        ids = list(snapshot.connection.execute(_matching(search, border)).scalars())
        stored = {record.id: record for record in snapshot.stored_by_id(ids)}
        both = (stored | waiting).values()
        return _page(
            [record for record in both if border is None or _place(record) >= border], search, border
        )


def _page(found: list[Record], search: Search, border: Behind | None = None) -> Found:
    found.sort(key=_place, reverse=True)
    page = tuple(found[: search.most])
    if len(found) > search.most:
        return Found(records=page, more=_place(page[-1]))
    return Found(records=page, more=border, is_cut=border is not None)


def _place(record: Record) -> Behind:
    return Behind(record.started_at, record.id)


def _within(search: Search, border: Behind | None = None) -> ColumnElement[bool]:
    """The time and the project, which indices are there for. SQLite walks an index from one bound to one other: there
    is only the nearer of two."""
    columns, after = records.c, search.after
    own = columns.started_at >= (search.since if border is None else border.started_at)
    if border is not None:
        own &= or_(columns.started_at > border.started_at, columns.id >= border.id)
    if after is None or after.started_at >= search.until:
        own &= columns.started_at < search.until
    else:
        own &= columns.started_at <= after.started_at
        own &= or_(columns.started_at < after.started_at, columns.id < after.id)
    if search.project is not None:
        own &= columns.project == search.project
    return own


_NEWEST_FIRST = (records.c.started_at.desc(), records.c.id.desc())


def _border(connection: Connection, search: Search, looked_at: int) -> Behind | None:
    """The last record that the page looks at, where there are more than it looks at."""
    last = (
        select(records.c.started_at, records.c.id)
        .where(_within(search))
        .order_by(*_NEWEST_FIRST)
        .offset(looked_at)
        .limit(1)
    )
    row = connection.execute(last).one_or_none()
    return None if row is None else Behind(row.started_at, row.id)


def _matching(search: Search, border: Behind | None) -> Select[Any]:
    """The ids of the page and one more, not past the border."""
    columns = records.c
    wanted: list[ColumnElement[bool]] = [_within(search, border)]
    named = {
        "task": search.task,
        "outcome": search.outcome,
        "session": search.session,
        "key_id": search.key_id,
    }
    wanted += [columns[name] == value for name, value in named.items() if value]
    if search.least_seconds is not None:
        wanted.append(columns.seconds >= search.least_seconds)
    if search.least_nano is not None:
        wanted.append(columns.cost_nano >= search.least_nano)
    if search.rule:
        ruled = select(plans.c.number).where(plans.c.rule == search.rule)
        wanted.append(columns.plan_number.in_(ruled))
    if search.with_call is not None:
        own = and_(attempts.c.record_id == columns.id, attempts.c.why == search.with_call)
        wanted.append(exists().where(own))
    if search.model or search.tier:
        wanted.append(_answered_by(search))
    if search.text:
        wanted.append(_says(search.text))
    return select(columns.id).where(*wanted).order_by(*_NEWEST_FIRST).limit(search.most + 1)


def _answered_by(search: Search) -> ColumnElement[bool]:
    who = [rungs.c.model == search.model] if search.model else []
    who += [rungs.c.tier == search.tier] if search.tier else []
    chosen = select(rungs.c.number).where(*who)
    return exists().where(
        attempts.c.record_id == records.c.id,
        attempts.c.number == records.c.delivered,
        attempts.c.rung_number.in_(chosen),
    )


def _says(text: str) -> ColumnElement[bool]:
    written = msgspec.json.encode(text).decode()[
        1:-1
    ]  # as it stands in JSON, where a quote has a backslash before it
    return exists().where(
        contents.c.record_id == records.c.id,
        blocks.c.key == contents.c.block_key,
        blocks.c.text.icontains(written, autoescape=True),
    )


def _waiting(snapshot: Snapshot, search: Search) -> dict[str, Record]:
    return {key: record for key, record in snapshot.waiting_records.items() if fits(record, search)}


def fits(record: Record, search: Search) -> bool:
    """Whether a record is one of those looked for; of its stored texts this says nothing."""
    answer = record.answer
    return all(
        (
            search.since <= record.started_at < search.until,
            search.after is None or _place(record) < search.after,
            search.project in (None, record.project),
            search.task in ("", record.task),
            search.rule in ("", record.rule),
            not search.model or (answer is not None and answer.model == search.model),
            not search.tier or (answer is not None and answer.tier == search.tier),
            search.outcome in (None, record.outcome),
            search.session in ("", record.session),
            search.key_id in ("", record.key_id),
            search.with_call is None or any(call.why == search.with_call for call in record.attempts),
            search.least_seconds is None or record.seconds >= search.least_seconds,
            search.least_nano is None or record.cost_nano >= search.least_nano,
        )
    )


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of what was said in a request: its JSON, or only its size where the text is not kept."""

    place: Place
    bytes: int
    text: str | None


def read_content(folder: Path, record_id: str, *, database_url: Secret | None = None) -> tuple[Said, ...]:
    """What is stored of a request's prompts and answers, in their order."""
    with Snapshot.taken(folder, database_url) as snapshot:
        return tuple(_said(snapshot.connection, record_id)) if snapshot.connection is not None else ()


def _said(connection: Connection, record_id: str) -> Iterator[Said]:
    rows = connection.execute(
        select(contents.c.place, blocks.c.bytes, blocks.c.text)
        .join_from(contents, blocks, contents.c.block_key == blocks.c.key)
        .where(contents.c.record_id == record_id)
        .order_by(contents.c.position)
    )
    for row in rows:
        yield Said(place=row.place, bytes=row.bytes, text=row.text)
