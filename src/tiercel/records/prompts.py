"""The prompts that are stored, for what draws a sample of them. Loads SQLAlchemy: import this only where it is used."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby

import msgspec
from sqlalchemy import Connection, select

from tiercel.domain.record import Place
from tiercel.records.schema import blocks, contents
from tiercel.records.stored import portions

NO_TEXT = ""
"""The name of a prompt of which only hashes are kept, or a part was too large."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A message, or the list of tools, of one request: its JSON as `content` wrote it."""

    place: Place
    text: str


def prompt_names(connection: Connection, record_ids: Iterable[str]) -> dict[str, str]:
    """For each of these records that has content, a name that it shares with every request of the same prompt."""
    found: dict[str, str] = {}
    for some in portions(list(record_ids)):
        rows = connection.execute(
            select(contents.c.record_id, contents.c.block_key, blocks.c.text.is_not(None))
            .join_from(contents, blocks, contents.c.block_key == blocks.c.key)
            .where(contents.c.record_id.in_(some), contents.c.place != "answer")
            .order_by(contents.c.record_id, contents.c.position)
        )
        for record_id, own in groupby(rows, key=lambda row: row[0]):
            pieces = [(key, has_text) for _, key, has_text in own]
            name = sha256("/".join(key for key, _ in pieces).encode()).hexdigest()
            found[record_id] = name if all(has_text for _, has_text in pieces) else NO_TEXT
    return found


def prompt_pieces(connection: Connection, record_ids: Iterable[str]) -> Iterator[tuple[str, list[Piece]]]:
    """The texts of these records' prompts, in their order; only of those whose text is stored whole."""
    for some in portions(list(record_ids)):
        rows = connection.execute(
            select(contents.c.record_id, contents.c.place, blocks.c.text)
            .join_from(contents, blocks, contents.c.block_key == blocks.c.key)
            .where(contents.c.record_id.in_(some), contents.c.place != "answer")
            .order_by(contents.c.record_id, contents.c.position)
        )
        for record_id, own in groupby(rows, key=lambda row: row[0]):
            yield record_id, [Piece(place=place, text=text) for _, place, text in own if text is not None]
