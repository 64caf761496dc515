"""Requests: found by what is known of them, newest first; and one of them with its climb."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

import msgspec
from starlette.responses import RedirectResponse, Response

from tiercel.domain.climb import ASIDE, Why
from tiercel.domain.errors import CallerError
from tiercel.domain.record import AttemptRecord, Feedback, Outcome, Record
from tiercel.gateway.dashboard.loading import answers_in
from tiercel.gateway.dashboard.period import LENGTHS, Range, range_of
from tiercel.gateway.dashboard.view import PageRoute, Visitor
from tiercel.gateway.ids import new_record_id
from tiercel.measure.retelling import (
    OUTCOME_WORDS,
    WHY_WORDS,
    account_lines,
    how_ended,
    verdict_words,
    what_used,
)

MOST = 50
CALLED: tuple[Why, ...] = (
    "retry",
    "fallback",
    "re_ask",
    "escalation",
    "hedge",
    "opinion",
    "judge",
    "review",
    "advisor",
)
NAMED = ("task", "rule", "model", "tier", "session", "key_id")
"""Filters that are the name of something."""
VERDICTS: tuple[Literal["accepted", "rejected"], ...] = ("accepted", "rejected")
SHOWN_CHARS = 20_000
"""Of one stored text; a longer one is cut, with a word that it was."""
BAR_WIDTH = 1_000


def show_list(visitor: Visitor) -> Response:
    """The page of requests that the address asks for."""
    from tiercel.records.query import is_empty  # SQLAlchemy takes long to load
    from tiercel.records.search import find_requests

    query, home = visitor.query, visitor.home
    if query.get("id"):
        return RedirectResponse(f"/requests/{query['id'].strip()[:100]}", 303)
    wanted = range_of(query, default="7d")
    values: dict[str, Any] = {
        "range": wanted,
        "lengths": tuple(LENGTHS),
        "choices": {},
        "outcomes": get_args(Outcome),
        "called": CALLED,
        "why_words": WHY_WORDS,
        "keeps_content": home.storage.content,
    }
    if home.database_url is None and is_empty(home.folder):
        return visitor.render("requests.html", found=None, next=None, **values)
    found = find_requests(home.folder, search_of(visitor, wanted), database_url=home.database_url)
    values["choices"] = _choices(visitor, wanted)
    more = None if found.more is None else f"{found.more.started_at!r}~{found.more.id}"
    return visitor.render("requests.html", found=found, next=more, **values)


def search_of(visitor: Visitor, wanted: Range) -> Any:
    """What the address looks for. Raises `CallerError` for what is no filter's value."""
    from tiercel.records.search import Behind, Search

    query = visitor.query
    after = None
    if query.get("after"):
        at, _, name = query["after"].partition("~")
        after = Behind(_number("after", at) or 0.0, name)
    least_usd = _number("usd", query.get("usd", ""))
    return Search(
        since=wanted.since,
        until=wanted.until,
        after=after,
        most=MOST,
        project=query.get("project") if visitor.caller.is_operator else visitor.caller.project,
        **{name: query.get(name, "") for name in NAMED},
        outcome=_one_of("outcome", query, get_args(Outcome)),
        with_call=_one_of("call", query, CALLED),
        least_seconds=_number("seconds", query.get("seconds", "")),
        least_nano=None if least_usd is None else round(least_usd * 1e9),
        text=query.get("q", "").strip(),
    )


def _one_of(name: str, query: Mapping[str, str], known: tuple[str, ...]) -> Any:
    value = query.get(name)
    if value is not None and value not in known:
        raise CallerError("invalid_request", f"{name}: choose one of {', '.join(known)}")
    return value


