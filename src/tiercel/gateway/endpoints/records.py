"""GET /v1/records/{id}: what happened to one request, with every attempt, verdict and cost."""

import asyncio

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.money import usd_text
from tiercel.domain.record import Feedback, Record
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.runtime import Runtime


async def get_record(runtime: Runtime, exchange: Exchange, record_id: str) -> None:
    """The record as JSON, money in dollars."""
    # what is no longer in memory is read from disk, which takes milliseconds
    record = await asyncio.to_thread(runtime.recorder.find, record_id)
    if record is None or not exchange.caller.sees(record.project, record.key_id):
        # the same words for another project's: nobody learns which ids there are
        raise CallerError("not_found", "there is no such record")
    feedback = await asyncio.to_thread(runtime.recorder.find_feedback, record_id)
    await exchange.answer_json(record_json(record, feedback))


def record_json(record: Record, feedback: Feedback | None) -> JsonObject:
    """A record for readers outside: `object`, dollars beside nano-dollars, the latest feedback."""
    shown: JsonObject = _plain(record)
    shown["object"] = "tiercel.record"
    shown["cost_usd"] = usd_text(record.cost_nano) if record.cost_known else None
    for attempt, plain in zip(record.attempts, shown["attempts"], strict=True):
        plain["cost_usd"] = None if attempt.cost_nano is None else usd_text(attempt.cost_nano)
    shown["feedback"] = _plain(feedback)
    return shown


def _plain(value: Json) -> Json:
    """A value with every field, also those at their default, which the journal leaves out."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
