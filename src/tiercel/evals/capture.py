"""Items drawn from one's own traffic: at random within strata, with the weights that undo the drawing.

The weighted mean over the items estimates the mean over the requests: an item weighs the requests that it stands for.
What is drawn depends on the records and the seed alone.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tiercel.domain.catalog import Deployment, Model, Provider, Target
from tiercel.domain.errors import ConfigError, ProblemError
from tiercel.domain.json import JsonObject
from tiercel.domain.record import Record
from tiercel.domain.request import Format, Media, Message, ModelRequest, Tool
from tiercel.domain.secret import Secret
from tiercel.domain.session import session_key
from tiercel.policy.problems import nearest
from tiercel.records.prompts import NO_TEXT, Piece, prompt_names, prompt_pieces
from tiercel.records.query import each_record
from tiercel.records.redaction import DATA, redact
from tiercel.records.snapshot import Snapshot
from tiercel.wire.registry import CODECS

STRATA = ("task", "rule", "project", "complexity", "risk", "model_requested")
"""What a stratum may be made of."""
ID_DIGITS = 12
WHERE = Target(
    deployment=Deployment(
        name="item",
        model=Model(name="item"),
        provider=Provider(name="item", format="openai_chat", base_url=""),
        upstream_name="item",
    )
)
"""An item's request is written as for a server that takes whatever the format has."""
KEEP = (
    'no prompt is stored: set `content = "redacted"` (or "full") under [storage] of tiercel.toml and start the '
    "server again; requests from then on can be captured, some seconds after their answer"
)

_message = msgspec.json.Decoder(Message)
_tools = msgspec.json.Decoder(tuple[Tool, ...])


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be drawn: `number` items of the requests since then (Unix seconds), as many of each stratum as there
    are, up to an equal share. `copies` lets the same prompt be drawn again where it was sent again."""

    since: float
    number: int = 300
    strata: tuple[str, ...] = ()
    project: str | None = None
    redact: bool = False
    copies: bool = False
    seed: int = 0


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of an items file, how many answered requests they were drawn of, and why others could not be: in words,
    with how many requests each."""

    rows: tuple[JsonObject, ...]
    requests: int
    left_out: dict[str, int]


