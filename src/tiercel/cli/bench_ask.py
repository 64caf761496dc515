"""A gateway of the benchmark's own: on loopback, with its records in a folder that is thrown away afterwards.

So it runs beside a server that holds the data folder, and known tasks do not mix with the measurements of your traffic.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from tiercel.domain.catalog import Deployment, Model, Provider, Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.policy import Limits, Policy
from tiercel.domain.record import Record
from tiercel.domain.settings import Listener, Settings, Storage
from tiercel.evals.run_suite import Ask, Asked
from tiercel.gateway.app import RunningGateway, running
from tiercel.upstream.connection import HttpLimits
from tiercel.upstream.errors import HttpError
from tiercel.upstream.http import HttpClient
from tiercel.wire.registry import CODECS

MAX_BYTES = 8_000_000
PATIENCE_SECONDS = 30.0
"""How much longer than the gateway's own deadline we wait for it."""

GATEWAY = Target(
    deployment=Deployment(
        name="gateway",
        model=Model(name="gateway"),
        provider=Provider(name="gateway", format="openai_chat", base_url=""),
        upstream_name="gateway",
    )
)
"""Who answers us, as the codec wants to know it."""


@asynccontextmanager
async def asking(settings: Settings, policy: Policy) -> AsyncIterator[Ask]:
    """What asks models through a gateway of this configuration.

    The policy holds, but for what would hide how a model does: one that was named answers alone, no call is retried
    (with a larger budget, say) or hedged, and what misses a gate is delivered all the same.
    """
    policy = _without_help(policy)
    every = (policy.limits, *(rule.limits for rule in policy.rules if rule.limits is not None))
    longest = max(limits.deadline_seconds for limits in every) + PATIENCE_SECONDS
    limits = HttpLimits(first_byte_seconds=longest, idle_seconds=longest, deadline_seconds=longest)
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as folder:
        settings = msgspec.structs.replace(
            settings, listener=Listener(port=0), storage=Storage(folder=folder)
        )
        async with running(settings, policy) as gateway:
            client = HttpClient(environ={})

            async def ask(body: bytes) -> Asked:
                return await _ask(gateway, client, limits, body)

            try:
                yield ask
            finally:
                await client.aclose()


def _without_help(policy: Policy) -> Policy:
    rules = tuple(
        msgspec.structs.replace(rule, limits=None if rule.limits is None else _once(rule.limits), hedge=False)
        for rule in policy.rules
    )
    return msgspec.structs.replace(
        policy,
        rules=rules,
        limits=_once(policy.limits),
        concrete_fallback=False,
        hedge=False,
        on_exhausted="deliver",
    )


def _once(limits: Limits) -> Limits:
    return msgspec.structs.replace(limits, retries=0)


async def _ask(gateway: RunningGateway, client: HttpClient, limits: HttpLimits, body: bytes) -> Asked:
    url = f"{gateway.base_url}/v1/chat/completions"
    headers = [("content-type", "application/json")]
    try:
        response = await client.request("POST", url, headers, body, limits, proxy="")
        record_id = response.headers.get("x-tiercel-record", "")
        raw = await response.read(MAX_BYTES)
    except HttpError as error:
        return Asked(problem=f"the gateway did not answer: {error}")
    record = await _find(gateway, record_id)
    if response.status != 200:
        return Asked(record=record, problem=_problem(raw))
    try:
        return Asked(response=CODECS["openai_chat"].decode_response(raw, GATEWAY), record=record)
    except UpstreamDataError as error:
        return Asked(record=record, problem=str(error))


async def _find(gateway: RunningGateway, record_id: str) -> Record | None:
    return await asyncio.to_thread(gateway.recorder.find, record_id) if record_id else None


def _problem(raw: bytes) -> str:
    facts = CODECS["openai_chat"].decode_error(500, {}, raw)
    return facts.message or "an error that cannot be read"
