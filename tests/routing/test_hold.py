"""How much of a stream waits: by rule, by default, and only where it makes sense; told in the plan and its record."""

import msgspec
import pytest

from tests.routing.made import FIVE, POLICY, facts, request
from tiercel.domain.climb import Plan
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate, Hold, Policy
from tiercel.routing.explain import explain, render_text
from tiercel.routing.plan import make_plan

JSON = Gate(check="json_schema", applies="json", reads_json=True)
FINISHED = Gate(check="finished", needs_whole=False)
INCREMENTAL = Hold(mode="incremental", tokens=10)
FIRST = Hold(mode="first", tokens=40, least_tokens_per_second=12.5)


def holding(hold: Hold, *gates: Gate) -> Policy:
    """Every rule holds so, behind these gates."""
    rules = tuple([msgspec.structs.replace(rule, gates=None) for rule in POLICY.rules])
    return msgspec.structs.replace(POLICY, hold=hold, gates=gates or (FINISHED, JSON), rules=rules)


def planned(policy: Policy, found: Facts, name: str = "auto") -> Plan:
    return make_plan(request(model=name), found, policy, FIVE)


def test_a_rules_hold_goes_before_the_default() -> None:
    rules = tuple([msgspec.structs.replace(rule, hold=FIRST) for rule in POLICY.rules])
    policy = msgspec.structs.replace(holding(Hold(mode="all")), rules=rules)
    assert planned(policy, facts()).hold == FIRST
    assert planned(policy, facts(), "deep").hold == Hold(mode="all")


@pytest.mark.parametrize(
    ("found", "gates", "follows"),
    [
        (facts(strict_json=True), (FINISHED, JSON), True),
        (facts(), (FINISHED, JSON), False),
        (facts(strict_json=True), (FINISHED,), False),
        (facts(strict_json=True, choices=2), (FINISHED, JSON), False),
        (facts(strict_json=True), (FINISHED, msgspec.structs.replace(JSON, at_least=0.0)), False),
    ],
    ids=["json", "prose", "no gate", "several answers", "a gate that always passes"],
)
def test_json_is_followed_only_where_one_answer_must_be_json(
    found: Facts, gates: tuple[Gate, ...], follows: bool
) -> None:
    assert planned(holding(INCREMENTAL, *gates), found).hold == (INCREMENTAL if follows else Hold())


def test_a_model_that_was_named_is_held_as_its_gates_need() -> None:
    assert planned(holding(FIRST), facts(), POLICY.tiers["deep"].members[0]).hold == Hold()


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        (FIRST, "held for about 40 tokens; below 12.5 tokens a second the next model is asked"),
        (INCREMENTAL, "JSON goes out as far as it fits its schema, once about 10 tokens of it do"),
        (Hold(mode="none"), "not held"),
        (Hold(mode="all"), "held until the whole answer passed its gates"),
    ],
)
def test_a_hold_is_told_by_explain_and_in_the_reason_that_is_recorded(hold: Hold, words: str) -> None:
    plan = planned(holding(hold), facts(strict_json=True))
    assert explain(plan).hold == words
    assert f"Streams: {words}" in render_text(plan)
    assert plan.why.endswith(f"; streams: {words}")


def test_where_the_policy_names_no_hold_explain_says_what_the_gates_need() -> None:
    strict, prose = [planned(holding(Hold()), facts(strict_json=strict)) for strict in (True, False)]
    assert explain(strict).hold == "held until the whole answer passed its gates"
    assert explain(prose).hold == "not held"
    assert "streams" not in strict.why
