"""The climb of an embeddings request: the ladder's own steps, one call at a time. Nothing is decided here."""

import asyncio
from typing import Literal

import msgspec
from msgspec.structs import replace

from tiercel.domain.catalog import Deployment
from tiercel.domain.climb import Attempt, Call, Conditions, Deliver, GiveUp, Plan, Rung, Start
from tiercel.domain.embedding import EmbeddingRequest, Embeddings
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord
from tiercel.engine.allowance import NONE, Allowance, reserve_for, unaffordable
from tiercel.engine.attempt import Machinery
from tiercel.engine.climb import GONE, Climbed
from tiercel.ladder.step import next_step
from tiercel.routing.embedding_plan import embedding_prices
from tiercel.upstream.auth import credential_of
from tiercel.upstream.call import CallResult
from tiercel.upstream.failures import classify_exception
from tiercel.upstream.usage import believable
from tiercel.wire.codec import EncodedCall
from tiercel.wire.embeddings import decode_embeddings, encode_embeddings, estimated_usage

INLINE_BYTES = 250_000
"""A longer answer is read in a thread: a million numbers would keep every other request waiting."""


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """How the climb ended; `embeddings` are the vectors where it delivers, with the usage counted or estimated."""

    climbed: Climbed
    embeddings: Embeddings | None = None


class EmbeddingClimb:
    """One embeddings request's passage over the deployments of its model. `run` it once.

    The plan has no gates and no hedges, so that the ladder has never more than one call in flight.
    """

    def __init__(
        self,
        machinery: Machinery,
        request: EmbeddingRequest,
        plan: Plan,
        *,
        received: float,
        allowance: Allowance | None = None,
    ) -> None:
        self._machinery = machinery
        self._request = request
        self._plan = plan
        self._received = received
        self._allowance = allowance
        self._rung_names = [rung.deployment.name for rung in plan.rungs]
        self._attempts: list[Attempt] = []
        self._records: list[AttemptRecord] = []
        self._embeddings: Embeddings | None = None

    async def run(self) -> Embedded:
        """Climb to the end. Cancelling it closes the connection; `records` then has what was sent."""
        self._machinery.health.note_request()
        while True:
            step = next_step(self._plan, self._attempts, self._conditions())
            if isinstance(step, Deliver | GiveUp):
                climbed = Climbed(step=step, attempts=self.records)
                return Embedded(climbed=climbed, embeddings=self._embeddings)
            assert isinstance(step, Start), "nothing is in flight that could be cancelled"
            for call in step.calls:
                await self._make(call)

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        """The attempts that have ended, in order."""
        return tuple(self._records)

    @property
    def _elapsed(self) -> float:
        return self._machinery.clock() - self._received

    def _conditions(self) -> Conditions:
        health = self._machinery.health
        return Conditions(
            elapsed_seconds=self._elapsed,
            spent_nano=sum(record.cost_nano or 0 for record in self._records),
            resting=health.resting(self._rung_names),
            retry_tokens=health.retry_tokens,
            draw=self._machinery.draw(),
            unaffordable=self._unaffordable(),
        )

    def _unaffordable(self) -> frozenset[int]:
        # nothing is asked again with more room, so what was called before does not matter
        return NONE if self._allowance is None else unaffordable(self._plan, (), self._allowance)

    async def _make(self, call: Call) -> None:
        """One attempt: wait where the ladder says so, call, read, write down."""
        health = self._machinery.health
        rung = self._plan.rungs[call.rung]
        if self._allowance is not None:
            reserve_for(self._allowance, self._plan, call)
        if call.why in ("retry", "fallback"):
            health.spend_retry()
        if call.delay_seconds > 0:
            await asyncio.sleep(call.delay_seconds)
        encoded = encode_embeddings(self._request, rung.deployment)
        began = self._elapsed
        health.began(rung.deployment.name)
        try:
            outcome = await self._ask(rung.deployment, encoded)
        except asyncio.CancelledError:
            self._settle(call, encoded, began, GONE)
            raise
        self._settle(call, encoded, began, outcome)

    async def _ask(self, deployment: Deployment, encoded: EncodedCall) -> Embeddings | Failure:
        """Nothing is thought about here, so a whole answer has the time that elsewhere the first token has."""
        limits = self._plan.limits
        seconds = max(0.001, min(limits.first_token_seconds, limits.deadline_seconds - self._elapsed))
        provider = deployment.provider
        body = await self._machinery.upstream.ask(provider, encoded, seconds=seconds)
        if isinstance(body, Failure):
            return body
        try:
            return await self._read(body, deployment)
        except UpstreamDataError as error:
            return classify_exception(error, credential=credential_of(provider))

    async def _read(self, body: bytes, deployment: Deployment) -> Embeddings:
        count = self._request.count
        if len(body) > INLINE_BYTES:
            embeddings = await asyncio.to_thread(decode_embeddings, body, deployment, count)
        else:
            embeddings = decode_embeddings(body, deployment, count)
        return replace(embeddings, usage=believable(embeddings.usage) or estimated_usage(self._request))

    def _settle(self, call: Call, encoded: EncodedCall, began: float, outcome: Embeddings | Failure) -> None:
        rung = self._plan.rungs[call.rung]
        seconds = self._elapsed - began
        if isinstance(outcome, Failure):
            record = self._record(call, rung, "cancelled" if outcome is GONE else "failed")
            # a stopped call was sent its input, and may be billed for it
            usage = replace(estimated_usage(self._request), source="partial") if outcome is GONE else None
            attempt = Attempt(call=call, state="failed", failure=outcome)
            failure = outcome
        else:
            self._embeddings = outcome
            record = self._record(call, rung, "answered")
            usage, failure = outcome.usage, None
            attempt = Attempt(call=call, state="answered")
        self._machinery.health.observe(rung.deployment.name, CallResult(failure=failure, seconds=seconds))
        self._attempts.append(attempt)
        self._records.append(
            replace(
                record,
                failure=failure,
                began_seconds=began,
                seconds=seconds,
                usage=usage,
                cost_nano=embedding_prices(rung.deployment).cost(usage) if usage is not None else None,
                lost=encoded.lost,
            )
        )
        if self._allowance is not None:
            self._allowance.settle(self._records[-1])

    @staticmethod
    def _record(call: Call, rung: Rung, state: Literal["answered", "failed", "cancelled"]) -> AttemptRecord:
        deployment = rung.deployment
        return AttemptRecord(
            number=call.number,
            why=call.why,
            rung=rung.name,
            deployment=deployment.name,
            provider=deployment.provider.name,
            model=deployment.model.name,
            state=state,
            simulated=deployment.provider.simulated,
        )
