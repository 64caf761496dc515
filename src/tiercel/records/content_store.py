"""Contents in the tables `contents` and `blocks`: a block is there once, as long as some record is made of it."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, exists, select

from tiercel.domain.record import Content
from tiercel.records.rows import Row
from tiercel.records.schema import blocks, contents
from tiercel.records.stored import portions


def content_rows(found: Iterable[Content]) -> tuple[list[Row], list[Row]]:
    """The rows of `blocks`, in the order of their keys, and of `contents`."""
    pieces: dict[str, Row] = {}
    lists: dict[tuple[str, int], Row] = {}
    for content in found:
        for position, block in enumerate(content.blocks):
            pieces[block.key] = {"key": block.key, "bytes": block.bytes, "text": block.text}
            lists[content.record_id, position] = {
                "record_id": content.record_id,
                "position": position,
                "place": block.place,
                "block_key": block.key,
            }
    # in order, so that two servers never wait for each other in a circle
    return [pieces[key] for key in sorted(pieces)], list(lists.values())


def forget_contents(connection: Connection, record_ids: Sequence[str]) -> None:
    """Deletes the contents of these records, and the blocks that nobody is made of any more."""
    own = contents.c.record_id.in_(record_ids)
    keys = connection.execute(select(contents.c.block_key).where(own).distinct()).scalars().all()
    if not keys:
        return
    if connection.dialect.name == "postgresql":  # whoever is about to refer to one waits, and writes it anew
        connection.exec_driver_sql("LOCK TABLE blocks IN EXCLUSIVE MODE")
    connection.execute(delete(contents).where(own))
    for some in portions(sorted(keys)):
        used = exists().where(contents.c.block_key == blocks.c.key)
        connection.execute(delete(blocks).where(blocks.c.key.in_(some), ~used))
