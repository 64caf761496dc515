"""What a client is told when a climb ended without an answer."""

from tiercel.domain.climb import Deliver, GiveUp, Plan
from tiercel.domain.errors import CallerError, ProblemKind, UnavailableError
from tiercel.engine.account import problem_of

CALLERS_FAULT: frozenset[ProblemKind] = frozenset(
    ("invalid_request", "context_length", "content_policy", "no_rung")
)


def unanswered(step: Deliver | GiveUp, plan: Plan) -> UnavailableError | CallerError:
    """The problem that a climb's last step is, given that it delivers nothing."""
    assert isinstance(step, GiveUp)
    kind = problem_of(step)
    retry_after_seconds = step.failure.retry_after_seconds if step.failure is not None else None
    if kind == "context_length":
        return _too_long(plan)
    fault = CallerError if kind in CALLERS_FAULT else UnavailableError
    return fault(kind, _message(step), retry_after_seconds=retry_after_seconds)


def _too_long(plan: Plan) -> CallerError:
    """What upstreams would not hold, in the words by which agents know that they have to shorten it."""
    windows = [window for rung in plan.rungs if (window := rung.deployment.model.capabilities.window)]
    if not windows:
        return CallerError("context_length", "prompt is too long for every model that may take it")
    # the provider counted more than its window, whatever we estimate
    tokens = max(plan.facts.size.upper, max(windows) + 1)
    return CallerError("context_length", f"prompt is too long: {tokens} tokens > {max(windows)} maximum")


def _message(step: GiveUp) -> str:
    if step.failure is None or step.failure.message == step.message:
        return step.message
    return f"{step.message}: {step.failure.message}"