class _Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn: a prompt, with its latest request and how many there were of it."""

    name: str
    record: Record
    requests: int = 1


def capture(folder: Path, wanted: Wanted, database_url: Secret | None = None) -> Captured:
    """Draw them. Raises `ConfigError` where no prompt is stored, or a stratum cannot be made."""
    for name in wanted.strata:
        if name not in STRATA:
            hint = nearest(name, STRATA) or f"; there are {', '.join(STRATA)}"
            raise ConfigError(f"strata: {name!r} is nothing to draw by{hint}")
    found = [
        record
        for record, _ in each_record(
            folder, since=wanted.since, project=wanted.project, database_url=database_url
        )
        if record.delivered is not None
    ]
    if not found:
        raise ConfigError("no request was answered in that time; take an earlier --since")
    with Snapshot.taken(folder, database_url) as snapshot:
        if snapshot.connection is None:
            raise ConfigError(KEEP)
        names = prompt_names(snapshot.connection, (record.id for record in found))
        units, left_out = _units(found, names, wanted)
        drawn = _drawn(units, wanted)
        pieces = dict(prompt_pieces(snapshot.connection, (unit.record.id for unit, _ in drawn)))
    rows: list[JsonObject] = []
    for unit, weight in drawn:
        try:
            rows.append(_row(unit, weight, pieces[unit.record.id], wanted))
        except _Unusable as error:
            left_out[str(error)] = left_out.get(str(error), 0) + unit.requests
    return Captured(rows=tuple(rows), requests=len(found), left_out=left_out)


def _units(
    found: Sequence[Record], names: Mapping[str, str], wanted: Wanted
) -> tuple[list[_Unit], dict[str, int]]:
    units: dict[str, _Unit] = {}
    left_out: dict[str, int] = {}
    for record in found:
        name = names.get(record.id)
        if not name:
            why = "only its hash is stored" if name == NO_TEXT else "its prompt is not stored"
            left_out[why] = left_out.get(why, 0) + 1
            continue
        # a prompt that was sent in two strata is one in each
        key = record.id if wanted.copies else "/".join((name, *_stratum(record, wanted)))
        before = units.get(key)
        units[key] = _Unit(name=key, record=record, requests=1 + (before.requests if before else 0))
    if not units:
        raise ConfigError(KEEP)
    return list(units.values()), left_out


def _stratum(record: Record, wanted: Wanted) -> tuple[str, ...]:
    return tuple(str(getattr(record, name)) for name in wanted.strata)


def _drawn(units: Sequence[_Unit], wanted: Wanted) -> list[tuple[_Unit, float]]:
    """Those drawn, each with its weight: its requests, over the chance that it had."""
    strata: dict[tuple[str, ...], list[_Unit]] = defaultdict(list)
    for unit in units:
        strata[_stratum(unit.record, wanted)].append(unit)
    drawn: list[tuple[_Unit, float]] = []
    left = wanted.number
    # the smallest first: what it cannot fill goes to the others
    ordered = sorted(strata.items(), key=lambda pair: (len(pair[1]), pair[0]))
    for position, (_, own) in enumerate(ordered):
        share = min(len(own), -(-left // (len(ordered) - position)))
        left -= share
        own.sort(key=lambda unit: _lot(unit.name, wanted.seed))
        drawn += [(unit, unit.requests * len(own) / share) for unit in own[:share]]
    return sorted(drawn, key=lambda pair: (pair[0].record.started_at, pair[0].name))


def _lot(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


class _Unusable(Exception):
    """Why a request cannot be asked again."""


def _row(unit: _Unit, weight: float, pieces: Sequence[Piece], wanted: Wanted) -> JsonObject:
    """The request as an item. Raises `_Unusable`."""
    record = unit.record
    messages = tuple(_message.decode(piece.text) for piece in pieces if piece.place == "message")
    tools = tuple(tool for piece in pieces if piece.place == "tools" for tool in _tools.decode(piece.text))
    if wanted.redact:
        messages = msgspec.convert(redact(msgspec.to_builtins(messages)), tuple[Message, ...])
        tools = msgspec.convert(redact(msgspec.to_builtins(tools)), tuple[Tool, ...])
    if any(isinstance(part, Media) and part.data == DATA for message in messages for part in message.parts):
        raise _Unusable("its image or file was taken out by redaction")
    # under its own format's name, so that what only that one knows stays behind
    own_format = msgspec.convert(record.format, Format)
    request = ModelRequest(format=own_format, model="item", messages=messages, tools=tools)
    try:
        called = CODECS["openai_chat"].encode_request(request, WHERE)
    except ProblemError:
        raise _Unusable("it cannot be written as a chat completion") from None
    body: JsonObject = msgspec.json.decode(called.body)
    metadata: JsonObject = {"task": record.task, "complexity": record.complexity, "rule": record.rule}
    if record.project:
        metadata["project"] = record.project
    session = session_key(record.session, record.project, record.key_id)
    if session is not None:
        metadata["session"] = hashlib.sha256(session.encode()).hexdigest()[:ID_DIGITS]
    if record.strict_json:
        metadata["asked_for_json"] = True
    if called.lost:
        metadata["lost"] = list(called.lost)
    row: JsonObject = {"id": record.id, "input": body["messages"], "metadata": metadata}
    if "tools" in body:
        row["config"] = {"tools": body["tools"]}
    if weight != 1:
        row["weight"] = round(weight, 6)
    return {**row, "source": f"traffic:{datetime.fromtimestamp(record.started_at, UTC):%Y-%m-%d}"}
