"""The demo's tasks, sent through `model="auto"`: what each was taken for, where it went and why, and what it cost."""

from collections.abc import Callable, Sequence

import msgspec

from tiercel.cli.demo_client import DemoClient, Reply, in_parallel
from tiercel.domain.climb import Verdict
from tiercel.domain.money import usd_from_nano
from tiercel.domain.record import AttemptRecord, Record
from tiercel.gateway.app import RunningGateway
from tiercel.testing.tasks import DemoTask

AT_ONCE = 4

Advance = Callable[[], None]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One task, what came back, and its record."""

    task: DemoTask
    reply: Reply
    record: Record | None
    right: bool | None

    @property
    def surprise(self) -> str | None:
        """What did not go as it should have, in words."""
        if self.record is None:
            return "no record of it was kept"
        if self.task.outcome == "refused":
            return "was answered although no deployment may serve it" if self.reply.answered else None
        return None if self.reply.answered else f"status {self.reply.status}: {self.reply.problem}"


async def send_tasks(
    gateway: RunningGateway, client: DemoClient, tasks: Sequence[DemoTask], advance: Advance
) -> list[Outcome]:
    """Send all tasks, a few at once, and say of each answer whether it was accepted."""
    outcomes: dict[str, Outcome] = {}

    async def send(task: DemoTask) -> None:
        reply = await client.ask(task.body(), task.hints)
        right = task.grade(reply.text, reply.calls) if reply.answered else None
        if right is not None:
            await client.judge(reply.record_id, "accepted" if right else "rejected")
        record = gateway.recorder.find(reply.record_id) if reply.record_id else None
        outcomes[task.name] = Outcome(task=task, reply=reply, record=record, right=right)
        advance()

    await in_parallel(AT_ONCE, send, tasks)
    return [outcomes[task.name] for task in tasks]


def outcome_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Two lines for each task: what it was taken for and what came of it, then the climb."""
    lines: list[str] = []
    for outcome in outcomes:
        lines += _lines_of(outcome)
    return lines


def _lines_of(outcome: Outcome) -> list[str]:
    record = outcome.record
    if record is None:
        return [f"{outcome.task.name:<22} {outcome.surprise}"]
    how = "stated" if "task" in record.stated else "inferred"
    cost = f"${usd_from_nano(record.cost_nano):.6f}" if record.cost_known else "cost unknown"
    head = (
        f"{outcome.task.name:<22} {record.task}/{record.complexity} ({how}) by rule {record.rule or 'none'}: "
        f"{_came_of(outcome, record)}, {cost}"
    )
    if not record.attempts:
        return [head, f"{'':<22} {outcome.reply.problem or record.message or 'nobody was called'}"]
    return [head, *(f"{'':<22} {_step(attempt, record)}" for attempt in record.attempts)]


def _came_of(outcome: Outcome, record: Record) -> str:
    if outcome.task.outcome == "refused" and not outcome.reply.answered:
        return "refused, as it should be"
    words = {
        True: "right",
        False: "WRONG although it passed" if record.outcome == "passed" else "WRONG",
        None: "",
    }
    graded = words[outcome.right]
    return f"{record.outcome}, {graded}" if graded else record.outcome


def _step(attempt: AttemptRecord, record: Record) -> str:
    """One attempt: why it was made, by whom, and what the checks said."""
    head = f"{attempt.why.replace('_', '-')} {attempt.model}" + (
        f"@{attempt.effort}" if attempt.effort else ""
    )
    if attempt.failure is not None:
        return f"{head} failed ({attempt.failure.kind})"
    if attempt.state == "cancelled":
        return f"{head} cancelled"
    said = [_said(verdict, attempt.missed) for verdict in attempt.verdicts]
    elected = " (elected and delivered)" if _was_elected(attempt, record) else ""
    repaired = f" after repair ({', '.join(attempt.repairs)})" if attempt.repairs else ""
    noted = "; ".join(attempt.notes)
    if not said and noted:
        return f"{head}: {noted}"
    noted = f" [{noted}]" if noted else ""
    return f"{head}: {', '.join(said) or 'no check'}{repaired}{noted}{elected}"


def _was_elected(attempt: AttemptRecord, record: Record) -> bool:
    return attempt.why == "opinion" and attempt.number == record.delivered


def _said(verdict: Verdict, missed: str | None) -> str:
    if verdict.error is not None:
        return f"{verdict.check} could not check ({verdict.error})"
    if verdict.check == missed:
        return f"{verdict.check} MISSED ({verdict.reason})"
    return (
        f"{verdict.check} ok"
        if verdict.score >= 1.0
        else f"{verdict.check} {verdict.score:g} ({verdict.reason})"
    )
