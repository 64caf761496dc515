"""A split: who is given which arm, with which probability, and what the plan is then."""

import math
from collections import Counter
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.routing.made import FIVE, POLICY, facts, policy, request
from tiercel.domain.climb import Plan
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Arm, Policy, Rule, Split, SplitBy, Tier
from tiercel.domain.request import ModelRequest
from tiercel.routing.explain import explain, render_text
from tiercel.routing.plan import make_plan
from tiercel.routing.split import Draw, first_to_ring, unit_of, with_arm

ARMS = (
    Arm(name="a", use="quick", share=0.5),
    Arm(name="b", use="solid", share=0.3),
    Arm(name="c", use="own", share=0.2),
)
MANY = 100_000
NOBODY = Draw()


def split(*arms: Arm, name: str = "trial", by: SplitBy = "session") -> Split:
    return Split(name=name, arms=arms or ARMS, by=by)


def with_split(made: Split, *ladder: str) -> Policy:
    return policy(rules=(Rule(name="rest", ladder=ladder or ("small", "deep"), split=made),))


def drawn(
    made: Split,
    draw: Draw = NOBODY,
    *,
    found: Facts | None = None,
    asked: ModelRequest | None = None,
    ladder: tuple[str, ...] = (),
) -> Plan:
    use, asked, found = with_split(made, *ladder), asked or request(), found or facts(session="s-1")
    plan = make_plan(asked, found, use, FIVE)
    assert plan.split == made
    return with_arm(plan, draw, lambda along: make_plan(asked, found, use, FIVE, along=along))


def along_of(use: Policy, found: Facts, along: tuple[str, ...]) -> Plan:
    return make_plan(request(), found, use, FIVE, along=along)


def arm_of(plan: Plan) -> str | None:
    assert plan.assignment is not None
    return plan.assignment.arm


def propensity_of(plan: Plan) -> float | None:
    assert plan.assignment is not None
    return plan.assignment.propensity


def out_of(plan: Plan) -> dict[str, str]:
    assert plan.assignment is not None
    return {one.arm: one.reason for one in plan.assignment.out}


def counted(arms: tuple[Arm, ...], name: str = "trial") -> Counter[str]:
    return Counter(first_to_ring(name, arms, f"unit-{number}").name for number in range(MANY))


# ── Shares ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "shares", [(0.5, 0.5), (0.9, 0.1), (0.99, 0.01), (0.5, 0.3, 0.2)], ids=lambda shares: str(shares)
)
def test_every_arm_is_drawn_with_its_share(shares: tuple[float, ...]) -> None:
    """Of 100,000 units each arm has as many as a fair lottery gives: within 4.5 standard deviations."""
    arms = tuple(Arm(name=f"arm{place}", use="x", share=share) for place, share in enumerate(shares))
    found = counted(arms)
    for arm in arms:
        spread = math.sqrt(MANY * arm.share * (1 - arm.share))
        assert abs(found[arm.name] - MANY * arm.share) < 4.5 * spread


def test_changed_shares_move_no_more_units_than_they_must() -> None:
    """From 50 to 60 percent: whoever moves, moves to the arm that grew, and no more than its tenth do."""
    before = (Arm(name="a", use="x", share=0.5), Arm(name="b", use="y", share=0.5))
    after = (Arm(name="a", use="x", share=0.6), Arm(name="b", use="y", share=0.4))
    moves = Counter(
        (first_to_ring("t", before, unit).name, first_to_ring("t", after, unit).name)
        for unit in map(str, range(20_000))
    )
    assert moves["a", "b"] == 0
    assert moves["b", "a"] / 20_000 == pytest.approx(0.1, abs=0.01)


def test_an_arm_that_is_gone_leaves_its_units_to_the_others_and_moves_nobody_else() -> None:
    for unit in map(str, range(2_000)):
        whole = first_to_ring("t", ARMS, unit).name
        without_a = first_to_ring("t", ARMS[1:], unit).name
        assert whole in ("a", without_a)


def test_another_name_of_the_split_draws_anew() -> None:
    same = sum(
        first_to_ring("one", ARMS[:1] + ARMS[1:2], unit) == first_to_ring("two", ARMS[:2], unit)
        for unit in map(str, range(4_000))
    )
    # each draws a with 5/8, so two that have nothing to do with each other agree in 25/64 + 9/64 of all cases
    assert same / 4_000 == pytest.approx(34 / 64, abs=0.04)


def test_what_a_unit_draws_is_the_same_in_every_process_and_version() -> None:
    """Sessions under way keep their arms through a restart and an update: these were drawn when it was written."""
    assert [first_to_ring("trial", ARMS, unit).name for unit in "123456"] == list("acabac")
    assert unit_of(split(), Draw(project="p", key_id="k"), "s-1") == "7f1dcab26471fd1e"


