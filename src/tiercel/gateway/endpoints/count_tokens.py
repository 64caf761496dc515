"""How many tokens a request has: asked of the provider that would answer it, else estimated, upwards."""

from tiercel.domain.catalog import Target
from tiercel.domain.climb import Plan
from tiercel.domain.errors import CallerError, UpstreamDataError
from tiercel.domain.facts import Facts
from tiercel.domain.failure import Failure
from tiercel.domain.keys import AccessKey
from tiercel.domain.request import ModelRequest
from tiercel.engine.origins import maker_of
from tiercel.gateway.exchange import JSON, Exchange
from tiercel.gateway.hints import take_hints
from tiercel.gateway.runtime import Runtime, State
from tiercel.gateway.surfaces import Counting
from tiercel.wire.provenance import without_foreign_seals
from tiercel.wire.registry import COUNTERS

COUNT_SECONDS = 10.0
ESTIMATED = (b"x-tiercel-estimated", b"true")


async def count_tokens(runtime: Runtime, exchange: Exchange, how: Counting) -> None:
    """Answer with a count. Nothing is generated and no record is kept.

    The estimate is rounded up: agents shorten their conversation by it, and one too low would leave them stuck.
    """
    state = runtime.state
    key = exchange.caller
    entered = runtime.access.quotas.enter(key)
    try:
        body = await exchange.body(state.settings.listener.max_body_bytes)
        request, hints = take_hints(how.decode(body), exchange)
        facts = runtime.facts(state, request, hints, key)
        plan = _plan(runtime, state, request, facts, key)
        exchange.ends_with_client = True
        counted = await _asked(state, request, plan) if plan is not None else None
    finally:
        exchange.ends_with_client = False
        entered.leave()
    if counted is None:
        await exchange.answer(200, [JSON, ESTIMATED], how.encode(facts.size.upper))
    else:
        await exchange.answer(200, [JSON], how.encode(counted))


def _plan(runtime: Runtime, state: State, request: ModelRequest, facts: Facts, key: AccessKey) -> Plan | None:
    """Who would answer; `None` for what is too long for everybody, which can still be counted."""
    try:
        return runtime.plan(state, request, facts, key)
    except CallerError as error:
        if error.kind == "context_length":
            return None
        raise


async def _asked(state: State, request: ModelRequest, plan: Plan) -> int | None:
    """The first rung's own count, `None` where it cannot say."""
    rung = plan.first
    counter = COUNTERS.get(rung.deployment.provider.format)
    if counter is None:
        return None
    target = Target(deployment=rung.deployment, effort=rung.effort)
    maker = maker_of(rung.deployment)
    readable, _ = without_foreign_seals(
        request, maker, state.machinery.origins.of_seal
    )  # as it would be sent
    call = counter.encode_count_request(readable, target)
    answer = await state.machinery.upstream.ask(rung.deployment.provider, call, seconds=COUNT_SECONDS)
    if isinstance(answer, Failure):
        return None
    try:
        return counter.decode_count(answer)
    except UpstreamDataError:
        return None