def _number(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e12:
        raise CallerError("invalid_request", f"{name} {text[:20]!r}: write a number from 0 on")
    return number


def _choices(visitor: Visitor, wanted: Range) -> dict[str, list[str]]:
    """The names that there were in the time, from sums, the most frequent first."""
    answers = answers_in(visitor, wanted, percentiles=False)
    found: dict[str, dict[str, int]] = {name: {} for name in ("task", "rule", "model", "tier", "project")}
    for cell, tally in answers.items():
        for name, counts in found.items():
            value = getattr(cell, name)
            counts[value] = counts.get(value, 0) + tally.counts["requests"]
    return {
        name: [value for value in sorted(counts, key=lambda key: (-counts[key], key)) if value]
        for name, counts in found.items()
    }


def show_one(visitor: Visitor) -> Response:
    """One request. Raises `CallerError` where there is none of this id for who asks."""
    from tiercel.records.pairs import each_pair
    from tiercel.records.search import read_content

    record_id: str = visitor.request.path_params["record_id"]
    record = visible_record(visitor, record_id)
    home = visitor.home
    said = read_content(home.folder, record_id, database_url=home.database_url)
    return visitor.render(
        "request.html",
        record=record,
        outcome=OUTCOME_WORDS[record.outcome],
        bars=list(waterfall(record)),
        steps=[Told.of(attempt, record) for attempt in record.attempts],
        account=account_lines(record)[1:],
        feedback=home.runtime.recorder.find_feedback(record_id),
        pairs=list(each_pair(home.folder, record_id=record_id, database_url=home.database_url)),
        said=[(piece, *readable(piece.text)) for piece in said],
        keeps_content=home.storage.content,
    )


def visible_record(visitor: Visitor, record_id: str) -> Record:
    """The record, for who may see it: nobody learns which ids of other projects there are."""
    record = visitor.home.runtime.recorder.find(record_id)
    if record is None or not visitor.caller.key.sees(record.project, record.key_id):
        raise CallerError("not_found", f"There is no request {record_id[:40]!r}.")
    return record


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One call in words."""

    attempt: AttemptRecord
    why: str
    ended: str
    used: str
    verdicts: tuple[tuple[str, bool], ...]
    is_delivered: bool

    @classmethod
    def of(cls, attempt: AttemptRecord, record: Record) -> "Told":
        return cls(
            attempt=attempt,
            why=WHY_WORDS[attempt.why],
            ended=how_ended(attempt),
            used="" if attempt.usage is None else what_used(attempt),
            verdicts=tuple(
                (verdict_words(verdict, attempt.missed), verdict.check != attempt.missed)
                for verdict in attempt.verdicts
            ),
            is_delivered=attempt.number == record.delivered,
        )


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One call on the time line, in thousandths of its width. `kind` is how it ended, or that it stood beside."""

    attempt: AttemptRecord
    left: float
    width: float
    first_token: float | None
    kind: str
    is_delivered: bool


def waterfall(record: Record) -> Iterator[Bar]:
    """The calls on one time line, from the request's receipt to the end of what ended last."""
    whole = max([record.seconds, *(a.began_seconds + a.seconds for a in record.attempts), 1e-9])
    scale = BAR_WIDTH / whole
    for attempt in record.attempts:
        first = (
            None if attempt.ttft_seconds is None else (attempt.began_seconds + attempt.ttft_seconds) * scale
        )
        yield Bar(
            attempt=attempt,
            left=attempt.began_seconds * scale,
            width=max(3.0, attempt.seconds * scale),
            first_token=first,
            kind="aside" if attempt.why in ASIDE and attempt.state == "answered" else attempt.state,
            is_delivered=attempt.number == record.delivered,
        )


def readable(text: str | None) -> tuple[str, str]:
    """A stored piece as people read it: who speaks, and what; JSON as it is where it is neither."""
    if text is None:
        return "", ""
    value = msgspec.json.decode(text)
    role = value.get("role", "") if isinstance(value, dict) else ""
    parts = value.get("parts") if isinstance(value, dict) else None
    if isinstance(parts, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts
    ):
        words = "\n\n".join(part["text"] for part in parts)
    else:
        words = msgspec.json.format(text, indent=2)
    if len(words) > SHOWN_CHARS:
        words = f"{words[:SHOWN_CHARS]}\n… cut here; {len(words):,} characters in all"
    return str(role), words


async def give_feedback(visitor: Visitor) -> Response:
    """Keeps what an onlooker says of an answer. On the event loop, which alone writes the journal."""
    record_id: str = visitor.request.path_params["record_id"]
    record = await asyncio.to_thread(visible_record, visitor, record_id)
    said, comment = visitor.form.get("verdict", ""), visitor.form.get("comment", "").strip()
    verdict = next((one for one in VERDICTS if one == said), None)
    if (said and verdict is None) or not (said or comment) or len(comment) > 10_000:
        raise CallerError("invalid_request", "Give a thumb or a comment of at most 10,000 characters.")
    visitor.home.runtime.record_feedback(
        Feedback(
            id=new_record_id(),
            record_id=record.id,
            at=time.time(),
            verdict=verdict,
            comment=comment or None,
        )
    )
    return RedirectResponse(f"/requests/{record.id}", 303)


REQUESTS = PageRoute(path="/requests", show=show_list, title="Requests")
REQUEST = PageRoute(path="/requests/{record_id}", show=show_one)
FEEDBACK_ON = PageRoute(path="/requests/{record_id}/feedback", show=give_feedback, methods=("POST",))
