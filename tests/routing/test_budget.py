"""The max_tokens guard: thinking never eats a small budget, and no call asks for more than there is room for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.made import deployment, facts, model, request
from tiercel.domain.request import Effort
from tiercel.routing.budget import Budget, guard

THINKS: dict[str, Any] = {
    "efforts": ("low", "medium", "high"),
    "default_effort": "medium",
    "thinking": "effort",
    "output_floor": 1_024,
}
CAN_STOP: dict[str, Any] = {**THINKS, "efforts": ("none", "low", "high")}
BY_BUDGET: dict[str, Any] = {"efforts": ("low", "high"), "thinking": "budget"}


def budget(
    capabilities: dict[str, Any],
    cap: int | None,
    *,
    effort: Effort | None = None,
    tokens: int = 100,
    strict_json: bool = False,
    raise_small: bool = True,
) -> Budget:
    return guard(
        deployment(model(**capabilities)),
        effort,
        request(max_output_tokens=cap),
        facts(tokens, strict_json=strict_json),
        raise_small=raise_small,
    )


def test_a_small_cap_is_raised_by_the_floor_and_prose_cut_at_the_clients_cap() -> None:
    found = budget(THINKS, 50)
    assert (found.max_output_tokens, found.cut_at, found.effort) == (1_074, 50, None)
    assert found.notes == (
        "max_tokens 50 is below the model's floor of 1,024: raised to 1,074, text cut at 50",
    )


def test_schema_output_is_never_cut() -> None:
    found = budget(THINKS, 50, strict_json=True)
    assert (found.max_output_tokens, found.cut_at) == (1_074, None)


def test_a_model_that_can_stop_thinking_is_asked_to() -> None:
    found = budget(CAN_STOP, 50)
    assert (found.effort, found.max_output_tokens, found.cut_at) == ("none", 50, None)
    assert found.notes == ("max_tokens 50 is below the model's floor of 1,024: asked not to think",)


def test_a_stated_effort_is_kept_and_the_cap_raised() -> None:
    found = budget(CAN_STOP, 50, effort="high")
    assert (found.effort, found.max_output_tokens, found.cut_at) == ("high", 1_074, 50)


@pytest.mark.parametrize(
    ("capabilities", "effort", "cap"),
    [
        (THINKS, None, 1_024),  # at the floor
        (THINKS, None, 5_000),
        (CAN_STOP, "none", 50),  # asked not to think anyway
        ({}, None, 1),  # a model that does not think
        ({"output_floor": 500}, None, 1),
        (BY_BUDGET, None, 50),  # thinking was not asked for
    ],
)
def test_a_cap_that_is_large_enough_goes_through_unchanged(
    capabilities: dict[str, Any], effort: Effort | None, cap: int
) -> None:
    assert budget(capabilities, cap, effort=effort) == Budget(effort=effort, max_output_tokens=cap)


def test_a_thinking_budget_has_a_floor_of_its_own() -> None:
    found = budget(BY_BUDGET, 500, effort="low")
    assert (found.max_output_tokens, found.cut_at) == (2_548, 500)


def test_the_policy_may_switch_the_guard_off() -> None:
    assert budget(THINKS, 50, raise_small=False) == Budget(effort=None, max_output_tokens=50)


def test_no_cap_stays_no_cap() -> None:
    assert budget(THINKS, None) == Budget(effort=None, max_output_tokens=None)


def test_no_cap_is_bounded_where_the_models_largest_answer_would_overrun_its_window() -> None:
    found = budget({"window": 10_000, "max_output": 8_000}, None, tokens=4_000)
    assert found.max_output_tokens == 10_000 - facts(4_000).size.upper


@pytest.mark.parametrize(
    ("capabilities", "cap", "upstream"),
    [
        ({"max_output": 4_000}, 100_000, 4_000),
        ({"window": 10_000}, 100_000, 10_000 - facts(100).size.upper),
        ({**THINKS, "max_output": 600}, 500, 600),  # raised as far as there is room
        ({**THINKS, "max_output": 400}, 500, 400),
    ],
)
def test_nothing_beyond_the_models_limits_is_asked_for(
    capabilities: dict[str, Any], cap: int, upstream: int
) -> None:
    assert budget(capabilities, cap).max_output_tokens == upstream


@given(
    cap=st.integers(1, 20_000),
    floor=st.integers(0, 4_000),
    largest=st.none() | st.integers(1, 20_000),
    window=st.none() | st.integers(2_000, 50_000),
    strict_json=st.booleans(),
    can_stop=st.booleans(),
)
def test_the_client_gets_at_most_its_cap_and_the_model_is_asked_for_at_most_its_limit(
    cap: int, floor: int, largest: int | None, window: int | None, strict_json: bool, can_stop: bool
) -> None:
    capabilities: dict[str, Any] = {**(CAN_STOP if can_stop else THINKS), "output_floor": floor}
    capabilities |= {"max_output": largest, "window": window}
    found = budget(capabilities, cap, strict_json=strict_json)
    asked = found.max_output_tokens
    assert asked is not None
    assert 1 <= asked <= (largest or asked)
    assert asked <= (window or asked)
    assert asked <= cap or found.cut_at == cap or strict_json
