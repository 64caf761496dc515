"""The climb: ask the ladder for the next step, do it, ask again. Nothing is decided here."""

import asyncio
from collections.abc import Iterable
from functools import partial

import msgspec

from tiercel.checks.check import Question, Reply
from tiercel.domain.climb import Attempt, Call, Cancel, Conditions, Deliver, GiveUp, Plan, Rung, Start
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.engine.allowance import NONE, Allowance, reserve_for, unaffordable
from tiercel.engine.asides import compare_opinions, judge_of, question_request, reply_of
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
        allowance: Allowance | None = None,
    ) -> None:
        self._machinery = machinery
        self._request = request
        self._plan = plan
        self._received = received
        self._delivery = delivery
        self._allowance = allowance
        self._rung_names = [rung.deployment.name for rung in plan.rungs]
        self._attempts: dict[int, Attempt] = {}
        self._findings: dict[int, Finding] = {}
        self._runners: dict[int, AttemptRunner] = {}
        self._flying: dict[int, asyncio.Task[Finding]] = {}
        self._commit: asyncio.Future[None] | None = None
        self._slow_after: dict[str, float] = {}

    async def run(self) -> Climbed:
        """Climb to the end. Cancelling it stops every call in flight."""
        self._machinery.health.note_request()
        if self._plan.hedges:
            self._prepare_hedging()
        try:
            while True:
                if self._plan.asks:
                    await self._compare_opinions()
                step = next_step(self._plan, list(self._attempts.values()), self._conditions())
                match step:
                    case Start():
                        await self._start(step)
                    case Cancel():
                        await self._cancel(step)
                    case Deliver() | GiveUp():
                        return self._climbed(step)
        finally:
            if self._flying:
                await self._stop(tuple(self._flying), GONE)

    def rung_of(self, number: int) -> Rung | None:
        """The rung of attempt `number`."""
        attempt = self._attempts.get(number)
        return self._plan.rung_at(attempt.call.rung) if attempt is not None else None

    def lost_by(self, number: int) -> tuple[str, ...]:
        """What the rung of attempt `number` cannot carry, as far as it is known."""
        runner = self._runners.get(number)
        return runner.lost if runner is not None else ()

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
            slow_after_seconds=self._slow_after,
            hedge_tokens=health.hedge_tokens if self._plan.hedges else 0.0,
            unaffordable=self._unaffordable(),
        )

    def _unaffordable(self) -> frozenset[int]:
        if self._allowance is None:
            return NONE
        return unaffordable(self._plan, list(self._attempts.values()), self._allowance)

    def _prepare_hedging(self) -> None:
        """Take the measured times, which hold for this climb, and hear of the moment when a stream commits."""
        self._slow_after = self._machinery.health.slow_after_seconds(
            self._rung_names, whole=self._comes_whole
        )
        if self._delivery is not None:
            self._commit = asyncio.get_running_loop().create_future()
            self._delivery.on_commit = partial(self._commit.set_result, None)

    @property
    def _comes_whole(self) -> bool:
        """Whether nothing of an answer reaches the client before its end."""
        return self._delivery is None or self._plan.holds

    async def _start(self, step: Start) -> None:
        """Make these calls and wait for a change. One call alone runs right here: a task of its own costs more than
        all that the ladder decides, and its own limits end it at the deadline. Where it may be hedged it cannot."""
        runners = [self._prepare(call) for call in step.calls]
        if len(runners) == 1 and not self._flying and not self._plan.hedges:
            await self._run_alone(runners[0])
            return
        for runner in runners:
            name = f"attempt-{runner.call.number}"
            self._flying[runner.call.number] = asyncio.create_task(runner.run(), name=name)
        waiting: list[asyncio.Future[Finding] | asyncio.Future[None]] = [*self._flying.values()]
        if self._commit is not None and not self._commit.done():
            waiting.append(self._commit)
        done, _ = await asyncio.wait(
            waiting, timeout=step.wake_after_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for number in [n for n, task in self._flying.items() if task in done]:
            self._settle(number, self._flying.pop(number).result())

    def _prepare(self, call: Call, question: ModelRequest | None = None) -> AttemptRunner:
        """Everything for this call but making it. `question` is asked in place of the request, and not checked."""
        if call.why in ("retry", "fallback"):
            self._machinery.health.spend_retry()
        elif call.why == "hedge":
            self._machinery.health.spend_hedge()
        if self._allowance is not None:
            reserve_for(self._allowance, self._plan, call)
        rung = self._plan.rung_at(call.rung)
        runner = AttemptRunner(
            self._machinery,
            self._request if question is None else question,
            self._plan if question is None else msgspec.structs.replace(self._plan, gates=()),
            call,
            delivery=self._delivery if question is None else None,
            received=self._received,
            previous_text=self._text_of(call.corrects),
            ask_for=lambda place: partial(self._ask, place, rung.deployment.model.name),
        )
        began_seconds = self._machinery.clock() - self._received + call.delay_seconds
        self._attempts[call.number] = Attempt(call=call, began_seconds=began_seconds)
        self._runners[call.number] = runner
        return runner

    async def _run_alone(self, runner: AttemptRunner) -> None:
        try:
            finding = await runner.run()
        except asyncio.CancelledError:
            self._settle(runner.call.number, runner.stopped(GONE))
            raise
        self._settle(runner.call.number, finding)

    async def _compare_opinions(self) -> None:
        finding = await compare_opinions(
            self._machinery, self._plan, self._request, self._attempts, self._findings
        )
        if finding is not None:
            number = finding.attempt.call.number
            self._attempts[number] = finding.attempt
            self._findings[number] = finding

    async def _ask(self, place: int, answered_by: str, question: Question) -> Reply:
        """Have the gate at `place` ask its model. Raises `CheckError` where it gives no answer."""
        index = judge_of(self._plan, place, answered_by, self._conditions())
        call = Call(number=len(self._attempts) + 1, rung=index, why="judge")
        runner = self._prepare(call, question_request(question, self._request.model))
        await self._run_alone(runner)
        return reply_of(self._findings[call.number], self._plan.rung_at(index).deployment.model)

    def _text_of(self, number: int | None) -> str | None:
        finding = self._findings.get(number) if number is not None else None
        return finding.response.text if finding is not None and finding.response is not None else None

    def _settle(self, number: int, finding: Finding) -> None:
        self._findings[number] = finding
        self._attempts[number] = finding.attempt
        if self._plan.asks:
            elapsed_seconds = self._machinery.clock() - self._received
            self._attempts[number] = msgspec.structs.replace(finding.attempt, ended_seconds=elapsed_seconds)
        if self._allowance is not None:
            self._allowance.settle(finding.record)

    async def _cancel(self, step: Cancel) -> None:
        if self._machinery.clock() - self._received >= self._plan.limits.deadline_seconds:
            await self._stop(step.calls, Failure(kind="timeout", message="the request's deadline passed"))
            return
        await self._stop(step.calls, Failure(kind="cancelled", message="its answer was not needed any more"))
        for record in [self._findings[number].record for number in step.calls]:
            if record.state == "cancelled":
                self._machinery.health.outrun(record.deployment, record.seconds, whole=self._comes_whole)

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
        if finding is not None and finding.response is not None:
            rung = self._plan.rung_at(finding.attempt.call.rung)
            self._machinery.origins.note(finding.response, rung.deployment)
        return Climbed(
            step=step,
            attempts=self.records,
            response=finding.response if finding is not None else None,
            refused=finding is not None and finding.attempt.refused,
        )
