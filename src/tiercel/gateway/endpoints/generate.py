"""Every endpoint that generates: decode, plan, climb, encode; streaming and not, in whichever format."""

import asyncio
from functools import partial

import msgspec
from msgspec.structs import replace

from tiercel.domain.climb import Deliver, Plan
from tiercel.domain.errors import ProblemError, UnavailableError
from tiercel.domain.record import Record
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Stamp
from tiercel.engine.account import Receipt, abandoned_record, finish_record, start_record
from tiercel.engine.climb import Climb, Climbed
from tiercel.gateway.budgets import Allowance
from tiercel.gateway.endpoints.answer_headers import answer_lines
from tiercel.gateway.endpoints.client_stream import ClientStream
from tiercel.gateway.endpoints.unanswered import unanswered
from tiercel.gateway.exchange import JSON_LINE, Exchange
from tiercel.gateway.hints import take_hints
from tiercel.gateway.runtime import Runtime, State
from tiercel.gateway.shadowing import Served as Answered
from tiercel.gateway.surfaces import Generation, forwarded_headers

STOPPING = UnavailableError("overloaded", "the gateway is being stopped")
BROKEN = UnavailableError(
    "internal", "something went wrong in the gateway; the operator's log has this request's id"
)


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One request on its way through this endpoint."""

    state: State
    receipt: Receipt
    request: ModelRequest
    plan: Plan
    how: Generation
    record: Record
    grant: Allowance | None

    def stamp(self, model: str) -> Stamp:
        """Our id and time for an answer of this model."""
        answer_id = self.how.surface.id_prefix + self.receipt.id
        return Stamp(id=answer_id, created=int(self.receipt.started_at), model=model)


async def generate(runtime: Runtime, exchange: Exchange, how: Generation) -> None:
    """Answer one request. Problems are raised; the application renders them."""
    state = runtime.state
    receipt = runtime.receipt(exchange)
    entered = runtime.access.quotas.enter(receipt.key)
    try:
        body = await exchange.body(state.settings.listener.max_body_bytes)
        await runtime.replays.once(
            exchange,
            state.admission.owner,
            body,
            partial(_generate, runtime, exchange, how, receipt, body),
        )
    finally:
        entered.leave()


async def _generate(
    runtime: Runtime, exchange: Exchange, how: Generation, receipt: Receipt, body: bytes
) -> None:
    state = runtime.state
    key = receipt.key
    request = how.decode(body)
    if how.surface.forwarded:
        request = replace(request, headers=forwarded_headers(how.surface, exchange))
    try:
        request, hints = take_hints(request, exchange)
        facts = runtime.facts(state, request, hints, key)
        plan = runtime.plan(state, request, facts, key, receipt.id)
        plan, grant = await runtime.access.grant(key, plan)
    except ProblemError as error:
        rejected = start_record(receipt, format=request.format, model=request.model, stream=request.stream)
        runtime.record_rejection(state, receipt, rejected, error)
        exchange.recorded = True
        raise
    record = start_record(receipt, plan, format=request.format, model=request.model, stream=request.stream)
    served = Served(
        state=state, receipt=receipt, request=request, plan=plan, how=how, record=record, grant=grant
    )
    try:
        runtime.record_start(state, record, plan)
        exchange.recorded = True
        exchange.unfinished = record
        await (_stream(runtime, exchange, served) if request.stream else _whole(runtime, exchange, served))
    finally:
        if grant is not None:
            grant.close()


async def _whole(runtime: Runtime, exchange: Exchange, served: Served) -> None:
    climb = Climb(
        served.state.machinery,
        served.request,
        served.plan,
        received=served.receipt.received,
        allowance=served.grant,
    )
    exchange.ends_with_client = True
    try:
        climbed = await climb.run()
    except asyncio.CancelledError:
        _abandon(runtime, exchange, served, climb)
        raise
    finally:
        exchange.ends_with_client = False
    record = _finished(served, climbed, first_content_seconds=None)
    runtime.recorder.said(record.id, served.request, climbed.response)
    runtime.record_end(record)
    if climbed.response is None:
        _show_copy(runtime, served, climbed, record)
        raise unanswered(climbed.step, served.plan, served.state.machinery.health)
    answer = record.answer
    stamp = served.stamp(answer.model if answer else served.request.model)
    body = served.how.surface.codec.encode_response(climbed.response, stamp)
    await exchange.answer(200, JSON_LINE + answer_lines(record), body)
    _show_copy(runtime, served, climbed, record)


async def _stream(runtime: Runtime, exchange: Exchange, served: Served) -> None:
    machinery = served.state.machinery
    client = ClientStream(
        exchange, machinery.clock, served.how, served.request, served.plan, served.stamp(served.request.model)
    )
    exchange.crash_bytes = lambda: client.problem(BROKEN)
    climb = client.climb = Climb(
        machinery,
        served.request,
        served.plan,
        received=served.receipt.received,
        delivery=client.delivery,
        allowance=served.grant,
    )
    try:
        climbed = await _climb_alive(runtime, exchange, served, client, climb)
        await _conclude(runtime, exchange, served, client, climbed)
    finally:
        client.close()


async def _climb_alive(
    runtime: Runtime, exchange: Exchange, served: Served, client: ClientStream, climb: Climb
) -> Climbed:
    """Climb while heartbeats keep the client waiting; a stream that is stopped ends with an explicit error."""
    client.keep_alive()
    exchange.ends_with_client = True
    try:
        return await climb.run()
    except asyncio.CancelledError:
        exchange.ends_with_client = False
        _abandon(runtime, exchange, served, climb)
        if exchange.started and not exchange.client_left:
            await exchange.send(client.problem(STOPPING), last=True)
        raise
    finally:
        exchange.ends_with_client = False
        client.let_die()


async def _conclude(
    runtime: Runtime, exchange: Exchange, served: Served, client: ClientStream, climbed: Climbed
) -> None:
    """The record, then the last bytes: the rest of the answer, or an explicit error."""
    tail = b""
    if climbed.response is not None and isinstance(climbed.step, Deliver):
        tail = client.conclude(climbed.response, climbed.step.attempt)
    first_content_at = client.delivery.first_content_at
    record = _finished(
        served,
        climbed,
        first_content_seconds=None
        if first_content_at is None
        else first_content_at - served.receipt.received,
    )
    runtime.recorder.said(record.id, served.request, climbed.response)
    runtime.record_end(record)
    if climbed.response is None:
        error = unanswered(climbed.step, served.plan, served.state.machinery.health)
        if exchange.started:
            await exchange.send(client.problem(error), last=True)
        _show_copy(runtime, served, climbed, record)
        if not exchange.started:
            raise error
        return
    if not exchange.started:
        await exchange.start(200, client.header_lines + answer_lines(record))
    await exchange.send(tail, last=True)
    _show_copy(runtime, served, climbed, record)


def _show_copy(runtime: Runtime, served: Served, climbed: Climbed, record: Record) -> None:
    """Where a candidate is tried on such requests: its turn comes now that the live answer, or the word that there is
    none, is out or goes out without another wait."""
    if served.plan.shadow is None and not runtime.shadowing.runs:
        return
    runtime.shadowing.offer(
        Answered(
            request=served.request,
            plan=served.plan,
            record=record,
            response=climbed.response,
            policy=served.state.policy,
            catalog=served.state.settings.catalog,
            machinery=served.state.machinery,
        )
    )


def _finished(served: Served, climbed: Climbed, *, first_content_seconds: float | None) -> Record:
    machinery = served.state.machinery
    record = finish_record(
        served.record,
        climbed,
        seconds=machinery.clock() - served.receipt.received,
        first_content_seconds=first_content_seconds,
    )
    if served.plan.sticky != "tool_loop":
        machinery.sessions.note(served.receipt.key, served.plan, record)
    return record


def _abandon(runtime: Runtime, exchange: Exchange, served: Served, climb: Climb) -> None:
    """The client left, or the server is being stopped: keep what the calls cost so far."""
    machinery = served.state.machinery
    runtime.record_end(
        abandoned_record(
            served.record,
            climb.records,
            seconds=machinery.clock() - served.receipt.received,
            message="the client closed the connection" if exchange.client_left else "the gateway was stopped",
        )
    )
