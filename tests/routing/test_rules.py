"""Conditions hold or say why not; the first rule of which all hold is the one."""

from typing import Any

import pytest

from tests.routing.made import POLICY, facts
from tiercel.domain.facts import Facts
from tiercel.domain.policy import When
from tiercel.routing.rules import first_match, matches, mismatches


def test_no_condition_matches_anything() -> None:
    assert matches(When(), facts())


@pytest.mark.parametrize(
    ("when", "fields", "reason"),
    [
        ({"task": ("coding", "reasoning")}, {"task": "summary"}, "task is summary, not coding or reasoning"),
        ({"complexity": ("hard",)}, {"complexity": "simple"}, "complexity is simple, not hard"),
        ({"risk": ("high",)}, {"risk": "low"}, "risk is low, not high"),
        ({"latency": ("critical",)}, {"latency": "normal"}, "latency is normal, not critical"),
        ({"residency": ("local",)}, {"residency": "eu"}, "residency is eu, not local"),
        ({"residency": ("local",)}, {}, "residency is anywhere, not local"),
        ({"modality": ("video",)}, {"modalities": ("text", "image")}, "modality is text or image, not video"),
        ({"strict_json": True}, {}, "no JSON is demanded"),
        ({"strict_json": False}, {"strict_json": True}, "JSON is demanded"),
        ({"tools": True}, {}, "there are no tools"),
        ({"tools": False}, {"tools": True}, "there are tools"),
        ({"min_tokens": 5_000}, {}, "about 100 tokens are fewer than 5,000"),
        ({"max_tokens": 50}, {}, "about 100 tokens are more than 50"),
    ],
)
def test_a_condition_that_does_not_hold_says_so(
    when: dict[str, Any], fields: dict[str, Any], reason: str
) -> None:
    assert list(mismatches(When(**when), facts(**fields))) == [reason]


@pytest.mark.parametrize(
    ("when", "fields"),
    [
        ({"task": ("coding", "summary")}, {"task": "summary"}),
        ({"modality": ("video", "image")}, {"modalities": ("text", "image")}),
        ({"residency": ("local", "eu")}, {"residency": "eu"}),
        ({"strict_json": False, "tools": False}, {}),
        ({"min_tokens": 100, "max_tokens": 100}, {}),
    ],
)
def test_any_of_the_values_will_do(when: dict[str, Any], fields: dict[str, Any]) -> None:
    assert matches(When(**when), facts(**fields))


def test_all_conditions_must_hold_and_each_that_does_not_is_named() -> None:
    when = When(task=("coding",), complexity=("hard",), risk=("low",))
    assert list(mismatches(when, facts(task="summary", complexity="simple"))) == [
        "task is summary, not coding",
        "complexity is simple, not hard",
    ]


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        (facts(risk="high", task="coding", complexity="hard"), "risky"),
        (facts(task="coding", complexity="hard", strict_json=True), "hard"),
        (facts(task="coding", strict_json=True), "json"),
        (facts(task="coding"), "rest"),
    ],
)
def test_the_first_rule_that_matches_wins(found: Facts, rule: str) -> None:
    matched = first_match(POLICY.rules, found)
    assert matched is not None
    assert matched.name == rule


def test_there_may_be_no_rule() -> None:
    assert first_match(POLICY.rules[:2], facts()) is None
