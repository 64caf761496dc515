"""One call whose answer no model speaks: embeddings, decisions. Called, timed, read and written down like any other."""

import asyncio
from collections.abc import Callable
from typing import Generic, Literal, NamedTuple, TypeVar

from msgspec.structs import replace

from tiercel.domain.catalog import Prices
from tiercel.domain.climb import Attempt, Call, Rung
from tiercel.domain.embedding import EmbeddingRequest, Embeddings
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord
from tiercel.domain.response import Usage
from tiercel.domain.tokens import estimate_tokens
from tiercel.engine.attempt import Finding, Machinery
from tiercel.routing.cost import embedding_prices
from tiercel.upstream.auth import credential_of
from tiercel.upstream.call import CallResult
from tiercel.upstream.failures import classify_exception
from tiercel.upstream.usage import believable
from tiercel.wire.codec import EncodedCall
from tiercel.wire.decisions import Decision, decode_decision, encode_decision
from tiercel.wire.embeddings import decode_embeddings, encode_embeddings, estimated_usage

INLINE_BYTES = 250_000
"""A longer answer is read in a thread: a million numbers would keep every other request waiting."""

T = TypeVar("T")


class Occasion(NamedTuple):
    """The clock's reading at the request's receipt, how many seconds the call may take in all, and the check for which
    it is made, if it is made for one."""

    received: float
    seconds: float
    asked_by: str | None = None


class Errand(Generic[T]):
    """Runs one such call. `read` gives what its answer holds, and the usage that the provider counted; `estimated` is
    what is taken to be used where it counted none. `found` is there once it was answered."""

    def __init__(
        self,
        machinery: Machinery,
        call: Call,
        rung: Rung,
        encoded: EncodedCall,
        *,
        read: Callable[[bytes], tuple[T, Usage | None]],
        estimated: Usage,
        prices: Prices,
        occasion: Occasion,
    ) -> None:
        self.call = call
        self.lost = encoded.lost
        self.found: T | None = None
        self._machinery = machinery
        self._rung = rung
        self._encoded = encoded
        self._read = read
        self._estimated = estimated
        self._prices = prices
        self._occasion = occasion
        self._began = machinery.clock()

    async def run(self) -> Finding:
        """Make the call. Cancelling it closes the connection; see `stopped`."""
        provider = self._rung.deployment.provider
        self._began = self._machinery.clock()
        self._machinery.health.began(self._rung.deployment.name)
        body = await self._machinery.upstream.ask(provider, self._encoded, seconds=self._occasion.seconds)
        if isinstance(body, Failure):
            return self._ended(body)
        try:
            self.found, counted = await self._held(body)
        except UpstreamDataError as error:
            return self._ended(classify_exception(error, credential=credential_of(provider)))
        return self._ended(None, believable(counted) or self._estimated)

    def stopped(self, failure: Failure) -> Finding:
        """What is known of a call that was cancelled: it was sent its input, and may be billed for it."""
        return self._ended(failure, replace(self._estimated, source="partial"), cancelled=True)

    async def _held(self, body: bytes) -> tuple[T, Usage | None]:
        return await asyncio.to_thread(self._read, body) if len(body) > INLINE_BYTES else self._read(body)

    def _ended(
        self, failure: Failure | None, usage: Usage | None = None, *, cancelled: bool = False
    ) -> Finding:
        seconds = self._machinery.clock() - self._began
        deployment = self._rung.deployment
        self._machinery.health.observe(deployment.name, CallResult(failure=failure, seconds=seconds))
        answered: Literal["answered", "failed"] = "answered" if failure is None else "failed"
        record = AttemptRecord(
            number=self.call.number,
            why=self.call.why,
            rung=self._rung.name,
            deployment=deployment.name,
            provider=deployment.provider.name,
            model=deployment.model.name,
            state="cancelled" if cancelled else answered,
            failure=failure,
            began_seconds=self._began - self._occasion.received,
            seconds=seconds,
            usage=usage,
            cost_nano=None if usage is None else self._prices.cost(usage),
            lost=self.lost,
            asked_by=self._occasion.asked_by,
            simulated=deployment.provider.simulated,
        )
        attempt = Attempt(call=self.call, state=answered, failure=failure)
        return Finding(attempt=attempt, record=record)


def embedding_errand(
    machinery: Machinery, request: EmbeddingRequest, call: Call, rung: Rung, occasion: Occasion
) -> Errand[Embeddings]:
    """The call that embeds what is asked. Raises `CallerError` where this deployment's API cannot take it."""
    deployment = rung.deployment
    estimated = estimated_usage(request)

    def read(body: bytes) -> tuple[Embeddings, Usage | None]:
        embeddings = decode_embeddings(body, deployment, request.count)
        return replace(embeddings, usage=believable(embeddings.usage) or estimated), embeddings.usage

    return Errand(
        machinery,
        call,
        rung,
        encode_embeddings(request, deployment),
        read=read,
        estimated=estimated,
        prices=embedding_prices(deployment),
        occasion=occasion,
    )


def decision_errand(
    machinery: Machinery, question: tuple[str, str], call: Call, rung: Rung, occasion: Occasion
) -> Errand[Decision]:
    """The call that asks how likely it is that a statement is true of a text, which `question` has in this order."""
    statement, about = question

    def read(body: bytes) -> tuple[Decision, Usage | None]:
        decision = decode_decision(body)
        return decision, decision.usage

    return Errand(
        machinery,
        call,
        rung,
        encode_decision(rung.deployment, statement, about),
        read=read,
        estimated=Usage(uncached=estimate_tokens(statement) + estimate_tokens(about), source="estimated"),
        prices=rung.deployment.billing,
        occasion=occasion,
    )