# ── Who keeps an arm ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_keeps_its_arm() -> None:
    plans = [drawn(split(), Draw(request_id=str(number))) for number in range(30)]
    assert len({arm_of(plan) for plan in plans}) == 1


@pytest.mark.parametrize("by", ["session", "request"])
def test_without_a_session_every_request_draws_for_itself(by: SplitBy) -> None:
    plans = [drawn(split(by=by), Draw(request_id=str(number)), found=facts()) for number in range(60)]
    assert {arm_of(plan) for plan in plans} == {"a", "b", "c"}
    assert all(plan.assignment is not None and plan.assignment.unit is None for plan in plans)


def test_a_request_draws_for_itself_also_within_a_session_where_the_policy_says_so() -> None:
    plans = [drawn(split(by="request"), Draw(request_id=str(number))) for number in range(60)]
    assert {arm_of(plan) for plan in plans} == {"a", "b", "c"}


def test_a_user_keeps_the_arm_in_all_sessions() -> None:
    draw = Draw(user="ann")
    arms = {
        arm_of(drawn(split(by="user"), draw, found=facts(session=session))) for session in map(str, range(20))
    }
    assert len(arms) == 1


def test_where_no_user_is_named_the_key_is_one() -> None:
    by_user = split(by="user")
    assert unit_of(by_user, Draw(key_id="k1"), None) is not None
    assert unit_of(by_user, Draw(key_id="k1"), None) != unit_of(by_user, Draw(key_id="k2"), None)
    assert unit_of(by_user, Draw(), "s-1") is None


@given(
    st.tuples(*[st.text(max_size=5)] * 2, st.text(min_size=1, max_size=5)),
    st.tuples(*[st.text(max_size=5)] * 2, st.text(min_size=1, max_size=5)),
)
def test_a_session_id_of_another_key_or_project_is_another_session(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    first, second = (
        unit_of(split(), Draw(project=project, key_id=key), session) for project, key, session in (one, other)
    )
    assert (first == second) == (one == other)


# ── Arms that cannot be given ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("draw", "found", "out"),
    [
        (Draw(), facts(modalities=("text", "image")), {"c": "none takes image"}),
        (Draw(), facts(residency="us"), {"c": "none may process it in 'us'"}),
        (Draw(), facts(tokens=100_000), {"c": "too long for it"}),
        (Draw(resting=frozenset(["quick"])), facts(), {"a": "failed too often a moment ago"}),
        (Draw(allowed=("solid", "own", "small")), facts(), {"a": "this key may not use it"}),
    ],
    ids=["modality", "residency", "window", "resting", "key"],
)
def test_the_shares_of_arms_that_are_out_go_to_the_others(
    draw: Draw, found: Facts, out: dict[str, str]
) -> None:
    """The propensity is the share among those that are left, which adds up to 1, and the plan says who is out."""
    left = [arm for arm in ARMS if arm.name not in out]
    seen: dict[str, float] = {}
    for number in range(80):
        plan = drawn(split(by="request"), replace(draw, request_id=str(number)), found=found)
        assert out_of(plan) == out
        assert all(f"{arm} out ({reason})" in plan.why for arm, reason in out.items())
        arm, propensity = arm_of(plan), propensity_of(plan)
        assert arm is not None
        assert propensity is not None
        seen[arm] = propensity
    assert seen == {arm.name: pytest.approx(arm.share / sum(other.share for other in left)) for arm in left}
    assert sum(seen.values()) == pytest.approx(1)


def test_with_a_budget_an_arm_of_unknown_price_is_out() -> None:
    plan = drawn(split(), Draw(budgeted=True), asked=request())
    assert set(out_of(plan).values()) == {"its cost has no known bound, and this key has a budget"}
    bounded = drawn(split(), Draw(budgeted=True), asked=request(max_output_tokens=500))
    assert out_of(bounded) == {}


def test_where_every_arm_is_out_the_rules_own_ladder_is_climbed() -> None:
    plan = drawn(split(), Draw(resting=frozenset(["quick", "solid", "own"])))
    assert (arm_of(plan), propensity_of(plan), len(out_of(plan))) == (None, None, 3)
    assert plan.stages == ("small", "deep")
    assert "no arm of split trial; a out" in plan.why


def test_an_arm_whose_share_is_0_is_never_drawn_and_not_missed() -> None:
    made = split(Arm(name="on", use="quick", share=1.0), Arm(name="off", use="solid", share=0.0))
    plan = drawn(made)
    assert (arm_of(plan), propensity_of(plan), out_of(plan)) == ("on", 1.0, {})


