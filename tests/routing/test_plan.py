"""What a request's model name, facts, policy and catalog come to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.routing.made import (
    CLOUD,
    FIVE,
    HOUSE,
    POLICY,
    QUICK,
    catalog,
    deployment,
    facts,
    model,
    policy,
    request,
)
from tiercel.domain.catalog import Catalog, Deployment
from tiercel.domain.climb import Plan
from tiercel.domain.errors import CallerError, UnavailableError
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Limits, Policy, Rule, Tier
from tiercel.domain.request import Format, ModelRequest
from tiercel.routing.filters import admits
from tiercel.routing.plan import known_models, make_plan


def plan(
    asked: ModelRequest | None = None,
    found: Facts | None = None,
    use: Policy = POLICY,
    shop: Catalog = FIVE,
    **other: Any,
) -> Plan:
    return make_plan(asked or request(), found or facts(), use, shop, **other)


def names(made: Plan) -> list[str]:
    return [rung.name for rung in made.rungs]


@pytest.mark.parametrize(
    ("name", "rule", "rungs"),
    [
        ("auto", "rest", ["own", "small", "quick", "solid"]),
        ("gpt-4o", "rest", ["own", "small", "quick", "solid"]),
        ("auto:hard", "hard", ["solid", "great@low", "great@high"]),
        ("deep", "tier:deep", ["great@low", "great@high"]),
        ("cheap", "tier:fast", ["own", "small", "quick"]),
        ("solid", "model:solid", ["solid"]),
        ("great@high", "model:great", ["great@high"]),
        ("best", "model:great", ["great@high"]),
    ],
)
def test_a_models_name_picks_the_ladder(name: str, rule: str, rungs: list[str]) -> None:
    made = plan(request(model=name))
    assert (made.rule, names(made)) == (rule, rungs)


def test_a_model_means_all_its_deployments_and_a_deployment_only_itself() -> None:
    one = model("one")
    shop = catalog(deployment(one, CLOUD, name="one-cloud"), deployment(one, HOUSE, name="one-house"))
    assert names(plan(request(model="one"), shop=shop)) == ["one-cloud", "one-house"]
    made = plan(request(model="one-house"), shop=shop)
    assert (made.rule, names(made)) == ("deployment:one-house", ["one-house"])


def test_a_concrete_model_passes_only_the_gate_finished() -> None:
    made = plan(request(model="solid"), facts(strict_json=True))
    assert [gate.check for gate in made.gates] == ["finished"]


def test_a_concrete_model_is_finished_even_under_a_policy_without_gates() -> None:
    made = plan(request(model="solid"), use=policy(gates=()))
    assert [gate.check for gate in made.gates] == ["finished"]
    assert not made.holds


def test_where_the_policy_allows_it_the_matching_rules_ladder_follows_a_concrete_model() -> None:
    made = plan(request(model="great@high"), facts(strict_json=True), policy(concrete_fallback=True))
    assert names(made) == ["great@high", "own", "small", "quick", "solid"]
    assert made.stages == ("great@high", "fast", "balanced")
    assert [gate.check for gate in made.gates] == ["table"]


def test_gates_on_json_apply_only_where_json_is_demanded() -> None:
    assert [gate.check for gate in plan().gates] == ["finished"]
    made = plan(request(model="deep"), facts(strict_json=True))
    assert [gate.check for gate in made.gates] == ["finished", "json_schema"]


def test_a_rules_gates_and_limits_replace_the_policys() -> None:
    rule = Rule(name="r", ladder=("fast",), gates=(), limits=Limits(max_attempts=2))
    made = plan(use=policy(rules=(rule,)))
    assert (made.gates, made.limits) == ((), Limits(max_attempts=2))


def test_without_a_matching_rule_all_tiers_are_climbed_as_listed() -> None:
    made = plan(use=policy(rules=()))
    assert (made.rule, made.stages) == ("none", ("fast", "balanced", "deep"))


def test_the_plan_carries_what_the_policy_says_about_the_end() -> None:
    use = policy(on_exhausted="refuse", on_refusal="escalate")
    made = plan(use=use)
    assert (made.on_exhausted, made.on_refusal, made.policy_hash) == ("refuse", "escalate", "abc")


@pytest.mark.parametrize(
    ("by_default", "by_rule", "hedges"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_the_rule_decides_about_hedging_then_the_default(
    by_default: bool, by_rule: bool | None, hedges: bool
) -> None:
    use = policy(hedge=by_default, rules=(Rule(name="all", ladder=("fast",), hedge=by_rule),))
    assert plan(use=use).hedges is hedges


@pytest.mark.parametrize("name", ["fast", "solid"])
def test_where_no_rule_holds_the_default_decides_about_hedging(name: str) -> None:
    assert [plan(request(model=name), use=policy(hedge=hedge)).hedges for hedge in (False, True)] == [
        False,
        True,
    ]
    assert plan(use=policy(hedge=True, rules=())).hedges


def test_what_filters_took_out_is_kept_with_the_reason() -> None:
    made = plan(found=facts(modalities=("text", "image")))
    assert names(made) == ["quick", "solid"]
    assert [(out.rung, out.filter) for out in made.excluded] == [("own", "modality"), ("small", "modality")]


def test_the_guard_sets_each_rungs_budget() -> None:
    thinks = model("thinks", thinking="effort", output_floor=1_000)
    made = plan(request(model="thinks", max_output_tokens=20), shop=catalog(deployment(thinks)))
    assert (made.rungs[0].max_output_tokens, made.rungs[0].cut_at) == (1_020, 20)


def test_a_measured_speed_orders_where_the_fastest_is_preferred() -> None:
    use = policy(prefer="fastest")
    assert names(plan(use=use))[0] == "quick"
    assert names(plan(use=use, measured_speed={"small": 900.0}))[0] == "small"


def test_resting_deployments_are_left_out_and_named() -> None:
    made = plan(resting=frozenset(("own",)))
    assert names(made) == ["small", "quick", "solid"]
    assert [(out.rung, out.filter) for out in made.excluded] == [("own", "resting")]


def test_if_all_rest_none_is_left_out() -> None:
    assert names(plan(request(model="solid"), resting=frozenset(("solid",)))) == ["solid"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("solit", "did you mean 'solid'?"),
        ("auto:hrad", "did you mean 'auto:hard'?"),
        ("xyz-9", "GET /v1/models lists what there is"),
        ("", "GET /v1/models lists what there is"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(CallerError) as raised:
        plan(request(model=name))
    assert raised.value.kind == "model_not_found"
    assert raised.value.message == f"no model, tier or alias is called {name!r}; {hint}"


def test_an_endless_name_is_not_repeated_whole() -> None:
    with pytest.raises(CallerError) as raised:
        plan(request(model="x" * 10_000))
    assert len(raised.value.message) < 200


def test_aliases_that_go_in_circles_are_an_unknown_model() -> None:
    with pytest.raises(CallerError) as raised:
        plan(request(model="a"), use=policy(aliases={"a": "b", "b": "a"}))
    assert raised.value.kind == "model_not_found"


@pytest.mark.parametrize(
    ("name", "found", "message"),
    [
        (
            "auto",
            facts(modalities=("text", "audio")),
            "no deployment of rest can take this request: none takes audio",
        ),
        (
            "deep",
            facts(residency="local"),
            "no deployment of tier:deep can take this request: none may process it in 'local'",
        ),
        (
            "solid",
            facts(residency="ch"),
            "no deployment of model:solid can take this request: none may process it in 'ch'",
        ),
        (
            "great@high",
            facts(choices=2),
            "no deployment of model:great can take this request: great@high gives one answer a call, not 2",
        ),
        (
            "cheap",
            facts(residency="local", tools=True),
            "no deployment of tier:fast can take this request: "
            "none may process it in 'local'; own does not take tools",
        ),
    ],
)
def test_a_request_that_nobody_can_take_is_told_what_is_missing(
    name: str, found: Facts, message: str
) -> None:
    with pytest.raises(CallerError) as raised:
        plan(request(model=name), found)
    assert (raised.value.kind, raised.value.message) == ("no_rung", message)


def test_a_request_too_long_for_all_is_told_the_sizes() -> None:
    found = facts(180_000)
    with pytest.raises(CallerError) as raised:
        plan(request(model="deep", max_output_tokens=8_000), found)
    assert raised.value.kind == "context_length"
    assert raised.value.message == (
        f"prompt is too long: {found.size.upper + 8_000} tokens > 200000 maximum; that is about 180,000 tokens (plus "
        f"or minus {found.size.margin:.0%}) and 8,000 for the answer, beside the largest window that could take it"
    )


@pytest.mark.parametrize(
    ("format", "param"),
    [
        ("openai_chat", "messages"),
        ("openai_responses", "input"),
        ("anthropic", "messages"),
        ("gemini", "contents"),
    ],
)
def test_a_request_too_long_for_all_is_told_by_the_field_of_its_own_format(
    format: Format, param: str
) -> None:
    with pytest.raises(CallerError) as raised:
        plan(replace(request(model="deep"), format=format), facts(180_000))
    assert raised.value.param == param


def test_only_large_windows_remain_for_a_long_request() -> None:
    assert names(plan(found=facts(400_000))) == ["quick"]


def test_a_ladder_whose_providers_have_no_key_is_not_the_callers_fault() -> None:
    with pytest.raises(UnavailableError) as raised:
        plan(shop=catalog(deployment(model("elsewhere"))))
    assert raised.value.message == "rest: no provider with a key serves any model of this ladder"


def test_every_name_a_client_may_give_is_listed_once_and_makes_a_plan() -> None:
    known = known_models(POLICY, FIVE)
    assert len({entry.name for entry in known}) == len(known)
    assert {entry.kind for entry in known} == {"auto", "tier", "rule", "alias", "model"}
    for entry in known:
        assert plan(request(model=entry.name)).rungs


REGIONS = ("local", "eu", "us")
MODALITIES = ("text", "image", "video")


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    """A deployment anywhere, of a model that can anything."""
    number = draw(st.integers(0, 9))
    made = model(
        f"m{number}",
        dollars=draw(st.none() | st.sampled_from((0.0, 0.5, 3.0))),
        window=draw(st.none() | st.sampled_from((8_000, 200_000))),
        modalities=("text", *draw(st.sets(st.sampled_from(MODALITIES[1:])))),
        tools=draw(st.booleans()),
        choices=draw(st.booleans()),
        efforts=draw(st.sampled_from(((), ("low", "high")))),
        output_floor=draw(st.sampled_from((0, 1_000))),
        thinking=draw(st.sampled_from(("none", "effort"))),
    )
    regions = tuple(draw(st.sets(st.sampled_from(REGIONS))))
    return deployment(made, QUICK.provider, name=f"d{draw(st.integers(0, 99))}", residency=regions or ("us",))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Catalog, Policy, ModelRequest, Facts]:
    """A catalog, a policy over it, and a request with its facts."""
    made = draw(st.lists(deployments(), min_size=1, max_size=6, unique_by=lambda d: d.name))
    shop = catalog(*made)
    entries = [*shop.models, *(f"{name}@high" for name in shop.models), *shop.deployments]
    tiers = {
        name: Tier(name=name, members=tuple(draw(st.lists(st.sampled_from(entries), min_size=1, max_size=4))))
        for name in ("fast", "deep")
    }
    use = policy(tiers=tiers, rules=(), aliases={}, concrete_fallback=draw(st.booleans()))
    names = ["auto", "fast", "deep", *entries]
    asked = request(
        model=draw(st.sampled_from(names)),
        max_output_tokens=draw(st.none() | st.integers(1, 10_000)),
        effort=draw(st.none() | st.sampled_from(("none", "medium", "max"))),
    )
    found = facts(
        draw(st.sampled_from((10, 9_000, 500_000))),
        residency=draw(st.none() | st.sampled_from(REGIONS)),
        modalities=("text", *draw(st.sets(st.sampled_from(MODALITIES[1:])))),
        tools=draw(st.booleans()),
        choices=draw(st.integers(1, 2)),
    )
    return shop, use, asked, found


def plan_of(world: tuple[Catalog, Policy, ModelRequest, Facts]) -> Plan | None:
    shop, use, asked, found = world
    try:
        return make_plan(asked, found, use, shop)
    except CallerError as error:
        if error.kind not in ("no_rung", "context_length"):
            raise
        return None


@given(worlds())
def test_every_rung_of_any_plan_passes_the_filters(
    world: tuple[Catalog, Policy, ModelRequest, Facts],
) -> None:
    made = plan_of(world)
    for rung in made.rungs if made else ():
        assert admits(rung.deployment, world[3], world[2], rung.effort) is None


@given(worlds())
def test_a_local_request_never_gets_a_rung_that_is_not_local(
    world: tuple[Catalog, Policy, ModelRequest, Facts],
) -> None:
    shop, use, asked, found = world
    local = facts(found.size.tokens, residency="local")
    made = plan_of((shop, use, asked, local))
    for rung in made.rungs if made else ():
        assert "local" in rung.deployment.regions


@given(worlds())
def test_rungs_are_unique_and_climb_their_stages_in_order(
    world: tuple[Catalog, Policy, ModelRequest, Facts],
) -> None:
    made = plan_of(world)
    if made is None:
        return
    stages = [rung.stage for rung in made.rungs]
    assert stages == sorted(stages)
    assert len(set(names(made))) == len(names(made))
    assert all(stage < len(made.stages) for stage in stages)


@given(worlds())
def test_the_same_request_always_gets_the_same_plan(
    world: tuple[Catalog, Policy, ModelRequest, Facts],
) -> None:
    assert plan_of(world) == plan_of(world)
