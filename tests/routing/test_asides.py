"""Whom gates have called beside the ladder: filters hold for all of them, and each in the way that fits its role."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.routing.made import CLOUD, HOUSE, catalog, deployment, facts, model, policy, request
from tiercel.domain.catalog import Catalog, Deployment, Prices
from tiercel.domain.climb import Plan
from tiercel.domain.policy import Gate, Rule, Tier
from tiercel.routing.allowed import bounded, within
from tiercel.routing.explain import explain
from tiercel.routing.plan import make_plan

ANTHROPIC = replace(CLOUD, name="other", format="anthropic")
DECIDES = replace(CLOUD, name="decides", decisions=True)
CHEAP = deployment(model("cheap", window=100_000, max_output=1_000), residency=("eu",))
DEAR = deployment(model("dear", window=100_000, max_output=1_000, efforts=("low", "high")), residency=("eu",))
JUDGE = deployment(model("judge", window=100_000, max_output=1_000), DECIDES)
VECTORS = deployment(model("vectors", window=1_000), name="vectors-here")
MEANING = Gate(check="agreement", asks="opinions", ask=("judge",), embed="vectors", on_error="open")
ITSELF = Gate(check="confidence", asks="confidence", ask=("itself",), on_error="open")
JUDGEMENT = Gate(check="judge", asks="judge", ask=("judge",), on_error="open")
DECISION = Gate(check="confidence", asks="decision", ask=("judge",), on_error="open")


def planned(
    *gates: Gate, deployments: tuple[Deployment, ...] = (CHEAP, DEAR, JUDGE, VECTORS), **fields: Any
) -> Plan:
    """The plan of a request that climbs `cheap`, then `dear@high`."""
    made = policy(
        tiers={"fast": Tier(name="fast", members=("cheap",))},
        rules=(Rule(name="any", ladder=("fast", "dear@high")),),
        gates=gates,
    )
    here: Catalog = catalog(*deployments)
    return make_plan(request(), facts(**fields), made, here)


def called(plan: Plan) -> list[tuple[int, str, str, str | None]]:
    return [(aside.gate, aside.role, aside.rung.name, aside.of) for aside in plan.asides]


def test_who_embeds_stands_beside_who_is_asked() -> None:
    plan = planned(Gate(check="finished"), MEANING)
    assert plan.asks
    assert called(plan) == [(1, "opinion", "judge", None), (1, "embedding", "vectors-here", None)]


def test_each_rung_is_asked_about_its_own_answer_at_its_own_effort() -> None:
    assert called(planned(ITSELF)) == [
        (0, "confidence", "cheap", "cheap"),
        (0, "confidence", "dear@high", "dear@high"),
    ]


@pytest.mark.parametrize(
    ("embedder", "filter_name"),
    [
        (replace(VECTORS, provider=ANTHROPIC), "capability"),
        (replace(VECTORS, residency=("us",)), "residency"),
        (None, "missing_key"),
    ],
    ids=["a format without embeddings", "elsewhere", "nobody"],
)
def test_what_keeps_texts_from_being_embedded(embedder: Deployment | None, filter_name: str) -> None:
    others = (CHEAP, DEAR, replace(JUDGE, residency=("eu",)))
    deployments = others if embedder is None else (*others, embedder)
    plan = planned(MEANING, deployments=deployments, residency="eu")
    assert [aside.role for aside in plan.asides] == ["opinion"]
    assert [out.filter for out in plan.excluded] == [filter_name]


def test_a_long_request_keeps_nobody_from_embedding_answers() -> None:
    assert ("embedding", "vectors-here") in [one[1:3] for one in called(planned(MEANING, tokens=50_000))]


def test_only_who_is_known_to_decide_is_asked_to() -> None:
    assert called(planned(DECISION)) == [(0, "decision", "judge", None)]
    plan = planned(DECISION, deployments=(CHEAP, DEAR, replace(JUDGE, provider=CLOUD)))
    assert plan.asks
    assert plan.asides == ()
    assert [(out.rung, out.filter) for out in plan.excluded] == [("judge", "capability")]


def test_keys_that_may_use_few_models_still_have_answers_measured() -> None:
    plan = within(planned(MEANING, ITSELF), ("cheap", "dear"))
    assert [aside.role for aside in plan.asides] == ["embedding", "confidence", "confidence"]


@pytest.mark.parametrize(
    ("thinking", "room"),
    [
        ({}, 1_024),
        ({"thinking": "effort", "default_effort": "none", "efforts": ("none", "high")}, 1_024),
        ({"thinking": "effort", "default_effort": "medium", "output_floor": 1_024}, 1_024 + 4 * 1_500),
        ({"thinking": "adaptive", "default_effort": "high"}, 1_024 + 4 * 5_000),
        ({"thinking": "adaptive", "default_effort": "high", "max_output": 8_000}, 8_000),
    ],
    ids=["thinks not", "not by default", "by default", "for long", "more than it can write"],
)
def test_who_thinks_before_the_verdict_has_room_for_both(thinking: dict[str, Any], room: int) -> None:
    """Else the verdict never comes, and all the thinking is paid for."""
    judge = deployment(model("judge", window=100_000, **thinking), DECIDES)
    plan = planned(JUDGEMENT, deployments=(CHEAP, DEAR, judge))
    assert [aside.rung.max_output_tokens for aside in plan.asides] == [room]


def test_a_budget_reserves_texts_as_long_as_the_model_takes_them() -> None:
    """Two texts at most are compared here, of a thousand tokens at most, at a dollar for a million."""
    plan, most = bounded(planned(MEANING))
    assert most[len(plan.rungs) + 1] == 2 * 1_000 * 1_000


def test_a_budget_cannot_bind_who_embeds_at_an_unknown_price() -> None:
    unknown = replace(VECTORS, prices=Prices())
    plan = planned(MEANING, deployments=(CHEAP, DEAR, JUDGE, unknown))
    kept, most = bounded(plan)
    assert [aside.role for aside in kept.asides] == ["opinion"]
    assert len(most) == len(kept.rungs) + 1


@pytest.mark.parametrize(
    ("gate", "deployments", "words"),
    [
        (
            MEANING,
            (CHEAP, DEAR, JUDGE, VECTORS),
            "agreement at least 1: judge (about $0.0006), asked at once, waited for 10 s; "
            "texts embedded by vectors-here (about $0.001); without them it lets the answer pass",
        ),
        (
            MEANING,
            (CHEAP, DEAR, JUDGE),
            "agreement at least 1: judge (about $0.0006), asked at once, waited for 10 s; "
            "nobody may embed free text; without them it lets the answer pass",
        ),
        (
            ITSELF,
            (CHEAP, DEAR),
            "confidence at least 1: each is asked about its own answer, afterwards: cheap (about $0.0011), "
            "dear@high (about $0.0011); without them it lets the answer pass",
        ),
        (
            Gate(check="similarity", embed="vectors", on_error="closed"),
            (CHEAP, DEAR),
            "similarity at least 1, but nobody whom it asks may be asked, which does not let it pass",
        ),
    ],
    ids=["meaning", "no embedder", "itself", "nobody"],
)
def test_explaining_says_whom_a_gate_has_called(
    gate: Gate, deployments: tuple[Deployment, ...], words: str
) -> None:
    (told,) = explain(planned(gate, deployments=deployments)).gates
    assert told == words


def test_a_local_model_embeds_for_what_must_stay_here() -> None:
    own = [replace(one, provider=HOUSE, residency=()) for one in (CHEAP, DEAR, JUDGE, VECTORS)]
    plan = planned(MEANING, deployments=tuple(own), residency="local")
    assert [aside.rung.deployment.provider.name for aside in plan.asides] == ["house", "house"]
