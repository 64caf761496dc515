"""The review of an answer: before it is delivered, a stronger model looks at it once, or in several rounds.

1. What the ladder would deliver, passed, is reviewed where it is text alone that came to its own end, and never by the
   model that gave it. One review at a time, and no more than the rule has rounds.
2. A reviewer that approves has the answer delivered as it is.
3. What it wrote in place of the answer must pass the same gates, but for those that call models. With one round it is
   then delivered; with more it must be approved in a later round, by a model that is shown it like any answer.
4. In every other case the original is delivered, and the reason says why: the reviewer may not be called, failed, was
   late, said nothing valid, or was still not content in the last round.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from tiercel.domain.climb import Attempt, Call, Conditions, Deliver, Plan, Start, Step
from tiercel.domain.policy import Review
from tiercel.ladder.gates import missed_gate


def with_review(plan: Plan, attempts: Sequence[Attempt], conditions: Conditions, step: Step) -> Step:
    """The step in place of the one that the ladder wants to take, where the plan has a review."""
    review = plan.review
    if review is None or not isinstance(step, Deliver) or not step.passed:
        return step
    original = next(attempt for attempt in attempts if attempt.call.number == step.attempt)
    if not original.is_text:
        return step
    reviews = [attempt for attempt in attempts if attempt.call.why == "review"]
    if not reviews:
        return _asked(plan, attempts, conditions, original, step)
    last = reviews[-1]
    left_seconds = plan.limits.deadline_seconds - conditions.elapsed_seconds
    if last.state == "in_flight":
        return Start(wake_after_seconds=max(0.001, left_seconds))
    stands = _why_it_stands(plan, last)
    if stands is not None:
        return _unreviewed(step, stands)
    if last.review == "approve":
        return _approved(last, step)
    return _improved(plan, review, attempts, conditions, step)


def _why_it_stands(plan: Plan, last: Attempt) -> str | None:
    """Why nothing came of this review; `None` where it approved, or wrote something that may go out."""
    if last.failure is not None:
        late = last.failure.kind == "cancelled"
        return "the reviewer was late" if late else f"the reviewer did not answer ({last.failure.kind})"
    if last.review is None:
        return "the reviewer said nothing valid"
    missed = missed_gate(plan, last) if last.review == "improve" else None
    return None if missed is None else f"what the reviewer wrote missed {missed[0].check}"


def _approved(last: Attempt, step: Deliver) -> Deliver:
    if last.call.about == step.attempt:
        return replace(step, reason=f"{step.reason}; approved by the reviewer")
    assert last.call.about is not None, "every review is about an answer"
    return replace(step, attempt=last.call.about, reason="improved by the reviewer, and approved")


def _improved(
    plan: Plan, review: Review, attempts: Sequence[Attempt], conditions: Conditions, step: Deliver
) -> Step:
    """What the reviewer wrote: delivered, or looked at once more."""
    reviews = [attempt for attempt in attempts if attempt.call.why == "review"]
    last = reviews[-1]
    if review.rounds == 1:
        return replace(step, attempt=last.call.number, reason="improved by the reviewer")
    if len(reviews) < review.rounds:
        return _asked(plan, attempts, conditions, last, step)
    return _unreviewed(step, f"the reviewer was not content after {review.rounds} rounds")


def _asked(
    plan: Plan, attempts: Sequence[Attempt], conditions: Conditions, answer: Attempt, step: Deliver
) -> Step:
    """Have this answer reviewed; where that may not be, the original is delivered."""
    index = plan.aside_of("review")
    if index is None:
        return _unreviewed(step, "nobody may review it here")
    rung = plan.rung_at(index)
    cap = plan.limits.max_cost_nano
    dear = cap is not None and conditions.spent_nano + (rung.estimated_nano or 0) > cap
    original = next(attempt for attempt in attempts if attempt.call.number == step.attempt)
    if rung.deployment.model.name == plan.rung_at(original.call.rung).deployment.model.name:
        return _unreviewed(step, "the reviewer would review its own answer")
    if rung.deployment.name in conditions.resting:
        return _unreviewed(step, "the reviewer failed too often a moment ago")
    if dear or index in conditions.unaffordable:
        return _unreviewed(step, "no money is left for the reviewer")
    left_seconds = plan.limits.deadline_seconds - conditions.elapsed_seconds
    if left_seconds <= 0:
        return _unreviewed(step, "no time is left for the reviewer")
    call = Call(number=len(attempts) + 1, rung=index, why="review", about=answer.call.number)
    return Start(calls=(call,), wake_after_seconds=left_seconds)


def _unreviewed(step: Deliver, why: str) -> Deliver:
    return replace(step, reason=f"{step.reason}; {why}, so the answer stands")
