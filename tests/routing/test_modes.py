"""Reviewers and advisors in a plan: whom filters, keys and budgets let be called, and what `explain` says of it."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.routing.made import CLOUD, catalog, deployment, facts, model, policy, request
from tiercel.domain.catalog import Prices
from tiercel.domain.climb import NO_GATE, Plan
from tiercel.domain.policy import Advisor, Hold, Review, Rule, Tier
from tiercel.routing.allowed import bounded, within, without_dear_review
from tiercel.routing.cost import most_nano
from tiercel.routing.explain import render_text
from tiercel.routing.plan import make_plan

CHEAP = deployment(model("cheap", window=100_000, max_output=1_000), residency=("eu",))
STRONG = deployment(
    model("strong", window=100_000, max_output=4_000, efforts=("low",)), CLOUD, residency=("us",)
)
BOTH: dict[str, Any] = {"review": Review(by="strong@low"), "advisor": Advisor(by="strong", max_tokens=300)}


def planned(asked: Any = None, strong: Any = STRONG, *, rule: dict[str, Any] = BOTH, **fields: Any) -> Plan:
    made = policy(
        tiers={"fast": Tier(name="fast", members=("cheap",))},
        rules=(Rule(name="any", ladder=("fast",), **rule),),
        gates=(),
    )
    here = catalog(CHEAP, *([strong] if strong else []))
    return make_plan(asked or request(), facts(**fields), made, here)


def called(plan: Plan) -> list[tuple[int, str, str]]:
    return [(aside.gate, aside.role, aside.rung.name) for aside in plan.asides]


def test_both_stand_beside_the_ladder_at_their_effort() -> None:
    plan = planned()
    assert called(plan) == [(NO_GATE, "review", "strong@low"), (NO_GATE, "advisor", "strong")]
    assert plan.asks
    assert plan.rung_at(2).cut_at == 300
    assert (plan.asked_by(1), plan.asked_by(2)) == ("review", None)


def test_a_rule_with_neither_asks_nobody() -> None:
    plan = planned(rule={})
    assert (plan.asks, plan.asides, plan.review, plan.advisor) == (False, (), None, None)


@pytest.mark.parametrize("hold", [Hold(), Hold(mode="all")])
def test_a_review_holds_the_stream_and_an_advisor_does_not(hold: Hold) -> None:
    assert planned(rule={"review": BOTH["review"], "hold": hold}).holds
    assert planned(rule={"advisor": BOTH["advisor"]}).holds is False


@pytest.mark.parametrize(
    ("strong", "fields", "filter_name"),
    [
        (STRONG, {"residency": "eu"}, "residency"),
        (None, {}, "missing_key"),
        (replace(STRONG, model=model("strong", window=100, efforts=("low",))), {}, "window"),
    ],
)
def test_filters_hold_for_second_models(strong: Any, fields: Any, filter_name: str) -> None:
    """Without them the rule is as if it named nobody: nothing is held for a review that cannot be."""
    plan = planned(strong=strong, **fields)
    assert [(out.rung, out.filter) for out in plan.excluded][-1][1] == filter_name
    assert (called(plan), plan.review, plan.advisor, plan.holds) == ([], None, None, False)


def test_several_answers_have_neither() -> None:
    several = deployment(replace(CHEAP.model, capabilities=replace(CHEAP.model.capabilities, choices=True)))
    made = policy(rules=(Rule(name="any", ladder=("cheap",), **BOTH),), tiers={}, gates=())
    plan = make_plan(request(n=2), facts(choices=2), made, catalog(several, STRONG))
    assert (plan.review, plan.advisor, plan.asks) == (None, None, False)


def test_json_is_reviewed_and_gets_no_advice() -> None:
    """What a model says before it asks would break it."""
    plan = planned(strict_json=True)
    assert [role for _, role, _ in called(plan)] == ["review"]
    assert plan.advisor is None


def test_a_model_that_asks_has_no_rival() -> None:
    assert planned(rule={"advisor": BOTH["advisor"], "hedge": True}).hedges is False
    assert planned(rule={"review": BOTH["review"], "hedge": True}).hedges is True


def test_a_key_must_allow_them() -> None:
    """What they write goes into the answer."""
    plan = within(planned(), ("cheap",))
    assert (called(plan), plan.review, plan.advisor) == ([], None, None)
    assert [out.filter for out in plan.excluded] == ["key", "key"]


@pytest.mark.parametrize("hold", [Hold(), Hold(mode="first"), Hold(mode="incremental")])
def test_a_review_that_a_key_bars_holds_nothing(hold: Hold) -> None:
    """The hold is what it would be without it."""
    rule = {"review": BOTH["review"], "hold": hold}
    plain = planned(rule={"hold": hold})
    barred = within(planned(rule=rule), ("cheap",))
    assert planned(rule=rule).holds
    assert (barred.hold, barred.holds) == (plain.hold, plain.holds) == (plain.hold, False)


def test_a_budget_leaves_out_whom_it_cannot_bound() -> None:
    plan = planned(strong=replace(STRONG, prices=Prices()))
    left, most = bounded(plan)
    assert (called(left), len(most)) == ([], 1)
    assert (left.review, left.advisor, left.holds) == (None, None, False)


def test_a_review_that_nothing_is_left_for_is_left_out_before_the_first_call() -> None:
    """The advisor may still be asked: it is not known beforehand whether anybody wants advice."""
    plan = planned()
    plan, most = bounded(plan)
    assert without_dear_review(plan, most, most[1]) == (plan, most)
    left, costs = without_dear_review(plan, most, most[1] - 1)
    assert (called(left), costs) == ([(NO_GATE, "advisor", "strong")], (most[0], most[2]))
    assert (left.review, left.holds) == (None, False)
    assert left.why.endswith("; no review: no money is left for it")


def test_a_budget_counts_what_they_are_shown() -> None:
    plan = planned()
    _, most = bounded(plan)
    plain = most_nano(plan.rung_at(1), plan.facts)
    assert plain is not None
    assert most[1] > plain


def test_explain_names_them_with_what_they_are_expected_to_cost() -> None:
    told = render_text(planned())
    assert "Second models\n  review: strong@low (about $" in told
    assert "approves or improves an answer of text, once, within 60 s" in told
    assert "  advisor: strong (about $" in told
    assert "Streams: held until the whole answer passed its gates and was reviewed" in told
    assert "up to 3 time(s), for 300 tokens each" in told
    assert "Second models" not in render_text(planned(rule={}))
