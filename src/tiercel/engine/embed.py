"""The climb of an embeddings request: the ladder's own steps, one call at a time. Nothing is decided here."""

import asyncio

import msgspec

from tiercel.domain.climb import Attempt, Call, Conditions, Deliver, GiveUp, Plan, Start
from tiercel.domain.embedding import EmbeddingRequest, Embeddings
from tiercel.domain.record import AttemptRecord
from tiercel.engine.allowance import NONE, Allowance, reserve_for, unaffordable
from tiercel.engine.attempt import Finding, Machinery
from tiercel.engine.climb import GONE, Climbed
from tiercel.engine.errand import Occasion, embedding_errand
from tiercel.ladder.step import next_step


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
        """One attempt: wait where the ladder says so, call, write down."""
        rung = self._plan.rungs[call.rung]
        if self._allowance is not None:
            reserve_for(self._allowance, self._plan, call)
        if call.why in ("retry", "fallback"):
            self._machinery.health.spend_retry()
        if call.delay_seconds > 0:
            await asyncio.sleep(call.delay_seconds)
        errand = embedding_errand(self._machinery, self._request, call, rung, self._occasion())
        try:
            finding = await errand.run()
        except asyncio.CancelledError:
            self._settle(errand.stopped(GONE))
            raise
        self._embeddings = errand.found
        self._settle(finding)

    def _occasion(self) -> Occasion:
        """Nothing is thought about here, so a whole answer has the time that elsewhere the first token has."""
        limits = self._plan.limits
        seconds = min(limits.first_token_seconds, limits.deadline_seconds - self._elapsed)
        return Occasion(received=self._received, seconds=max(0.001, seconds))

    def _settle(self, finding: Finding) -> None:
        self._attempts.append(finding.attempt)
        self._records.append(finding.record)
        if self._allowance is not None:
            self._allowance.settle(finding.record)
