"""Which requests are copied, and who may answer the copy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.made import FIVE, HOUSE, POLICY, catalog, deployment, facts, model, request
from tiercel.domain.climb import Excluded, Plan
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate
from tiercel.routing.shadow import is_drawn, is_ruled, shadow_plan

IDS = [f"rec_{number}" for number in range(4_000)]


def drawn(comparison: str, share: float) -> set[str]:
    return {one for one in IDS if is_drawn(comparison, one, share)}


def test_as_many_as_the_share_says() -> None:
    """About a twentieth at 0.05, everything at 1, nothing at 0."""
    assert 120 < len(drawn("rule:any", 0.05)) < 290
    assert drawn("rule:any", 1.0) == set(IDS)
    assert drawn("rule:any", 0.0) == set()


def test_a_larger_share_draws_the_same_and_more() -> None:
    """Raising the share throws no pair away."""
    assert drawn("rule:any", 0.05) < drawn("rule:any", 0.2)


def test_comparisons_draw_independently() -> None:
    """Two at one half have about a quarter of the requests in common."""
    common = len(drawn("rule:any", 0.5) & drawn("run_1", 0.5))
    assert 850 < common < 1_150


@given(st.text(), st.text(), st.floats(0, 1))
def test_the_same_names_give_the_same_answer(comparison: str, record_id: str, share: float) -> None:
    """Whoever has record and comparison can say whether it was drawn."""
    assert is_drawn(comparison, record_id, share) == is_drawn(comparison, record_id, share)


def copied(
    candidate: str, found: Facts | None = None, *, resting: frozenset[str] = frozenset()
) -> Plan | Excluded:
    """The plan of a copy of a request with these facts."""
    plan = Plan(facts=found or facts(), rule="rest", stages=("fast",), rungs=())
    return shadow_plan(candidate, request(), plan, POLICY, FIVE, resting)


def test_one_rung_and_nobody_beside_it() -> None:
    """The candidate at its effort, without a hedge, a review or a next stage."""
    plan = copied("great@low")
    assert isinstance(plan, Plan)
    assert [rung.name for rung in plan.rungs] == ["great@low"]
    assert (plan.stages, plan.asks, plan.asides, plan.hedges, plan.shadow) == (
        ("great@low",), False, (), False, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("candidate", "found", "by"),
    [
        ("quick", facts(residency="local"), "residency"),
        ("small", facts(modalities=("text", "image")), "modality"),
        ("small", facts(tokens=40_000), "window"),
        ("own", facts(tools=True), "capability"),
        ("great@max", facts(), "capability"),
        ("nobody", facts(), "missing_key"),
    ],
)
def test_the_filters_hold_for_copies(candidate: str, found: Facts, by: str) -> None:
    """What keeps a request from a rung keeps its copy from a candidate."""
    excluded = copied(candidate, found)
    assert isinstance(excluded, Excluded)
    assert excluded.filter == by


def test_who_rests_is_passed_over_for_another_deployment() -> None:
    """A model that is served twice is called where it can be; served once, it is left alone."""
    made = model("twice")
    both = catalog(deployment(made), deployment(made, HOUSE, name="twice-here"))
    plan = Plan(facts=facts(), rule="rest", stages=("fast",), rungs=())
    first = shadow_plan("twice", request(), plan, POLICY, both)
    second = shadow_plan("twice", request(), plan, POLICY, both, frozenset({"twice"}))
    assert isinstance(first, Plan)
    assert isinstance(second, Plan)
    assert [one.rungs[0].deployment.name for one in (first, second)] == ["twice", "twice-here"]
    alone = copied("quick", resting=frozenset({"quick"}))
    assert isinstance(alone, Excluded)
    assert alone.filter == "resting"


def test_gates_that_call_models_are_left_out() -> None:
    """A copy costs one call, and is measured by what measures for nothing."""
    gates = (Gate(check="finished"), Gate(check="judge", asks="judge", ask=("great",)))
    plan = Plan(facts=facts(), rule="rest", stages=("fast",), rungs=(), gates=gates)
    shadow = shadow_plan("quick", request(), plan, POLICY, FIVE)
    assert isinstance(shadow, Plan)
    assert shadow.gates == gates[:1]


@pytest.mark.parametrize(("rule", "ruled"), [("rest", True), ("none", True), ("model:quick", False)])
def test_whoever_names_a_model_has_chosen(rule: str, ruled: bool) -> None:
    """A rule's name has no colon in it."""
    assert is_ruled(rule) is ruled
