"""Nouns as rows of the tables in `schema.py`, and back again without loss."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import msgspec

from tiercel.domain.climb import Verdict
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord, Feedback, Record, Started
from tiercel.domain.response import Usage
from tiercel.records.dimensions import PLAN_FIELDS, RUNG_FIELDS, plan_row, rung_row

Row: TypeAlias = dict[str, Any]
Values: TypeAlias = tuple[Any, ...]
"""A row without its names."""
T = TypeVar("T")

NUL_SHOWN = "\N{SYMBOL FOR NULL}"

_PLAIN_TEXT = ("text",)
_RECORD_PLAIN = tuple(
    name
    for name in Record.__struct_fields__
    if name not in ("modalities", "stated", "tokens_estimated", "attempts", "arms_out", *PLAN_FIELDS)
)
RECORD_COLUMNS = (
    *_RECORD_PLAIN,
    "modalities",
    "stated",
    "arms_out",
    "plan_number",
    "tokens_estimated",
    "cost_nano",
    "cost_known",
)
_ATTEMPT_LISTS = ("repairs", "lost", "notes")
_APART = ("verdicts", "usage", "failure", "cost_nano", "next_nano", "version")
"""What is written in another way, or, as `version`, not at all."""
_ATTEMPT_PLAIN = tuple(
    name for name in AttemptRecord.__struct_fields__ if name not in (*_ATTEMPT_LISTS, *RUNG_FIELDS, *_APART)
)
_USAGE = tuple(name for name in Usage.__struct_fields__ if name != "source")
ATTEMPT_COLUMNS = (
    *_ATTEMPT_PLAIN,
    "record_id",
    "position",
    "rung_number",
    "cost_nano",
    "next_nano",
    *_ATTEMPT_LISTS,
    "verdicts",
    "failure_kind",
    "failure",
    "usage_source",
    *(f"usage_{name}" for name in _USAGE),
)
_LARGEST_INTEGER = 2**63 - 1

_encode = msgspec.json.Encoder().encode
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_verdicts = msgspec.json.Decoder(tuple[Verdict, ...]).decode
_failure = msgspec.json.Decoder(Failure).decode
_plain_of_record = attrgetter(*_RECORD_PLAIN)
_plain_of_attempt = attrgetter(*_ATTEMPT_PLAIN)
_counts_of_usage = attrgetter(*_USAGE)
_NO_USAGE = (None,) * (1 + len(_USAGE))


def record_values(record: Record) -> Values:
    """The row of `records`, in the order of `RECORD_COLUMNS`."""
    plain: Values = _plain_of_record(record)
    return (
        *plain,
        None if record.modalities == _PLAIN_TEXT else _text(record.modalities),
        _list_text(record.stated),
        _list_text(record.arms_out),
        plan_row(record)["number"],
        bounded(record.tokens_estimated),
        bounded(record.cost_nano),
        record.cost_known,
    )


def attempt_values(record: Record) -> list[Values]:
    """The rows of `attempts`, in their order, each in the order of `ATTEMPT_COLUMNS`."""
    return [_attempt_values(record.id, position, attempt) for position, attempt in enumerate(record.attempts)]


def _attempt_values(record_id: str, position: int, attempt: AttemptRecord) -> Values:
    plain: Values = _plain_of_attempt(attempt)
    failure, usage = attempt.failure, attempt.usage
    return (
        *plain,
        record_id,
        position,
        rung_row(attempt)["number"],
        bounded(attempt.cost_nano),
        bounded(attempt.next_nano),
        _list_text(attempt.repairs),
        _list_text(attempt.lost),
        _list_text(attempt.notes),
        _list_text(attempt.verdicts),
        failure.kind if failure else None,
        _text(failure) if failure else None,
        *(_NO_USAGE if usage is None else (usage.source, *map(bounded, _counts_of_usage(usage)))),
    )


def record_from(row: Row, attempt_rows: Iterable[Row]) -> Record:
    """The record that these rows were made from; `row` has the columns of its plan too."""
    values = {name: row[name] for name in (*_RECORD_PLAIN, "tokens_estimated", *PLAN_FIELDS)}
    values["modalities"] = _PLAIN_TEXT if row["modalities"] is None else _names(row["modalities"])
    values["stated"] = _listed(row["stated"])
    values["arms_out"] = _listed(row["arms_out"])
    values["ladder"] = _names(row["ladder"])
    return Record(**values, attempts=tuple(_attempt_from(attempt) for attempt in attempt_rows))


def _attempt_from(row: Row) -> AttemptRecord:
    values = {name: row[name] for name in (*_ATTEMPT_PLAIN, *RUNG_FIELDS, "cost_nano", "next_nano")}
    for name in _ATTEMPT_LISTS:
        values[name] = _listed(row[name])
    values["verdicts"] = () if row["verdicts"] is None else _verdicts(row["verdicts"])
    values["failure"] = None if row["failure"] is None else _failure(row["failure"])
    if row["usage_source"] is not None:
        counted = {name: row[f"usage_{name}"] for name in _USAGE}
        values["usage"] = Usage(**counted, source=row["usage_source"])
    return AttemptRecord(**values)


def plain_row(noun: Feedback | Started) -> Row:
    """The row of `feedback` or `pending`, whose columns are the noun's fields."""
    return {name: getattr(noun, name) for name in noun.__struct_fields__}


def noun_from(kind: type[T], row: Row) -> T:
    """The noun that `plain_row` made this row from."""
    return kind(**row)


def without_nul(row: Row) -> Row:
    """The row as PostgreSQL can take it: its text has no character 0, for which its picture stands then."""
    for name, value in row.items():
        if isinstance(value, str) and "\0" in value:
            row[name] = value.replace("\0", NUL_SHOWN)
    return row


def interrupted(started: Started) -> Record:
    """What is known of a request whose process ended before its record was written."""
    return Record(
        id=started.id,
        started_at=started.started_at,
        seconds=0.0,
        outcome="interrupted",
        format=started.format,
        model_requested=started.model_requested,
        task=started.task,
        rule=started.rule,
        message=f"the server stopped while {started.rung or 'the request'} was under way",
        project=started.project,
        key_id=started.key_id,
    )


def _listed(text: str | None) -> tuple[str, ...]:
    return () if text is None else _names(text)


def _list_text(values: Sequence[object]) -> str | None:
    return _text(values) if values else None


def _text(value: object) -> str:
    return _encode(value).decode()


def bounded(number: int | None) -> int | None:
    """SQL integers have 64 bits; what a provider claims to have counted may have more."""
    if number is None or -_LARGEST_INTEGER <= number <= _LARGEST_INTEGER:
        return number
    return _LARGEST_INTEGER if number > 0 else -_LARGEST_INTEGER
