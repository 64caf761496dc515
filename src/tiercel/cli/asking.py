"""A gateway of one's own to ask through: on loopback, with its records in a folder that is thrown away afterwards.

So it runs beside a server that holds the data folder, and known tasks do not mix with the measurements of your traffic.
"""

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from tiercel.domain.catalog import Deployment, Model, Provider, Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.events import Broken, Fold, ReasoningDelta, StreamEvent, is_content
from tiercel.domain.policy import Limits, Policy
from tiercel.domain.record import Record
from tiercel.domain.settings import Listener, Settings, Storage
from tiercel.evals.asked import AskAndEmbed, Asked
from tiercel.gateway.app import RunningGateway, running
from tiercel.upstream.connection import HttpLimits
from tiercel.upstream.errors import HttpError
from tiercel.upstream.http import HttpClient, Prepared
from tiercel.upstream.response import HttpResponse
from tiercel.wire.embeddings import decode_embeddings
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
async def asking(
    settings: Settings, policy: Policy, *, gates: bool = True, helped: bool = False
) -> AsyncIterator[AskAndEmbed]:
    """What asks models through a gateway of this configuration.

    Whoever is named answers alone: the policy holds, but for what would hide how a model does. No call is retried (with
    a larger budget, say) or hedged, and what misses a gate is delivered all the same; without `gates` nothing is
    checked at all, so that no stream is held back and no answer repaired. With `helped` a second gateway,
    with the policy as it is, serves those that are to be asked with all its help.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tiercel-asking-")))
        client = HttpClient(environ={})
        policy = _without_copies(policy)
        lonely = _without_help(policy if gates else _without_gates(policy))
        alone = await _opened(stack, settings, lonely, folder / "alone", client)
        whole = await _opened(stack, settings, policy, folder / "helped", client) if helped else alone

        stack.push_async_callback(client.aclose)  # before the gateways, which wait for open connections
        yield _Doors(alone, whole)


class _Doors:
    """The gateways: of those that answer alone, and of those that are helped."""

    def __init__(self, alone: "_Door", whole: "_Door") -> None:
        self._alone = alone
        self._whole = whole

    async def __call__(self, body: bytes, *, helped: bool = False) -> Asked:
        return await (self._whole if helped else self._alone).ask(body)

    async def embed(self, body: bytes) -> Asked:
        return await self._alone.embed(body)


async def _opened(
    stack: AsyncExitStack, settings: Settings, policy: Policy, folder: Path, client: HttpClient
) -> "_Door":
    settings = msgspec.structs.replace(
        settings, listener=Listener(port=0), storage=Storage(folder=str(folder), is_thrown_away=True)
    )
    every = (policy.limits, *(rule.limits for rule in policy.rules if rule.limits is not None))
    longest = max(limits.deadline_seconds for limits in every) + PATIENCE_SECONDS
    limits = HttpLimits(first_byte_seconds=longest, idle_seconds=longest, deadline_seconds=longest)
    gateway = await stack.enter_async_context(running(settings, policy))
    return _Door(gateway, client, limits)


def _without_copies(policy: Policy) -> Policy:
    """Known tasks are no traffic: no candidate is tried on copies of them."""
    rules = tuple(msgspec.structs.replace(rule, shadow=None) for rule in policy.rules)
    return msgspec.structs.replace(policy, rules=rules)


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


def _without_gates(policy: Policy) -> Policy:
    rules = tuple(
        msgspec.structs.replace(rule, gates=None, review=None, advisor=None) for rule in policy.rules
    )
    return msgspec.structs.replace(policy, rules=rules, gates=())


def _once(limits: Limits) -> Limits:
    return msgspec.structs.replace(limits, retries=0)


class _Door:
    """One gateway, asked over HTTP as any client would."""

    def __init__(self, gateway: RunningGateway, client: HttpClient, limits: HttpLimits) -> None:
        self._gateway = gateway
        self._client = client
        self._limits = limits
        self._answers = self._prepared("chat/completions")
        self._vectors = self._prepared("embeddings")

    async def ask(self, body: bytes) -> Asked:
        return await self._asked(self._answers, body, self._answer)

    async def embed(self, body: bytes) -> Asked:
        return await self._asked(self._vectors, body, self._embedded)

    def _prepared(self, path: str) -> Prepared:
        url = f"{self._gateway.base_url}/v1/{path}"
        return self._client.prepare("POST", url, [("content-type", "application/json")], proxy="")

    async def _asked(self, prepared: Prepared, body: bytes, read: "_Read") -> Asked:
        """What comes back, as `read` takes it, with its record and its times."""
        listener = _Listener()
        try:
            response = await self._client.send(prepared, body, self._limits)
        except HttpError as error:
            return Asked(problem=f"the gateway did not answer: {error}")
        try:
            asked = await (read(response, listener) if response.status == 200 else self._refused(response))
        except HttpError as error:
            asked = Asked(problem=f"the gateway broke off: {error}")
        except UpstreamDataError as error:
            asked = Asked(problem=str(error))
        finally:
            response.close()
        record_id = response.fields.get(b"x-tiercel-record", b"").decode("latin-1")
        return msgspec.structs.replace(
            asked,
            record=self._find(record_id),
            seconds=listener.elapsed(),
            ttft_seconds=listener.ttft_seconds,
            ttfa_seconds=listener.ttfa_seconds,
        )

    async def _refused(self, response: HttpResponse) -> Asked:
        """What the gateway says in place of an answer. Raises `HttpError` where it breaks off."""
        facts = CODECS["openai_chat"].decode_error(response.status, {}, await response.read(MAX_BYTES))
        wait = response.fields.get(b"retry-after", b"").decode("latin-1")
        return Asked(
            problem=facts.message or "an error that cannot be read",
            retry_after_seconds=float(wait) if wait.isdecimal() else None,
        )

    async def _answer(self, response: HttpResponse, listener: "_Listener") -> Asked:
        """What this answer says. Raises `HttpError` where it breaks off, `UpstreamDataError` where it is no answer."""
        codec = CODECS["openai_chat"]
        if b"event-stream" not in response.fields.get(b"content-type", b""):
            return Asked(response=codec.decode_response(await response.read(MAX_BYTES), GATEWAY))
        decoder = codec.stream_decoder(GATEWAY)
        async for data in response:
            listener.hear(decoder.feed(data))
        listener.hear(decoder.close())
        if listener.broken is not None:
            return Asked(problem=listener.broken.failure.message)
        return Asked(response=listener.fold.response())

    async def _embedded(self, response: HttpResponse, _: "_Listener") -> Asked:
        """The vectors of this answer. Raises as above."""
        embeddings = decode_embeddings(await response.read(MAX_BYTES), GATEWAY.deployment)
        return Asked(vectors=embeddings.vectors)

    def _find(self, record_id: str) -> Record | None:
        """At once: the record of what was answered just now is in memory."""
        return self._gateway.recorder.find(record_id) if record_id else None


class _Listener:
    """Adds up a stream, and notes when its first tokens came: seconds since this was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.fold = Fold()
        self.broken: Broken | None = None
        self.ttft_seconds: float | None = None
        self.ttfa_seconds: float | None = None

    def elapsed(self) -> float:
        return time.perf_counter() - self._began

    def hear(self, events: Sequence[StreamEvent]) -> None:
        for event in events:
            self.fold.add(event)
            if isinstance(event, Broken):
                self.broken = event
            if self.ttfa_seconds is None and is_content(event):
                self.ttfa_seconds = self.elapsed()
                self.ttft_seconds = self.ttft_seconds or self.ttfa_seconds
            elif self.ttft_seconds is None and isinstance(event, ReasoningDelta) and event.text:
                self.ttft_seconds = self.elapsed()


_Read = Callable[[HttpResponse, _Listener], Awaitable[Asked]]
