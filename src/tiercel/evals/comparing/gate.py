"""What an assessment means to a pipeline that wants one word."""

from typing import Literal

from tiercel.evals.comparing.assessment import Assessment

FailOn = Literal["worse", "undecided", "never"]
"""What fails a gate: a candidate that is worse or broke a guardrail; that, or one that cannot be told; nothing."""

Outcome = Literal["passed", "failed", "undecided", "unanswered"]


def outcome(assessment: Assessment, fail_on: FailOn) -> Outcome:
    """The worst that holds of any candidate. "unanswered" is a run of which no answer came: nobody was measured."""
    if not any(model.answered for model in assessment.models):
        return "unanswered"
    if fail_on == "never":
        return "passed"
    states = {
        *(contender.verdict for contender in assessment.contenders),
        *(rail.state for rails in assessment.bounded.values() for rail in rails),
    }
    if states & {"worse", "broken"}:
        return "failed"
    if "cannot tell" in states:
        return "failed" if fail_on == "undecided" else "undecided"
    return "passed"
