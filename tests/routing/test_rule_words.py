"""A rule in words: what it asks for, what answers must reach, and which modes hold."""

import pytest

from tiercel.domain.policy import ITSELF, Gate, Hold, Policy, Review, Rule, Stall, When
from tiercel.routing.rule_words import gate_words, mode_words, when_words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (When(), []),
        (When(task=("coding", "gui"), risk=("high",)), ["task coding or gui", "risk high"]),
        (When(strict_json=True, tools=False), ["JSON demanded", "without tools"]),
        (When(strict_json=False, tools=True), ["no JSON demanded", "with tools"]),
        (When(min_tokens=900_000), ["900,000 tokens or more"]),
        (When(max_tokens=1_000), ["1,000 tokens at most"]),
    ],
)
def test_conditions(when: When, words: list[str]) -> None:
    assert list(when_words(when)) == words


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (Gate(check="finished"), "finished at least 1"),
        (Gate(check="json_schema", re_ask=1), "json_schema at least 1, asks once more before going up"),
        (Gate(check="form", re_ask=2), "form at least 1, asks 2 times more before going up"),
        (Gate(check="agreement", at_least=0.5, ask=("a", "b")), "agreement at least 0.5, asks a and b"),
        (
            Gate(check="confidence", ask=(ITSELF,)),
            "confidence at least 1, asks the model about its own answer",
        ),
        (Gate(check="agreement", embed="e"), "agreement at least 1, has e embed texts"),
    ],
)
def test_gates(gate: Gate, words: str) -> None:
    assert gate_words(gate) == words


def names(rule: Rule, policy: Policy) -> dict[str, str]:
    return dict(mode_words(rule, policy))


PLAIN = Rule(name="plain", ladder=("fast",))


def test_a_plain_rule_has_no_modes() -> None:
    assert names(PLAIN, Policy()) == {}


def test_what_the_policy_says_holds_where_the_rule_is_silent() -> None:
    policy = Policy(
        hedge=True, sticky="cache", hold=Hold(mode="none"), stall=Stall(repeats=3, failures=0, asked_again=2)
    )
    found = names(PLAIN, policy)
    assert found.keys() == {"hedge", "sticky", "hold", "stall"}
    assert found["stall"] == (
        "begins a stage higher after 3 same calls with the same results or 2 times the same question"
    )
    own = Rule(
        name="own",
        ladder=("fast",),
        hedge=False,
        sticky="tool_loop",
        hold=Hold(),
        stall=Stall(repeats=0, failures=0, asked_again=0),
    )
    assert names(own, policy) == {}


def test_several_rounds_of_a_review_are_said() -> None:
    rule = Rule(name="drafts", ladder=("fast",), review=Review(by="deep", rounds=2))
    assert names(rule, Policy())["review"].endswith(", up to 2 times")
