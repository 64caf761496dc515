"""POST /v1/feedback: what the user said or did with an answer."""

import asyncio
import math
from typing import Literal

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.record import Feedback
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.runtime import Runtime
from tiercel.wire.scan import parse_object

MAX_BODY_BYTES = 64 * 1024
MAX_COMMENT_CHARS = 10_000


class FeedbackBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body: which record, and at least one of verdict, score (any finite number) and comment."""

    record: str
    verdict: Literal["accepted", "rejected"] | None = None
    score: float | None = None
    comment: str | None = None


async def post_feedback(runtime: Runtime, exchange: Exchange) -> None:
    """Store one piece of feedback; the latest of a record counts in reports."""
    receipt = runtime.receipt(exchange)
    body = _read(await exchange.body(MAX_BODY_BYTES))
    record = await asyncio.to_thread(runtime.recorder.find, body.record)
    if record is None or not receipt.key.sees(record.project, record.key_id):
        raise CallerError("not_found", "there is no such record", param="record")
    runtime.record_feedback(
        Feedback(
            id=receipt.id,
            record_id=body.record,
            at=receipt.started_at,
            verdict=body.verdict,
            score=body.score,
            comment=body.comment,
        )
    )
    await exchange.answer_json(
        {"object": "tiercel.feedback", "id": receipt.id, "record": body.record}, status=201
    )


def _read(raw: bytes) -> FeedbackBody:
    try:
        body = msgspec.convert(parse_object(raw), FeedbackBody)
    except msgspec.ValidationError as error:
        # msgspec's message names the field and the types, at most the caller's own word for a verdict
        raise CallerError("invalid_request", f"feedback: {error}") from error
    if body.verdict is None and body.score is None and body.comment is None:
        raise CallerError("invalid_request", "feedback: give at least one of verdict, score and comment")
    if body.score is not None and not math.isfinite(body.score):
        raise CallerError("invalid_request", "feedback: score must be a finite number", param="score")
    if body.comment is not None and len(body.comment) > MAX_COMMENT_CHARS:
        raise CallerError(
            "invalid_request",
            f"feedback: comment is longer than {MAX_COMMENT_CHARS} characters",
            param="comment",
        )
    return body
