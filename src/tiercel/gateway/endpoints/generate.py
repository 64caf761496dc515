"""Every endpoint that generates: decode, plan, climb, encode; streaming and not, in whichever format."""

import asyncio

import msgspec
from msgspec.structs import replace

from tiercel.domain.climb import Deliver, GiveUp, Plan
from tiercel.domain.errors import CallerError, ProblemError, ProblemKind, UnavailableError
from tiercel.domain.record import Record
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Stamp
from tiercel.engine.account import Receipt, abandoned_record, finish_record, problem_of, start_record
from tiercel.engine.climb import Climb, Climbed
from tiercel.gateway.endpoints.answer_headers import answer_headers
from tiercel.gateway.endpoints.client_stream import ClientStream
from tiercel.gateway.exchange import JSON, Exchange, Sent
from tiercel.gateway.hints import take_hints
from tiercel.gateway.idempotency import MAX_ANSWER_BYTES
from tiercel.gateway.runtime import Runtime, State
from tiercel.gateway.surfaces import Generation, forwarded_headers

CALLERS_FAULT: frozenset[ProblemKind] = frozenset(
    ("invalid_request", "context_length", "content_policy", "no_rung")
)


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

    def stamp(self, model: str) -> Stamp:
        """Our id and time for an answer of this model."""
        answer_id = self.how.surface.id_prefix + self.receipt.id
        return Stamp(id=answer_id, created=int(self.receipt.started_at), model=model)


async def generate(runtime: Runtime, exchange: Exchange, how: Generation) -> None:
    """Answer one request. Problems are raised; the application renders them."""
    state = runtime.state
    receipt = runtime.receipt(exchange.id)
    body = await exchange.body(state.settings.listener.max_body_bytes)
    claim = runtime.replays.claim(exchange, state.admission.owner(exchange), body)
    if claim is None:
        await _generate(runtime, exchange, how, receipt, body)
        return
    if await claim.replay(exchange):
        return
    exchange.sent = Sent(MAX_ANSWER_BYTES)
    try:
        await _generate(runtime, exchange, how, receipt, body)
    finally:
        claim.settle(exchange)


async def _generate(
    runtime: Runtime, exchange: Exchange, how: Generation, receipt: Receipt, body: bytes
) -> None:
    state = runtime.state
    request = how.decode(body)
    if how.surface.forwarded:
        request = replace(request, headers=forwarded_headers(how.surface, exchange))
    try:
        request, hints = take_hints(request, exchange)
        plan = runtime.plan(state, request, hints)
    except ProblemError as error:
        runtime.record_rejection(state, receipt, start_record(receipt, request), error)
        exchange.recorded = True
        raise
    runtime.record_start(state, receipt, request, plan)
    exchange.recorded = True
    served = Served(
        state=state,
        receipt=receipt,
        request=request,
        plan=plan,
        how=how,
        record=start_record(receipt, request, plan),
    )
    exchange.unfinished = served.record
    await (_stream(runtime, exchange, served) if request.stream else _whole(runtime, exchange, served))


async def _whole(runtime: Runtime, exchange: Exchange, served: Served) -> None:
    climb = Climb(served.state.machinery, served.request, served.plan, received=served.receipt.received)
    try:
        with exchange.cancelled_when_client_leaves():
            climbed = await climb.run()
    except asyncio.CancelledError:
        _abandon(runtime, exchange, served, climb)
        raise
    record = _finished(served, climbed, first_content_seconds=None)
    runtime.record_end(record)
    if climbed.response is None:
        raise _problem(served, climbed)
    answer = record.answer
    stamp = served.stamp(answer.model if answer else served.request.model)
    body = served.how.surface.codec.encode_response(climbed.response, stamp)
    await exchange.answer(200, [JSON, *answer_headers(record)], body)


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
    try:
        with exchange.cancelled_when_client_leaves():
            return await climb.run()
    except asyncio.CancelledError:
        _abandon(runtime, exchange, served, climb)
        if exchange.started and not exchange.client_left:
            await exchange.send(client.problem(STOPPING), last=True)
        raise
    finally:
        client.let_die()


async def _conclude(
    runtime: Runtime, exchange: Exchange, served: Served, client: ClientStream, climbed: Climbed
) -> None:
    """The record, then the last bytes: the rest of the answer, or an explicit error."""
    tail = client.delivery.conclude(climbed.response) if climbed.response is not None else b""
    first_content_at = client.delivery.first_content_at
    record = _finished(
        served,
        climbed,
        first_content_seconds=None
        if first_content_at is None
        else first_content_at - served.receipt.received,
    )
    runtime.record_end(record)
    if climbed.response is None:
        error = _problem(served, climbed)
        if not exchange.started:
            raise error
        await exchange.send(client.problem(error), last=True)
        return
    if not exchange.started:
        await exchange.start(200, [*client.headers, *answer_headers(record)])
    await exchange.send(tail, last=True)


def _finished(served: Served, climbed: Climbed, *, first_content_seconds: float | None) -> Record:
    machinery = served.state.machinery
    return finish_record(
        served.record,
        climbed,
        seconds=machinery.clock() - served.receipt.received,
        first_content_seconds=first_content_seconds,
    )


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


def _problem(served: Served, climbed: Climbed) -> UnavailableError | CallerError:
    step = climbed.step
    assert not isinstance(step, Deliver)
    kind = problem_of(step)
    retry_after_seconds = step.failure.retry_after_seconds if step.failure is not None else None
    if kind == "context_length":
        return _too_long(served.plan)
    fault = CallerError if kind in CALLERS_FAULT else UnavailableError
    return fault(kind, _message(step), retry_after_seconds=retry_after_seconds)


def _too_long(plan: Plan) -> CallerError:
    """What upstreams would not hold, in the words by which agents know that they have to shorten it."""
    windows = [window for rung in plan.rungs if (window := rung.deployment.model.capabilities.window)]
    if not windows:
        return CallerError("context_length", "prompt is too long for every model that may take it")
    # the provider counted more than its window, whatever we estimate
    tokens = max(plan.facts.size.upper, max(windows) + 1)
    return CallerError("context_length", f"prompt is too long: {tokens} tokens > {max(windows)} maximum")


def _message(step: GiveUp) -> str:
    if step.failure is None or step.failure.message == step.message:
        return step.message
    return f"{step.message}: {step.failure.message}"
