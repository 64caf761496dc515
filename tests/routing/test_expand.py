"""A ladder's names become rungs in the promised order, each once."""

from collections.abc import Mapping

import msgspec
import pytest

from tests.routing.made import CLOUD, FIVE, HOUSE, POLICY, catalog, deployment, facts, model, policy, request
from tiercel.domain.catalog import Capabilities, Catalog
from tiercel.domain.climb import Plan
from tiercel.domain.policy import Policy, Preference, Rule, Tier
from tiercel.domain.request import EFFORTS, Effort
from tiercel.routing.expand import nearest_effort, split_effort
from tiercel.routing.plan import make_plan


def ladder(
    *entries: str,
    policy: Policy = POLICY,
    catalog: Catalog = FIVE,
    prefer: Preference | None = None,
    speed: Mapping[str, float] | None = None,
    effort: Effort | None = None,
) -> Plan:
    """The plan of a rule that has this ladder."""
    rule = Rule(name="only", ladder=entries, prefer=prefer)
    use = msgspec.structs.replace(policy, rules=(rule,))
    return make_plan(request(effort=effort), facts(), use, catalog, measured_speed=speed or {})


def names(found: Plan) -> list[str]:
    return [rung.name for rung in found.rungs]


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ("gpt", ("gpt", None)),
        ("gpt@high", ("gpt", "high")),
        ("gpt@2024", ("gpt@2024", None)),
        ("org/gpt@2024@low", ("org/gpt@2024", "low")),
        ("@low", ("", "low")),
    ],
)
def test_an_effort_is_split_off_a_name(entry: str, parts: tuple[str, str | None]) -> None:
    assert split_effort(entry) == parts


def test_a_tiers_members_come_cheapest_first_and_know_their_stage_and_tier() -> None:
    found = ladder("fast", "balanced")
    assert [(r.name, r.stage, r.tier) for r in found.rungs] == [
        ("own", 0, "fast"),
        ("small", 0, "fast"),
        ("quick", 0, "fast"),
        ("solid", 1, "balanced"),
    ]
    assert found.rungs[0].first_token_seconds == 30.0


def test_a_ladder_may_climb_effort_before_price() -> None:
    assert names(ladder("great@low", "great@high", "solid")) == ["great@low", "great@high", "solid"]


def test_an_effort_given_to_a_tier_holds_for_members_without_their_own() -> None:
    tiers = {"deep": Tier(name="deep", members=("great", "great@high"))}
    assert names(ladder("deep@low", policy=policy(tiers=tiers))) == ["great@low", "great@high"]


def test_a_rung_appears_once_where_it_comes_first() -> None:
    found = ladder("quick", "fast")
    assert names(found) == ["quick", "own", "small"]
    assert [rung.stage for rung in found.rungs] == [0, 1, 1]


def test_a_models_default_effort_by_name_is_the_same_rung() -> None:
    assert names(ladder("great@medium", "great", "great@high")) == ["great@medium", "great@high"]


@pytest.mark.parametrize(
    ("prefer", "order"),
    [
        ("cheapest", ["cheap", "dear", "unpriced"]),
        ("fastest", ["unpriced", "dear", "cheap"]),
        ("listed", ["dear", "unpriced", "cheap"]),
    ],
)
def test_within_a_tier_the_preference_orders(prefer: Preference, order: list[str]) -> None:
    """Unknown prices come last, unknown speeds too; a measured speed goes before a published one."""
    shop = catalog(
        deployment(model("dear", dollars=9.0, speed=90.0)),
        deployment(model("unpriced", dollars=None, speed=50.0)),
        deployment(model("cheap", dollars=1.0)),
    )
    tier = Tier(name="t", members=("dear", "unpriced", "cheap"))
    found = ladder(
        "t", policy=policy(tiers={"t": tier}), catalog=shop, prefer=prefer, speed={"unpriced": 120.0}
    )
    assert names(found) == order


def test_the_rules_preference_goes_before_the_tiers_and_the_tiers_before_the_policys() -> None:
    listed = Tier(name="t", members=("quick", "small"), prefer="listed")
    changed = policy(tiers={"t": listed}, prefer="cheapest")
    assert names(ladder("t", policy=changed)) == ["quick", "small"]
    assert names(ladder("t", policy=changed, prefer="cheapest")) == ["small", "quick"]


def test_weight_goes_before_preference() -> None:
    shop = catalog(
        deployment(model("cheap", dollars=1.0)), deployment(model("favoured", dollars=9.0), weight=2.0)
    )
    tier = Tier(name="t", members=("cheap", "favoured"))
    assert names(ladder("t", policy=policy(tiers={"t": tier}), catalog=shop)) == ["favoured", "cheap"]


def test_deployments_of_one_model_stay_together() -> None:
    """Even where another model's price lies between theirs."""
    one, other = model("one", dollars=1.0), model("other", dollars=2.0)
    dearer = model("one", dollars=5.0).prices
    shop = catalog(
        deployment(one, CLOUD, name="one-b", prices=dearer),
        deployment(other),
        deployment(one, HOUSE, name="one-a"),
    )
    tier = Tier(name="t", members=("other", "one"))
    found = ladder("t", policy=policy(tiers={"t": tier}), catalog=shop)
    assert names(found) == ["one-a", "one-b", "other"]


def test_a_name_that_nothing_serves_is_told_and_the_rest_stands() -> None:
    found = ladder("fastest", "quick")
    assert names(found) == ["quick"]
    assert [(out.rung, out.filter) for out in found.excluded] == [("fastest", "missing_key")]
    assert found.rungs[0].stage == 1


@pytest.mark.parametrize(
    ("known", "wanted", "nearest"),
    [
        ((), "high", None),
        (("low", "high"), None, None),
        (("low", "high"), "low", "low"),
        (("low", "high"), "medium", "high"),
        (("high", "low"), "max", "high"),
        (("minimal", "low"), "none", "minimal"),
    ],
)
def test_the_clients_effort_becomes_the_nearest_the_model_knows(
    known: tuple[Effort, ...], wanted: Effort | None, nearest: Effort | None
) -> None:
    assert nearest_effort(Capabilities(efforts=known), wanted) == nearest


def test_the_policys_effort_goes_before_the_clients() -> None:
    assert names(ladder("great@low", "great", effort="high")) == ["great@low", "great@high"]


@pytest.mark.parametrize("effort", EFFORTS)
def test_a_model_without_efforts_keeps_its_plain_name(effort: Effort) -> None:
    assert names(ladder("small", effort=effort)) == ["small"]


def test_the_estimate_grows_with_effort_and_is_unknown_without_a_price() -> None:
    priced = model("p", dollars=1.0, efforts=("low", "high"), thinking="effort")
    shop = catalog(deployment(priced), deployment(model("u", dollars=None)))
    low, high, unknown = ladder("p@low", "p@high", "u", catalog=shop).rungs
    assert low.estimated_nano is not None
    assert high.estimated_nano is not None
    assert low.estimated_nano < high.estimated_nano
    assert unknown.estimated_nano is None
