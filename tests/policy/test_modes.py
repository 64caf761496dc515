"""Reviews and advisors in `policy.toml`: what is read, what is refused, and with which fix."""

import pytest

from tests.policy.build import MINIMAL_POLICY, policy_problems, settings
from tiercel.domain.policy import Advisor, Gate, Review
from tiercel.policy import cross_check, read_policy, shipped_policy

CATALOG = settings("[providers.openrouter]", {"OPENROUTER_API_KEY": "k"}).catalog


def rule(*lines: str) -> str:
    return MINIMAL_POLICY + '[[rules]]\nname = "hard"\nladder = ["fast"]\n' + "\n".join(lines) + "\n"


def no_problems(gate: Gate) -> list[str]:
    return []


def test_a_rule_names_who_reviews_and_who_advises() -> None:
    text = rule(
        'review = { by = "claude-opus-4-8@low", rounds = 2, wait_seconds = 30 }',
        'advisor = { by = "claude-opus-4-8", max_uses = 1, max_tokens = 500, wait_seconds = 9.5 }',
    )
    hard = read_policy(text).rules[1]
    assert hard.review == Review(by="claude-opus-4-8@low", rounds=2, wait_seconds=30.0)
    assert hard.advisor == Advisor(by="claude-opus-4-8", max_uses=1, max_tokens=500, wait_seconds=9.5)


def test_one_round_and_three_questions_where_nothing_is_said() -> None:
    text = rule('review = { by = "claude-opus-4-8" }', 'advisor = { by = "claude-opus-4-8" }')
    hard = read_policy(text).rules[1]
    assert hard.review is not None
    assert hard.advisor is not None
    assert (hard.review.rounds, hard.advisor.max_uses, hard.advisor.max_tokens) == (1, 3, 2_000)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("review = {}",), "review: 'by' is missing"),
        (('review = { by = "x", round = 2 }',), "review.round: no such key; did you mean 'rounds'?"),
        (('review = { by = "x", rounds = 0 }',), "review.rounds: 0 is too small; the least is 1"),
        (('review = { by = "x", rounds = 9 }',), "review.rounds: 9 is too large; the most is 5"),
        (('review = { by = "x@hihg" }',), "review.by 'x@hihg': no such effort; did you mean 'high'?"),
        (('advisor = { by = "x", max_uses = 0 }',), "advisor.max_uses: 0 is too small; the least is 1"),
        (('advisor = { by = "x", max_tokens = 5 }',), "advisor.max_tokens: 5 is too small; the least is 50"),
        (
            ('review = { by = "x" }', 'hold = "none"'),
            "hold 'none': a review sees the whole answer before any of it goes out; remove 'hold' or 'review'",
        ),
        (
            ('advisor = { by = "x" }', "hedge = true"),
            "hedge 'true': a model that asks for advice has no rival beside it; remove 'hedge' or 'advisor'",
        ),
    ],
)
def test_what_cannot_be_is_named_with_its_fix(lines: tuple[str, ...], problem: str) -> None:
    (found,) = policy_problems(rule(*lines))
    assert found.startswith("policy.toml: [rules.hard] ")
    assert problem in found


@pytest.mark.parametrize("mode", ["review", "advisor"])
def test_who_is_named_must_exist(mode: str) -> None:
    checked = cross_check(read_policy(rule(f'{mode} = {{ by = "claude-opus" }}')), CATALOG, no_problems)
    (problem,) = checked.problems
    assert f"[rules.hard] {mode}.by 'claude-opus': no such model or deployment; did you mean" in problem


@pytest.mark.parametrize("mode", ["review", "advisor"])
def test_who_is_alone_on_the_ladder_is_never_asked_about_itself(mode: str) -> None:
    checked = cross_check(read_policy(rule(f'{mode} = {{ by = "gemini-3.5-flash" }}')), CATALOG, no_problems)
    assert not checked.problems
    assert any("never asked about itself" in notice for notice in checked.notices)


def test_the_shipped_policy_reviews_drafts_and_gives_agents_an_advisor() -> None:
    policy = shipped_policy()
    reviewed = [rule.name for rule in policy.rules if rule.review is not None]
    advised = [rule.name for rule in policy.rules if rule.advisor is not None]
    assert (reviewed, advised) == (["risky-drafts", "polish"], ["agents"])
    assert not cross_check(policy, CATALOG, no_problems).problems
