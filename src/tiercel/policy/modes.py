"""The ways in which a rule uses a second model, review and advisor: from their tables, and what contradicts them."""

from tiercel.domain.policy import Advisor, Review
from tiercel.policy.policy_tables import AdvisorTable, ReviewTable, RuleTable
from tiercel.policy.problems import Problems, Steps


def review_of(table: ReviewTable | None) -> Review | None:
    """The review that a rule names."""
    if table is None:
        return None
    return Review(by=table.by, rounds=table.rounds, wait_seconds=table.wait_seconds)


def advisor_of(table: AdvisorTable | None) -> Advisor | None:
    """The advisor that a rule names."""
    if table is None:
        return None
    return Advisor(
        by=table.by, max_uses=table.max_uses, max_tokens=table.max_tokens, wait_seconds=table.wait_seconds
    )


def find_mode_contradictions(rule: RuleTable, path: Steps, problems: Problems) -> None:
    """What a rule says beside its review or advisor that cannot hold together with it."""
    if rule.review is not None and rule.hold not in (None, "auto", "all"):
        fix = "a review sees the whole answer before any of it goes out; remove 'hold' or 'review'"
        problems.add((*path, "hold"), fix, rule.hold)
    if rule.advisor is not None and rule.hedge:
        fix = "a model that asks for advice has no rival beside it; remove 'hedge' or 'advisor'"
        problems.add((*path, "hedge"), fix, "true")
