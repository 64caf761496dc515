"""Rows that are put in past SQLAlchemy come back as they were, whatever is null in some or all of them."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from tests.records.place import Place
from tests.records.samples import record
from tiercel.domain.record import AttemptRecord
from tiercel.domain.response import Usage
from tiercel.records.engines import Database, put_in
from tiercel.records.rows import NUL_SHOWN, Values
from tiercel.records.schema import feedback
from tiercel.records.store import Store

NAMES = ("id", "record_id", "at", "verdict", "comment", "counted")


def test_nulls_stand_where_they_stood(place: Place) -> None:
    """A column may be null in all rows, in the first, in some, or in none."""
    rows = [("a", "r", 1.0, None, None, False), ("b", "r", 2.0, "accepted", None, True)]
    assert back(place, rows) == rows


def test_no_rows_are_nothing_to_do(place: Place) -> None:
    assert back(place, []) == []


def test_a_character_0_is_shown_where_the_database_cannot_have_it(place: Place) -> None:
    rows = [("a", "r", 1.0, None, None, False), ("b", "r", 2.0, None, "x\0y", False)]
    shown = NUL_SHOWN if place.url else "\0"
    assert [row[4] for row in back(place, rows)] == [None, f"x{shown}y"]


def back(place: Place, rows: Sequence[Values]) -> list[Values]:
    """What the database has after these were put in."""
    Store(place.folder, place.url).close()
    database = Database.to_write(place.folder, place.url)
    with database.transaction() as connection:
        put_in(connection, feedback, NAMES, rows)
        found = connection.execute(
            select(*(feedback.c[name] for name in NAMES)).order_by(feedback.c.id)
        ).all()
    database.close()
    return [tuple(row) for row in found]


def test_an_impossible_number_of_tokens_stops_nothing(place: Place) -> None:
    """A provider may claim to have counted more than a database's integers hold."""
    usage = Usage(uncached=2**63 - 1, visible=2**63 - 1)
    answer = AttemptRecord(
        number=1, why="first", rung="a", deployment="a", provider="p", model="m", usage=usage, cost_nano=2**70
    )
    claimed = msgspec.structs.replace(record("claimed"), attempts=(answer,), delivered=1)
    store = place.store()
    store.insert([claimed], "s.journal", 1)
    store.close()
    assert place.ask("SELECT max(largest_tokens), max(priced_nano) FROM use_rollups") == [(2**63 - 1,) * 2]
