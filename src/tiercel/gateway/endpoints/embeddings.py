"""POST /v1/embeddings, and Gemini's own calls: texts in, vectors out, from whichever deployment of the named model
answers."""

import asyncio
from functools import partial

from tiercel.domain.embedding import EmbeddingRequest, Embeddings
from tiercel.domain.errors import ProblemError
from tiercel.domain.record import Record
from tiercel.engine.account import Receipt, abandoned_record, finish_record, start_record
from tiercel.engine.embed import EmbeddingClimb
from tiercel.gateway.endpoints.answer_headers import answer_lines
from tiercel.gateway.endpoints.unanswered import unanswered
from tiercel.gateway.exchange import JSON_LINE, Exchange
from tiercel.gateway.hints import hints_of
from tiercel.gateway.runtime import Runtime, State
from tiercel.gateway.surfaces import Embedding
from tiercel.routing.allowed import within
from tiercel.routing.embedding_plan import embedding_facts, make_embedding_plan, most_embedding_nano
from tiercel.wire.embeddings import embeddings_refusal

FORMAT = "embeddings"
"""What records call these requests, whoever asked and was asked: so they can be told from those that generate."""
INLINE_NUMBERS = 25_000
"""More are written in a thread, as other requests would have to wait."""


async def embed(runtime: Runtime, exchange: Exchange, how: Embedding) -> None:
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
            partial(_embed, runtime, exchange, how, receipt, body),
        )
    finally:
        entered.leave()


async def _embed(runtime: Runtime, exchange: Exchange, how: Embedding, receipt: Receipt, body: bytes) -> None:
    state = runtime.state
    request = how.decode(body)
    try:
        facts = embedding_facts(request, hints_of(exchange), residency_default=state.policy.residency_default)
        plan = make_embedding_plan(request, facts, state.policy, state.settings.catalog, embeddings_refusal)
        plan, grant = await runtime.access.grant(
            receipt.key,
            within(plan, receipt.key.allowed),
            most_embedding_nano,
        )
    except ProblemError as error:
        rejected = start_record(receipt, format=FORMAT, model=request.model)
        runtime.record_rejection(state, receipt, rejected, error)
        exchange.recorded = True
        raise
    record = start_record(receipt, plan, format=FORMAT, model=request.model)
    climb = EmbeddingClimb(state.machinery, request, plan, received=receipt.received, allowance=grant)
    try:
        runtime.record_start(state, record, plan)
        exchange.recorded = True
        exchange.unfinished = record
        exchange.ends_with_client = True
        embedded = await climb.run()
    except asyncio.CancelledError:
        _abandon(runtime, exchange, state, receipt, record, climb)
        raise
    finally:
        exchange.ends_with_client = False
        if grant is not None:
            grant.close()
    seconds = state.machinery.clock() - receipt.received
    record = finish_record(record, embedded.climbed, seconds=seconds, first_content_seconds=None)
    runtime.record_end(record)
    if embedded.embeddings is None:
        raise unanswered(embedded.climbed.step, plan, state.machinery.health)
    answer = record.answer
    model = answer.model if answer else request.model
    written = await _written(how, embedded.embeddings, request, model)
    await exchange.answer(200, JSON_LINE + answer_lines(record), written)


async def _written(how: Embedding, embeddings: Embeddings, request: EmbeddingRequest, model: str) -> bytes:
    if sum(map(len, embeddings.vectors)) > INLINE_NUMBERS:
        return await asyncio.to_thread(how.encode, embeddings, request, model)
    return how.encode(embeddings, request, model)


def _abandon(
    runtime: Runtime,
    exchange: Exchange,
    state: State,
    receipt: Receipt,
    record: Record,
    climb: EmbeddingClimb,
) -> None:
    """The client left, or the server is being stopped: keep what the calls cost so far."""
    runtime.record_end(
        abandoned_record(
            record,
            climb.records,
            seconds=state.machinery.clock() - receipt.received,
            message="the client closed the connection" if exchange.client_left else "the gateway was stopped",
        )
    )
