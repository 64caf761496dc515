"""Pairs of answers as rows of `shadow_pairs`, and back. Loads SQLAlchemy: import this only where it is used."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, select, true

from tiercel.domain.record import AttemptRecord, Block, PairedAnswer, ShadowPair
from tiercel.domain.secret import Secret
from tiercel.records.rows import Row, bounded
from tiercel.records.schema import shadow_pairs
from tiercel.records.snapshot import Snapshot
from tiercel.records.stored import IN_PORTIONS

ANSWER_FIELDS = tuple(name for name in PairedAnswer.__struct_fields__ if name != "said")
TEXTS = ("live_text", "shadow_text")
PAIR_FIELDS = tuple(
    name for name in ShadowPair.__struct_fields__ if name not in ("live", "shadow", "attempts")
)

_encode = msgspec.json.Encoder().encode
_attempts = msgspec.json.Decoder(tuple[AttemptRecord, ...]).decode


def pair_row(pair: ShadowPair, instance: str) -> Row:
    """The row of `shadow_pairs`; `instance` is the server through which the request came."""
    row: Row = {name: getattr(pair, name) for name in PAIR_FIELDS}
    for side, answer in (("live", pair.live), ("shadow", pair.shadow)):
        for name in ANSWER_FIELDS:
            row[f"{side}_{name}"] = getattr(answer, name)
        row[f"{side}_cost_nano"] = bounded(answer.cost_nano)
        row[f"{side}_output_tokens"] = bounded(answer.output_tokens)
        row[f"{side}_hash"] = None if answer.said is None else answer.said.key
        row[f"{side}_text"] = None if answer.said is None else answer.said.text
    row["attempts"] = _encode(pair.attempts).decode()
    row["spent_nano"] = bounded(pair.cost_nano)
    row["instance"] = instance
    return row


def pair_from(row: Row) -> ShadowPair:
    """The pair that this row was made from, but for the size of what was said."""
    values = {name: row[name] for name in PAIR_FIELDS}
    return ShadowPair(
        **values,
        live=_answer_from(row, "live"),
        shadow=_answer_from(row, "shadow"),
        attempts=_attempts(row["attempts"]),
    )


def _answer_from(row: Row, side: str) -> PairedAnswer:
    key, text = row[f"{side}_hash"], row.get(f"{side}_text")
    said = None
    if key is not None:
        size = 0 if text is None else len(text.encode())
        said = Block(place="answer", key=key, bytes=size, text=text)
    return PairedAnswer(**{name: row[f"{side}_{name}"] for name in ANSWER_FIELDS}, said=said)


def forget_pairs(connection: Connection, record_ids: Sequence[str]) -> None:
    """Deletes the pairs of these records."""
    connection.execute(delete(shadow_pairs).where(shadow_pairs.c.record_id.in_(record_ids)))


def each_pair(
    folder: Path,
    *,
    since: float | None = None,
    run: str | None = None,
    rule: str | None = None,
    record_id: str | None = None,
    but_of: Collection[str] = (),
    with_texts: bool = True,
    database_url: Secret | None = None,
) -> Iterator[ShadowPair]:
    """Pairs of requests that came at or after `since` (Unix seconds), of one registered run (`""`: of the rules' own)
    or of all, without those `but_of` some runs, of one rule or of all, of one record or of all: those of the database
    in the order in which the requests came, then those that wait in the journal. To be taken to the end.

    Without `with_texts` pairs of the database lack the words of what was said, which of many take most of the memory.

    Raises `ConfigError` where nothing was recorded yet, or it cannot be read.
    """
    chosen = _condition(since, run, rule, record_id) & shadow_pairs.c.run.not_in(but_of)
    with Snapshot.taken(folder, database_url) as snapshot:
        waiting = {
            (pair.record_id, pair.run, pair.candidate): pair
            for pair in _waiting(snapshot, since)
            if run in (None, pair.run)
            and pair.run not in but_of
            and rule in (None, pair.rule)
            and record_id in (None, pair.record_id)
        }
        if snapshot.connection is not None:
            left_out = () if with_texts else TEXTS
            columns = (column for column in shadow_pairs.c if column.name not in left_out)
            found = select(*columns).where(chosen).order_by(shadow_pairs.c.received_at)
            for row in snapshot.connection.execute(found.execution_options(**IN_PORTIONS)).mappings():
                waiting.pop((row["record_id"], row["run"], row["candidate"]), None)
                yield pair_from(dict(row))
        yield from waiting.values()


class ShadowSpent(msgspec.Struct, frozen=True, kw_only=True):
    """What copies have cost, in nano-dollars: of a registered run, or of a rule's own where `run` is empty. `instance`
    is the server through which the requests came, empty for what waits in the journal of this folder's own."""

    run: str
    rule: str
    instance: str
    pairs: int
    nano: int


def read_shadow_spent(
    folder: Path,
    *,
    since: float | None = None,
    run: str | None = None,
    rule: str | None = None,
    database_url: Secret | None = None,
) -> list[ShadowSpent]:
    """The same as sums. Raises as `each_pair` does."""
    sums: dict[tuple[str, str, str], tuple[int, int]] = {}

    def add(run: str, rule: str, instance: str, pairs: int, nano: int) -> None:
        known = sums.get((run, rule, instance), (0, 0))
        sums[run, rule, instance] = (known[0] + pairs, known[1] + nano)

    with Snapshot.taken(folder, database_url) as snapshot:
        waiting = {
            (pair.record_id, pair.run, pair.candidate): pair
            for pair in _waiting(snapshot, since)
            if run in (None, pair.run) and rule in (None, pair.rule)
        }
        if snapshot.connection is not None:
            columns = (shadow_pairs.c.run, shadow_pairs.c.rule, shadow_pairs.c.instance)
            amounts = (func.count(), func.sum(shadow_pairs.c.spent_nano))
            chosen = select(*columns, *amounts).where(_condition(since, run, rule)).group_by(*columns)
            for row in snapshot.connection.execute(chosen):
                add(row[0], row[1], row[2], row[3], int(row[4]))
        for pair in waiting.values():
            add(pair.run, pair.rule, "", 1, pair.cost_nano)
    return [
        ShadowSpent(run=run, rule=rule, instance=instance, pairs=pairs, nano=nano)
        for (run, rule, instance), (pairs, nano) in sorted(sums.items())
    ]


def _waiting(snapshot: Snapshot, since: float | None) -> Iterable[ShadowPair]:
    return (
        entry
        for entry in snapshot.waiting
        if isinstance(entry, ShadowPair) and (since is None or entry.received_at >= since)
    )


def _condition(
    since: float | None, run: str | None = None, rule: str | None = None, record_id: str | None = None
) -> ColumnElement[bool]:
    chosen: ColumnElement[bool] = true()
    wanted: tuple[tuple[ColumnElement[Any], str | None], ...] = (
        (shadow_pairs.c.run, run),
        (shadow_pairs.c.rule, rule),
        (shadow_pairs.c.record_id, record_id),
    )
    for column, value in wanted:
        if value is not None:
            chosen &= column == value
    return chosen if since is None else chosen & (shadow_pairs.c.received_at >= since)
