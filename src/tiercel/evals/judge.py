"""One answer against its task's gates, by the very checks that judge live answers; and the suite against itself."""

import msgspec

from tiercel.checks.check import Subject
from tiercel.checks.run import Checks, run_checks
from tiercel.domain.errors import ConfigError
from tiercel.domain.request import Text
from tiercel.domain.response import Choice, Finish, ModelResponse
from tiercel.evals.suite import Suite, Task


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an answer passed every gate. `score` is that of the gate it met worst, 0 to 1; `reason` names each gate
    that was missed, or what was repaired before it passed. `unmeasured` says why a check could not do its work; then
    the rest means nothing."""

    passed: bool
    score: float
    reason: str = ""
    unmeasured: str | None = None


async def judge(task: Task, response: ModelResponse, checks: Checks) -> Judged:
    """Measure the answer. What the checks would wave through unread, a refusal say, is no answer to a known task."""
    for choice in response.choices:
        silent = Subject(request=task.request, choice=choice).nothing_to_read
        if silent is not None:
            return Judged(passed=False, score=0.0, reason=f"no text to read: {silent}")
    checked = await run_checks(task.gates, task.request, response, registry=checks)
    errors = [f"{verdict.check}: {verdict.error}" for verdict in checked.verdicts if verdict.error]
    if errors:
        return Judged(passed=False, score=0.0, unmeasured="; ".join(errors))
    pairs = list(zip(task.gates, checked.verdicts, strict=True))
    missed = [
        f"{verdict.check}: {verdict.reason}" for gate, verdict in pairs if verdict.score < gate.at_least
    ]
    repairs = [repair for verdict in checked.verdicts for repair in verdict.repairs]
    return Judged(
        passed=not missed,
        score=min(verdict.score for verdict in checked.verdicts),
        reason="; ".join(missed) or (f"repaired: {', '.join(repairs)}" if repairs else ""),
    )


async def prove(suite: Suite, checks: Checks) -> None:
    """Raises `ConfigError` where a suite contradicts itself: a target that misses a gate, a wrong answer that passes
    all of them, a check that cannot measure. It costs nothing, and would else be found out after the models were paid.
    """
    problems: list[str] = []
    for task in suite.tasks:
        place = f"{suite.source}: [tasks.{task.name}]"
        right = await judge(task, _said(task.target or task.prompt), checks)
        if right.unmeasured is not None:
            problems.append(f"{place} gates: {right.unmeasured}; give the task what the check needs")
            continue
        if task.target is not None and not right.passed:
            problems.append(f"{place} target: misses its own gates ({right.reason}); correct one of them")
        if task.wrong is not None and (await judge(task, _said(task.wrong), checks)).passed:
            problems.append(f"{place} wrong: passes every gate; make the gates stricter")
    if problems:
        raise ConfigError(*problems)


def _said(text: str) -> ModelResponse:
    return ModelResponse(choices=(Choice(parts=(Text(text=text),), finish=Finish(reason="stop")),))
