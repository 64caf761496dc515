"""The climb: ask the ladder for the next step, do it, ask again. Nothing is decided here."""

import asyncio
from collections.abc import Iterable
from functools import partial

import msgspec

from tiercel.checks.run import AskFor
from tiercel.domain.climb import Attempt, Call, Cancel, Conditions, Deliver, GiveUp, Plan, Rung, Start, Step
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Hold
from tiercel.domain.record import AttemptRecord
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.engine.advisor import Advising
from tiercel.engine.allowance import NONE, Allowance, covers_advice, reserve_for, unaffordable
from tiercel.engine.asides import compare_opinions
from tiercel.engine.asking import Asker, Runner
from tiercel.engine.attempt import AttemptRunner, Finding, Machinery
from tiercel.engine.delivery import Delivery
from tiercel.engine.review import ReviewRunner, accounted
from tiercel.ladder.step import next_step, sure_step

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
        self.machinery = machinery
        if plan.hold.mode != "auto" and (delivery is None or plan.review is not None):
            plan = msgspec.structs.replace(plan, hold=Hold())  # nothing streams that could be held
        self.plan = plan
        self.received = received
        self._request = request
        self._delivery = delivery
        self._allowance = allowance
        self._attempts: list[Attempt] = []
        """In the order of their numbers, which count from 1."""
        self._findings: dict[int, Finding] = {}
        self._runners: dict[int, Runner] = {}
        self._flying: dict[int, asyncio.Task[Finding]] = {}
        self._commit: asyncio.Future[None] | None = None
        self._slow_after: dict[str, float] = {}
        self._advising: Advising | None = None

    async def run(self) -> Climbed:
        """Climb to the end. Cancelling it stops every call in flight."""
        self.machinery.health.note_request()
        if self.plan.hedges:
            self._prepare_hedging()
        alone: Runner | None = None
        try:
            while True:
                if self.plan.asks:
                    await self._compare_opinions()
                step: Step = sure_step(self.plan, self._attempts) or next_step(
                    self.plan, self._attempts, self._conditions()
                )
                match step:
                    case Start(calls=(call,)) if not (self._flying or self.plan.hedges):
                        # right here: a task of its own costs more than all that the ladder decides, and the call's own
                        # limits end it at the deadline; where it may be hedged it cannot
                        alone = self._prepare(call)
                        self._settle(await alone.run())
                    case Start():
                        await self._start(step)
                    case Cancel():
                        await self._cancel(step)
                    case Deliver() | GiveUp():
                        return self._climbed(step)
        except asyncio.CancelledError:
            if alone is not None and alone.call.number not in self._findings:
                self._settle(alone.stopped(GONE))
            raise
        finally:
            if self._flying:
                await self._stop(tuple(self._flying), GONE)
            self._advising = None  # it points back here

    def rung_of(self, number: int) -> Rung:
        """The rung of attempt `number`, which has begun."""
        return self.plan.rung_at(self._runners[number].call.rung)

    def lost_by(self, number: int) -> tuple[str, ...]:
        """What the rung of attempt `number`, which has begun, cannot carry, as far as it is known."""
        return self._runners[number].lost

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        """The attempts that have ended, in order."""
        return tuple([self._findings[number].record for number in sorted(self._findings)])

    @property
    def next_number(self) -> int:
        """The number of the call that is made next."""
        return len(self._attempts) + 1

    def _conditions(self) -> Conditions:
        """What the world looks like. Before the first call nothing was spent, and there is nothing to retry."""
        machinery, allowance = self.machinery, self._allowance
        health = machinery.health
        now = Conditions(
            elapsed_seconds=machinery.clock() - self.received,
            resting=health.resting(),
            slow_after_seconds=self._slow_after,
            hedge_tokens=health.hedge_tokens if self.plan.hedges else 0.0,
            unaffordable=NONE if allowance is None else unaffordable(self.plan, self._attempts, allowance),
        )
        if not self._attempts:
            return now
        return msgspec.structs.replace(
            now,
            spent_nano=sum([finding.record.cost_nano or 0 for finding in self._findings.values()]),
            retry_tokens=health.retry_tokens,
            draw=machinery.draw(),
            committed=self._delivery.committed if self._delivery is not None else None,
        )

    def conditions_beside(self) -> Conditions:
        """What the world looks like to a check: calls whose cost is not known yet, such as the very one whose answer is
        measured, count as paid for."""
        conditions = self._conditions()
        flying = [attempt.call.rung for attempt in self._attempts if attempt.state == "in_flight"]
        nano = sum(self.plan.rung_at(index).estimated_nano or 0 for index in flying)
        return msgspec.structs.replace(conditions, spent_nano=conditions.spent_nano + nano)

    def _prepare_hedging(self) -> None:
        """Take the measured times, which hold for this climb, and hear of the moment when a stream commits."""
        names = [rung.deployment.name for rung in self.plan.rungs]
        self._slow_after = self.machinery.health.slow_after_seconds(names, whole=self._comes_whole)
        if self._delivery is not None:
            self._commit = asyncio.get_running_loop().create_future()
            self._delivery.on_commit = partial(self._commit.set_result, None)

    @property
    def _comes_whole(self) -> bool:
        """Whether nothing of an answer reaches the client before its end."""
        return self._delivery is None or self.plan.holds

    async def _start(self, step: Start) -> None:
        """Make these calls side by side with those in flight, and wait for a change."""
        for runner in [self._prepare(call) for call in step.calls]:
            name = f"attempt-{runner.call.number}"
            self._flying[runner.call.number] = asyncio.create_task(runner.run(), name=name)
        waiting: list[asyncio.Future[Finding] | asyncio.Future[None]] = [*self._flying.values()]
        if self._commit is not None and not self._commit.done():
            waiting.append(self._commit)
        done, _ = await asyncio.wait(
            waiting, timeout=step.wake_after_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for number in [n for n, task in self._flying.items() if task in done]:
            self._settle(self._flying.pop(number).result())

    def _prepare(self, call: Call) -> Runner:
        """Everything for this call but making it."""
        if call.why in ("retry", "fallback"):
            self.machinery.health.spend_retry()
        elif call.why == "hedge":
            self.machinery.health.spend_hedge()
        ask_for = partial(self._asker, self.plan.rung_at(call.rung)) if self.plan.asks else None
        runner = None if ask_for is None else self._second_model(call, ask_for)
        if runner is None:
            runner = AttemptRunner(
                self.machinery,
                self._request,
                self.plan,
                call,
                delivery=self._delivery,
                received=self.received,
                previous_text=None if call.corrects is None else self._answer_of(call.corrects).text,
                ask_for=ask_for,
            )
        self._register(runner)
        return runner

    def _second_model(self, call: Call, ask_for: AskFor) -> Runner | None:
        """Who makes a call in which a review or an advisor plays a part."""
        if call.why == "review":
            return ReviewRunner(self, self._request, call, self._answer_of(call.about))
        if self.plan.advisor is None or not covers_advice(self._allowance, self.plan, call):
            return None
        if self._advising is None:
            self._advising = Advising(self, self._request, self._delivery)
        return self._advising.runner(call, self._attempts, ask_for)

    def _answer_of(self, number: int | None) -> ModelResponse:
        assert number is not None, "such a call is about an answer"
        answer = self._findings[number].response
        assert answer is not None, "an answer that was given"
        return answer

    def _register(self, runner: Runner) -> None:
        call = runner.call
        if self._allowance is not None:
            reserve_for(self._allowance, self.plan, call)
        began_seconds = self.machinery.clock() - self.received + call.delay_seconds
        self._attempts.append(Attempt(call=call, began_seconds=began_seconds))
        self._runners[call.number] = runner

    async def _compare_opinions(self) -> None:
        finding = await compare_opinions(
            self.machinery, self.plan, self._request, self._attempts, self._findings, self._asker
        )
        if finding is not None:
            number = finding.attempt.call.number
            self._attempts[number - 1] = finding.attempt
            self._findings[number] = finding

    def _asker(self, answered: Rung, place: int) -> Asker:
        return Asker(self, place, answered)

    async def call_beside(self, runner: Runner) -> Finding:
        """Make a call that a check wants made, as one more attempt."""
        self._register(runner)
        try:
            finding = await runner.run()
        except asyncio.CancelledError:
            self._settle(runner.stopped(GONE))
            raise
        self._settle(finding)
        return finding

    def _settle(self, finding: Finding) -> None:
        """A call has ended."""
        attempt = finding.attempt
        number = attempt.call.number
        if self.plan.asks:
            elapsed_seconds = self.machinery.clock() - self.received
            attempt = msgspec.structs.replace(attempt, ended_seconds=elapsed_seconds)
        self._findings[number] = finding
        self._attempts[number - 1] = attempt
        if self._allowance is not None:
            self._allowance.settle(finding.record)

    async def _cancel(self, step: Cancel) -> None:
        if self.machinery.clock() - self.received >= self.plan.limits.deadline_seconds:
            await self._stop(step.calls, Failure(kind="timeout", message="the request's deadline passed"))
            return
        await self._stop(step.calls, Failure(kind="cancelled", message="its answer was not needed any more"))
        for record in [self._findings[number].record for number in step.calls]:
            if record.state == "cancelled":
                self.machinery.health.outrun(record.deployment, record.seconds, whole=self._comes_whole)

    async def _stop(self, numbers: Iterable[int], failure: Failure) -> None:
        stopping = {number: self._flying.pop(number) for number in numbers}
        for task in stopping.values():
            task.cancel()
        if stopping:
            await asyncio.wait(stopping.values())
        for number, task in stopping.items():
            ended = not task.cancelled() and task.exception() is None
            self._settle(task.result() if ended else self._runners[number].stopped(failure))

    def _climbed(self, step: Deliver | GiveUp) -> Climbed:
        records = self.records
        if self.plan.review is not None:
            records = accounted(self._attempts, records, step)
        if isinstance(step, GiveUp):
            return Climbed(step=step, attempts=records)
        finding = self._findings[step.attempt]
        if finding.response is not None:
            self.machinery.origins.note(finding.response, finding.record)
        return Climbed(
            step=step, attempts=records, response=finding.response, refused=finding.attempt.refused
        )
