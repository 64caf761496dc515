"""Who is asked for embeddings: the named model's deployments, in the policy's order, and nobody else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.catalog import Capabilities, Catalog, Deployment, Model, Prices, Provider
from tiercel.domain.climb import Plan
from tiercel.domain.embedding import EmbeddingRequest
from tiercel.domain.errors import CallerError
from tiercel.domain.policy import Policy, Preference
from tiercel.domain.request import Hints
from tiercel.routing.embedding_plan import embedding_facts, make_embedding_plan

EMBEDDER = Model(name="embedder", capabilities=Capabilities(window=100))
OTHER = Model(name="other")
PROVIDER = Provider(name="p", format="openai_chat", base_url="http://127.0.0.1/v1")


def deployment(name: str, model: Model = EMBEDDER, **fields: Any) -> Deployment:
    return Deployment(name=name, model=model, provider=PROVIDER, upstream_name=name, **fields)


def takes_all(request: EmbeddingRequest, deployment: Deployment) -> None:
    """No API here minds anything."""


def plan_of(
    *deployments: Deployment,
    model: str = "embedder",
    texts: tuple[str, ...] = ("some words",),
    tokens: tuple[tuple[int, ...], ...] = (),
    hints: Hints = Hints(),
    **policy: Any,
) -> Plan:
    request = EmbeddingRequest(model=model, texts=() if tokens else texts, tokens=tokens)
    catalog = Catalog(
        models={m.name: m for m in (EMBEDDER, OTHER)}, deployments={d.name: d for d in deployments}
    )
    facts = embedding_facts(request, hints)
    return make_embedding_plan(request, facts, Policy(**policy), catalog, takes_all)


def names(plan: Plan) -> list[str]:
    return [rung.deployment.name for rung in plan.rungs]


CHEAP = Prices(input=10_000_000)
DEAR = Prices(input=20_000_000)


@pytest.mark.parametrize(
    ("prefer", "order"),
    [("cheapest", ["cheap", "dear", "unpriced"]), ("listed", ["unpriced", "dear", "cheap"])],
)
def test_deployments_come_in_the_order_the_policy_prefers(prefer: Preference, order: list[str]) -> None:
    deployments = (deployment("unpriced"), deployment("dear", prices=DEAR), deployment("cheap", prices=CHEAP))
    assert names(plan_of(*deployments, prefer=prefer)) == order


def test_more_weight_comes_first_whatever_it_costs() -> None:
    deployments = (deployment("cheap", prices=CHEAP), deployment("heavy", prices=DEAR, weight=2.0))
    assert names(plan_of(*deployments)) == ["heavy", "cheap"]


def test_no_other_model_follows_even_where_the_policy_lets_one() -> None:
    plan = plan_of(deployment("a"), deployment("b", OTHER), concrete_fallback=True, hedge=True)
    assert names(plan) == ["a"]
    assert (plan.gates, plan.hedges) == ((), False)


def test_the_estimate_is_that_of_the_input_alone() -> None:
    plan = plan_of(deployment("a", prices=Prices(input=1_000_000_000, output=None)), tokens=((1, 2, 3), (4,)))
    assert plan.rungs[0].estimated_nano == 4 * 1_000


def test_only_hints_that_bind_are_facts() -> None:
    facts = embedding_facts(
        EmbeddingRequest(model="m", texts=("a",)),
        Hints(task="coding", residency="eu", session="s-1"),
        residency_default="us",
    )
    assert (facts.task, facts.residency, facts.session) == ("unknown", "eu", "s-1")
    assert facts.stated == ("residency", "session")


def test_the_policys_residency_holds_where_none_is_stated() -> None:
    facts = embedding_facts(EmbeddingRequest(model="m", texts=("a",)), Hints(), residency_default="us")
    assert (facts.residency, facts.stated) == ("us", ())


def test_an_obstacle_of_one_deployment_leaves_the_others() -> None:
    plan = plan_of(deployment("a"), deployment("b", residency=("eu",)), hints=Hints(residency="eu"))
    assert names(plan) == ["b"]
    assert [(e.rung, e.filter) for e in plan.excluded] == [("a", "residency")]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5))
def test_token_ids_are_held_to_the_window_each_list_by_itself(sizes: list[int]) -> None:
    tokens = tuple(tuple(range(size)) for size in sizes)
    too_long = [index for index, size in enumerate(sizes) if size > 100]
    if not too_long:
        assert plan_of(deployment("a"), tokens=tokens).facts.size.tokens == sum(sizes)
        return
    with pytest.raises(CallerError) as caught:
        plan_of(deployment("a"), tokens=tokens)
    assert (caught.value.kind, caught.value.param) == ("context_length", f"input[{too_long[0]}]")
