"""The climb: ask the ladder for the next step, do it, ask again. Nothing is decided here."""

import asyncio
from collections.abc import Iterable

import msgspec

from tiercel.domain.climb import Attempt, Call, Cancel, Conditions, Deliver, GiveUp, Plan, Rung, Start
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.engine.attempt import AttemptRunner, Finding, Machinery
from tiercel.engine.delivery import Delivery
from tiercel.ladder.step import next_step

GONE = Failure(kind="cancelled", message="stopped before its end")


class Climbed(msgspec.Struct, frozen=True, kw_only=True):
    """How a climb ended: the last step, every attempt, and the answer where one is delivered."""

    step: Deliver | GiveUp
    attempts: tuple[AttemptRecord, ...] = ()
    response: ModelResponse | None = None
    refused: bool = False


class Climb:
    """One request's passage up its ladder. `run` it once; `records` tells what happened, also after cancelling it."""

    def __init__(
        self,
        machinery: Machinery,
        request: ModelRequest,
        plan: Plan,
        *,
        received: float,
        delivery: Delivery | None = None,
    ) -> None:
        self._machinery = machinery
        self._request = request
        self._plan = plan
        self._received = received
        self._delivery = delivery
        self._rung_names = [rung.deployment.name for rung in plan.rungs]
        self._attempts: dict[int, Attempt] = {}
        self._findings: dict[int, Finding] = {}
        self._runners: dict[int, AttemptRunner] = {}
        self._flying: dict[int, asyncio.Task[Finding]] = {}

    async def run(self) -> Climbed:
        """Climb to the end. Cancelling it stops every call in flight."""
        self._machinery.health.note_request()
        try:
            while True:
                step = next_step(self._plan, list(self._attempts.values()), self._conditions())
                match step:
                    case Start():
                        await self._start(step)
                    case Cancel():
                        await self._stop(step.calls, self._stop_reason())
                    case Deliver() | GiveUp():
                        return self._climbed(step)
        finally:
            if self._flying:
                await self._stop(tuple(self._flying), GONE)

    def rung_of(self, number: int) -> Rung | None:
        """The rung of attempt `number`."""
        attempt = self._attempts.get(number)
        return self._plan.rungs[attempt.call.rung] if attempt is not None else None

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        """The attempts that have ended, in order."""
        return tuple(self._findings[number].record for number in sorted(self._findings))

    def _conditions(self) -> Conditions:
        health = self._machinery.health
        return Conditions(
            elapsed_seconds=self._machinery.clock() - self._received,
            spent_nano=sum(finding.record.cost_nano or 0 for finding in self._findings.values()),
            resting=health.resting(self._rung_names),
            retry_tokens=health.retry_tokens,
            draw=self._machinery.draw(),
            committed=self._delivery.committed if self._delivery is not None else None,
        )

    async def _start(self, step: Start) -> None:
        """Make these calls and wait for a change. One call alone runs right here: a task of its own costs more than
        all that the ladder decides, and its own limits end it at the deadline."""
        runners = [self._prepare(call) for call in step.calls]
        if len(runners) == 1 and not self._flying:
            await self._run_alone(runners[0])
            return
        for runner in runners:
            name = f"attempt-{runner.call.number}"
            self._flying[runner.call.number] = asyncio.create_task(runner.run(), name=name)
        done, _ = await asyncio.wait(
            self._flying.values(), timeout=step.wake_after_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for number in [n for n, task in self._flying.items() if task in done]:
            self._settle(number, self._flying.pop(number).result())

    def _prepare(self, call: Call) -> AttemptRunner:
        if call.why in ("retry", "fallback"):
            self._machinery.health.spend_retry()
        runner = AttemptRunner(
            self._machinery,
            self._request,
            self._plan,
            call,
            delivery=self._delivery,
            received=self._received,
            previous_text=self._text_of(call.corrects),
        )
        self._attempts[call.number] = Attempt(call=call)
        self._runners[call.number] = runner
        return runner

    async def _run_alone(self, runner: AttemptRunner) -> None:
        try:
            finding = await runner.run()
        except asyncio.CancelledError:
            self._settle(runner.call.number, runner.stopped(GONE))
            raise
        self._settle(runner.call.number, finding)

    def _text_of(self, number: int | None) -> str | None:
        finding = self._findings.get(number) if number is not None else None
        return finding.response.text if finding is not None and finding.response is not None else None

    def _settle(self, number: int, finding: Finding) -> None:
        self._findings[number] = finding
        self._attempts[number] = finding.attempt

    def _stop_reason(self) -> Failure:
        if self._machinery.clock() - self._received >= self._plan.limits.deadline_seconds:
            return Failure(kind="timeout", message="the request's deadline passed")
        return Failure(kind="cancelled", message="another answer was chosen")

    async def _stop(self, numbers: Iterable[int], failure: Failure) -> None:
        stopping = {number: self._flying.pop(number) for number in numbers}
        for task in stopping.values():
            task.cancel()
        if stopping:
            await asyncio.wait(stopping.values())
        for number, task in stopping.items():
            ended = not task.cancelled() and task.exception() is None
            self._settle(number, task.result() if ended else self._runners[number].stopped(failure))

    def _climbed(self, step: Deliver | GiveUp) -> Climbed:
        finding = self._findings.get(step.attempt) if isinstance(step, Deliver) else None
        return Climbed(
            step=step,
            attempts=self.records,
            response=finding.response if finding is not None else None,
            refused=finding is not None and finding.attempt.refused,
        )