# ── The plan ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", range(6))
def test_the_arm_takes_the_place_of_the_ladders_first_entry(number: int) -> None:
    plan = drawn(split(by="request"), Draw(request_id=str(number)))
    use = next(arm.use for arm in ARMS if arm.name == arm_of(plan))
    assert plan.stages == (use, "deep")
    assert [rung.name for rung in plan.rungs] == [use, "great@low", "great@high"]
    assert (plan.rule, plan.split) == ("rest", None)


def test_a_tier_above_keeps_models_that_another_arm_uses() -> None:
    """Only the arm that was drawn stands before the rest of the ladder: what another has is not lost to it."""
    made = split(Arm(name="a", use="quick", share=0.999999), Arm(name="b", use="solid", share=0.000001))
    plan = drawn(made, ladder=("fast", "balanced"))
    assert [rung.name for rung in plan.rungs] == ["quick", "solid"]


def test_in_a_tool_loop_the_arm_is_the_one_whose_model_called_the_tools() -> None:
    """Also where the request alone would draw another; its propensity is that of the loop's first draw."""
    for number in range(20):
        plan = drawn(split(by="request"), Draw(request_id=str(number), caller="solid"), found=facts())
        assert (arm_of(plan), propensity_of(plan)) == ("b", 0.3)


def test_in_the_tool_loop_of_a_model_that_is_no_arm_the_unit_draws_as_ever() -> None:
    assert arm_of(drawn(split(), Draw(caller="great"))) == arm_of(drawn(split()))


def test_a_request_that_names_its_model_is_in_no_split() -> None:
    use = replace(with_split(split()), concrete_fallback=True)
    plan = make_plan(request(model="great"), facts(), use, FIVE)
    assert plan.split is None
    assert plan.stages == ("great", "small", "deep")


def test_a_rule_without_a_split_has_none() -> None:
    assert make_plan(request(), facts(), POLICY, FIVE).split is None


def test_tiers_may_be_arms() -> None:
    made = split(Arm(name="a", use="fast", share=0.5), Arm(name="b", use="roomy", share=0.5))
    tiers = {**POLICY.tiers, "roomy": Tier(name="roomy", members=("quick", "solid"))}
    use = replace(with_split(made), tiers=tiers)
    for number in range(8):
        found = facts(session=str(number))
        planned = partial(along_of, use, found)
        plan = with_arm(make_plan(request(), found, use, FIVE), NOBODY, planned)
        assert plan.stages[0] == {"a": "fast", "b": "roomy"}[arm_of(plan) or ""]


# ── What is told ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_tells_the_chances_of_all_arms_and_who_is_out() -> None:
    told = explain(drawn(split(), found=facts(session="s-1", modalities=("text", "image"))))
    assert told.split[0] in ("trial: arm a, kept by this session", "trial: arm b, kept by this session")
    assert told.split[1:] == (
        "a: drawn with a probability of 0.625",
        "b: drawn with a probability of 0.375",
        "c: out, none takes image",
    )
    assert "\nSplit\n  trial: arm " in render_text(drawn(split()))


@pytest.mark.parametrize(
    ("by", "why"), [("request", ""), ("session", " where none names its session")], ids=["request", "session"]
)
def test_explain_says_that_each_request_draws_for_itself(by: SplitBy, why: str) -> None:
    told = explain(drawn(split(by=by), found=facts()))
    assert told.split[0].endswith(f"this time; each request draws for itself{why}")


def test_explain_says_that_no_arm_could_be_given() -> None:
    told = explain(drawn(split(), Draw(resting=frozenset(["quick", "solid", "own"]))))
    assert told.split[0] == "trial: no arm, so the rule's own ladder is climbed"


def test_explain_says_nothing_of_splits_where_there_is_none() -> None:
    made = make_plan(request(), facts(), POLICY, FIVE)
    assert explain(made).split == ()
    assert "Split" not in render_text(made)


def test_an_arm_without_a_key_is_out() -> None:
    made = split(Arm(name="a", use="quick", share=0.5), Arm(name="b", use="nobody-serves-it", share=0.5))
    assert out_of(drawn(made)) == {"b": "no provider with a key serves it"}


@given(st.sets(st.sampled_from("abc")))
def test_chances_add_up_to_1_whoever_is_out(resting: set[str]) -> None:
    uses = {arm.name: arm.use for arm in ARMS}
    plan = drawn(split(), Draw(resting=frozenset(uses[name] for name in resting)))
    assert plan.assignment is not None
    assert set(plan.assignment.chances) == set(uses) - resting
    assert math.fsum(plan.assignment.chances.values()) == pytest.approx(1 if len(resting) < 3 else 0)
