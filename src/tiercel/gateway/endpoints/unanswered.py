"""What a client is told when a climb ended without an answer."""

from tiercel.domain.climb import Deliver, GiveUp, Plan
from tiercel.domain.errors import CallerError, ProblemKind, UnavailableError
from tiercel.engine.account import problem_of
from tiercel.upstream.health import COUNTED, MAX_REST_SECONDS, RATE_LIMIT_REST_SECONDS, Health

CALLERS_FAULT: frozenset[ProblemKind] = frozenset(
    ("invalid_request", "context_length", "content_policy", "no_rung")
)

PASSES_SOON: frozenset[ProblemKind] = frozenset(("rate_limit", "overloaded"))
"""Problems that time mends, whoever did not say how much of it."""


def unanswered(step: Deliver | GiveUp, plan: Plan, health: Health) -> UnavailableError | CallerError:
    """The problem that a climb's last step is, given that it delivers nothing."""
    assert isinstance(step, GiveUp)
    kind = problem_of(step)
    if kind == "context_length":
        return _too_long(plan)
    fault = CallerError if kind in CALLERS_FAULT else UnavailableError
    return fault(kind, _message(step), retry_after_seconds=_wait_seconds(step, kind, plan, health))


def _wait_seconds(step: GiveUp, kind: ProblemKind, plan: Plan, health: Health) -> float | None:
    """When the client may come back: what a provider asked for, else until the first of the ladder rests no more.

    Where nobody rests, an overload is taken to last as long as a rate limit that does not say. What opens breakers is
    worth asking again once the first of them has rested; what only a person puts right is told without a wait.
    """
    failure = step.failure
    if failure is not None and failure.retry_after_seconds is not None:
        return failure.retry_after_seconds
    rest_seconds = min(health.rest_seconds(rung.deployment.name for rung in plan.rungs), MAX_REST_SECONDS)
    if kind in PASSES_SOON:
        return rest_seconds or RATE_LIMIT_REST_SECONDS
    return rest_seconds or None if failure is not None and failure.kind in COUNTED else None


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
