"""Pairs of copies, newest first, a page at a time. Loads SQLAlchemy: import this only where it is used."""

from pathlib import Path
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from tiercel.domain.record import ShadowPair
from tiercel.domain.secret import Secret
from tiercel.records.pairs import pair_from
from tiercel.records.schema import shadow_pairs
from tiercel.records.snapshot import Snapshot


class BehindPair(NamedTuple):
    """A pair's place in the order: when its request came, in Unix seconds, and the record's id and the candidate."""

    received_at: float
    record_id: str
    candidate: str


class PairSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs of one registered run, of the rules' own copies where `run` is empty. With `differing` only those of which
    one side alone passed. `after` is what the page begins behind, `most` how many it has; it looks at no more than
    `looked_at`."""

    run: str
    differing: bool = True
    after: BehindPair | None = None
    most: int = 20
    looked_at: int = 20_000


class FoundPairs(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `more` is what to go on behind, `None` where nothing is left; with `is_cut` the page stopped because it
    had looked at enough, and not because it was full."""

    pairs: tuple[ShadowPair, ...]
    more: BehindPair | None
    is_cut: bool


def find_pairs(folder: Path, search: PairSearch, *, database_url: Secret | None = None) -> FoundPairs:
    """A page of them; those that ingest has not seen yet stand first. Raises `ConfigError` where nothing was recorded
    yet, or it cannot be read."""
    with Snapshot.taken(folder, database_url) as snapshot:
        found = {
            _place(entry): entry
            for entry in snapshot.waiting
            if isinstance(entry, ShadowPair) and fits(entry, search)
        }
        border = None
        if snapshot.connection is not None:
            border = _border(snapshot.connection, search)
            stored = {_place(pair): pair for pair in _stored(snapshot.connection, search, border)}
            found |= {place: pair for place, pair in stored.items() if border is None or place >= border}
    places = sorted(found, reverse=True)
    page = tuple(found[place] for place in places[: search.most])
    if len(places) > search.most:
        return FoundPairs(pairs=page, more=_place(page[-1]), is_cut=False)
    return FoundPairs(pairs=page, more=border, is_cut=border is not None)


def fits(pair: ShadowPair, search: PairSearch) -> bool:
    """Whether a pair is one of those looked for."""
    return (
        pair.run == search.run
        and (not search.differing or pair.live.passed != pair.shadow.passed)
        and (search.after is None or _place(pair) < search.after)
    )


def _place(pair: ShadowPair) -> BehindPair:
    return BehindPair(pair.received_at, pair.record_id, pair.candidate)


_ORDER = (
    shadow_pairs.c.received_at.desc(),
    shadow_pairs.c.record_id.desc(),
    shadow_pairs.c.candidate.desc(),
)


def _border(connection: Connection, search: PairSearch) -> BehindPair | None:
    """The last pair that this page looks at, `None` where it can look at all that there are."""
    columns = shadow_pairs.c
    looked_at = (
        select(columns.received_at, columns.record_id, columns.candidate)
        .where(*_behind(search))
        .order_by(*_ORDER)
        .offset(search.looked_at - 1)
        .limit(1)
    )
    row = connection.execute(looked_at).first()
    return None if row is None else BehindPair(*row)


def _stored(connection: Connection, search: PairSearch, border: BehindPair | None) -> list[ShadowPair]:
    columns = shadow_pairs.c
    wanted = _behind(search)
    if border is not None:
        wanted.append(columns.received_at >= border.received_at)
    if search.differing:
        wanted.append(columns.live_passed != columns.shadow_passed)
    chosen = select(shadow_pairs).where(*wanted).order_by(*_ORDER).limit(search.most + 1)
    return [pair_from(dict(row)) for row in connection.execute(chosen).mappings()]


def _behind(search: PairSearch) -> list[ColumnElement[bool]]:
    columns = shadow_pairs.c
    wanted = [columns.run == search.run]
    if search.after is not None:
        at, record_id, candidate = search.after
        later = or_(
            columns.received_at < at,
            columns.record_id < record_id,
            and_(columns.record_id == record_id, columns.candidate < candidate),
        )
        wanted += [columns.received_at <= at, later]
    return wanted
