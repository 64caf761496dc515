"""A copy of a request for a candidate, after the live answer has gone: called, checked, written down beside it.

One call, and one more after a failure that may pass. Nothing is hedged, and no other model takes over. The retries are
not those that live requests share.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from tiercel.domain.climb import Attempt, Call, Plan, Verdict
from tiercel.domain.failure import Failure, FailureKind
from tiercel.domain.record import AttemptRecord, Block, PairedAnswer, Record
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.engine.allowance import Allowance, reserve_for
from tiercel.engine.attempt import AttemptRunner, Finding, Machinery
from tiercel.ladder.backoff import MAX_ASKED_SECONDS, backoff_seconds
from tiercel.ladder.gates import missed_gate
from tiercel.ladder.reactions import REACTIONS
from tiercel.routing.cost import most_nano

FIRST = Call(number=1, rung=0, why="shadow")
STOPPED = Failure(kind="cancelled", message="the gateway was stopped")


class Copy:
    """One copy. `run` it once; `attempts` and `answer` tell what happened, also after cancelling it."""

    def __init__(self, machinery: Machinery, request: ModelRequest, plan: Plan, allowance: Allowance) -> None:
        self._machinery = machinery
        self._request = request
        self._plan = plan
        self._allowance = allowance
        self._began = machinery.clock()
        self._findings: list[Finding] = []

    async def run(self) -> None:
        """Call, and once more where that may help and is covered."""
        await self._call(FIRST)
        again = self._again(self._findings[0])
        if again is not None and self._may(again):
            await self._call(again)

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """The calls that were made."""
        return tuple(finding.record for finding in self._findings)

    @property
    def response(self) -> ModelResponse | None:
        """The answer, if there is one."""
        last = self._findings[-1]
        return last.response if last.attempt.state == "answered" else None

    def answer(self, said: Block | None) -> PairedAnswer:
        """What came of it. `said` is the answer as it is kept."""
        last = self._findings[-1]
        record = last.record
        known = all(one.cost_nano is not None for one in self.attempts if one.usage is not None)
        answered = last.attempt.state == "answered"
        measured = _measured(self._plan, last.attempt.verdicts)
        return PairedAnswer(
            rung=record.rung if answered else "",
            model=record.model if answered else "",
            passed=answered and not last.attempt.refused and measured.passed,
            score=measured.score,
            worst=measured.worst,
            failure=None if last.attempt.failure is None else last.attempt.failure.kind,
            finish=record.finish_reason,
            seconds=record.began_seconds + record.seconds,
            ttft_seconds=None if record.ttft_seconds is None else record.began_seconds + record.ttft_seconds,
            cost_nano=sum(one.cost_nano or 0 for one in self.attempts) if known else None,
            output_tokens=None if record.usage is None else record.usage.output,
            said=said,
        )

    async def _call(self, call: Call) -> None:
        runner = AttemptRunner(
            self._machinery, self._request, self._plan, call, delivery=None, received=self._began
        )
        reserve_for(self._allowance, self._plan, call)
        try:
            finding = await runner.run()
        except asyncio.CancelledError:
            self._settle(runner.stopped(STOPPED))
            raise
        self._settle(finding)

    def _settle(self, finding: Finding) -> None:
        self._findings.append(finding)
        self._allowance.settle(finding.record)

    def _again(self, finding: Finding) -> Call | None:
        """The one more call that the ladder would make as well, with nobody else left on it."""
        failure = finding.attempt.failure
        if failure is None:
            return None
        reaction = REACTIONS[failure.kind]
        asked_seconds = failure.retry_after_seconds or 0.0
        if reaction.retry == "never" or asked_seconds > MAX_ASKED_SECONDS:
            return None
        delay_seconds = max(asked_seconds, backoff_seconds(0, self._machinery.draw()))
        return Call(
            number=2,
            rung=0,
            why="retry",
            delay_seconds=0.0 if reaction.changes_the_call else delay_seconds,
            output_boost=reaction.boost,
            unsealed=reaction.unseals,
        )

    def _may(self, call: Call) -> bool:
        """Whether it is paid for, and the deployment does not rest by now."""
        rung = self._plan.rungs[0]
        nano = most_nano(rung, self._plan.facts, boost=call.output_boost, answers_shown=1)
        if nano is None or not self._allowance.covers(nano):
            return False
        return not self._machinery.health.resting((rung.deployment.name,))


def live_answer(record: Record, plan: Plan, copied: Plan, said: Block | None) -> PairedAnswer:
    """The live side: what the client got, all calls of its climb together. `plan` is its own, `copied` the copy's."""
    answer = record.answer
    verdicts = () if answer is None else _local(plan, answer.verdicts)
    measured = _measured(copied, verdicts)
    # an answer that no check of its own has measured, such as a reviewer's, is as good as its climb ended
    passed = measured.passed if verdicts else record.outcome == "passed"
    return PairedAnswer(
        rung="" if answer is None else answer.rung,
        model="" if answer is None else answer.model,
        passed=answer is not None and record.outcome != "refused" and passed,
        score=measured.score,
        worst=measured.worst,
        failure=_failure_of(record),
        finish=None if answer is None else answer.finish_reason,
        seconds=record.seconds,
        ttft_seconds=record.ttft_seconds,
        cost_nano=record.cost_nano if record.cost_known else None,
        output_tokens=None if answer is None or answer.usage is None else answer.usage.output,
        said=said,
    )


class _Measured(NamedTuple):
    """What the checks say of one answer; see `PairedAnswer`."""

    passed: bool
    score: float | None
    worst: str | None


def _measured(plan: Plan, verdicts: Sequence[Verdict]) -> _Measured:
    told = [verdict for verdict in verdicts if verdict.error is None]
    lowest = min(told, key=lambda verdict: verdict.score, default=None)
    missed = missed_gate(plan, Attempt(call=FIRST, state="answered", verdicts=tuple(verdicts)))
    worst = missed[0].check if missed is not None else None if lowest is None else lowest.check
    return _Measured(missed is None, None if lowest is None else lowest.score, worst)


def _local(plan: Plan, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Those of gates that call no model, which alone measure a copy too. Verdicts stand in the order of the gates."""
    left = list(verdicts)
    kept: list[Verdict] = []
    for gate in plan.gates:
        if left and left[0].check == gate.check:
            verdict = left.pop(0)
            if not gate.calls_models:
                kept.append(verdict)
    return tuple(kept)


def _failure_of(record: Record) -> FailureKind | None:
    """Why nobody answered, where nobody did."""
    if record.delivered is not None:
        return None
    return next((one.failure.kind for one in reversed(record.attempts) if one.failure is not None), None)
