"""GET /v1/records/{id}: what happened to one request, with every attempt, verdict and cost."""

import asyncio

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.json import JsonObject
from tiercel.domain.money import usd_text
from tiercel.domain.record import Feedback, Record
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.runtime import Runtime


async def get_record(runtime: Runtime, exchange: Exchange, record_id: str) -> None:
    """The record as JSON, money in dollars."""
    # what is no longer in memory is read from disk, which takes milliseconds
    record = await asyncio.to_thread(runtime.recorder.find, record_id)
    if record is None:
        raise CallerError("not_found", "there is no such record")
    feedback = await asyncio.to_thread(runtime.recorder.find_feedback, record_id)
    await exchange.answer_json(record_json(record, feedback))


def record_json(record: Record, feedback: Feedback | None) -> JsonObject:
    """A record for readers outside: `object`, dollars beside nano-dollars, the latest feedback."""
    shown: JsonObject = msgspec.to_builtins(record)
    shown.pop("type", None)
    shown["object"] = "tiercel.record"
    shown["cost_usd"] = usd_text(record.cost_nano) if record.cost_known else None
    for attempt, raw in zip(record.attempts, shown.get("attempts", ()), strict=True):
        raw["cost_usd"] = None if attempt.cost_nano is None else usd_text(attempt.cost_nano)
    if feedback is not None:
        shown["feedback"] = {
            k: v for k, v in msgspec.to_builtins(feedback).items() if k not in ("type", "record_id")
        }
    return shown
