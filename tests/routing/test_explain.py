"""A plan can be told in words, completely, and always the same."""

import msgspec

from tests.routing.made import FIVE, POLICY, catalog, deployment, facts, model, policy, request
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Shadow, Tier
from tiercel.domain.request import Hints
from tiercel.routing.explain import Explanation, PassedOver, explain, render_text
from tiercel.routing.facts import read_facts
from tiercel.routing.plan import make_plan


def told(found: Facts, name: str = "auto") -> Explanation:
    return explain(make_plan(request(model=name), found, POLICY, FIVE), POLICY)


def test_each_rule_before_the_one_that_held_says_why_it_did_not() -> None:
    assert told(facts(task="coding", strict_json=True)).passed_over == (
        PassedOver(rule="risky", reasons=("risk is low, not high",)),
        PassedOver(rule="hard", reasons=("complexity is medium, not hard",)),
    )


def test_a_request_that_names_what_it_wants_passed_no_rule_over() -> None:
    assert told(facts(), "deep").passed_over == ()
    assert told(facts(), "deep").why == "the request names the tier deep"


def test_without_any_matching_rule_all_were_passed_over() -> None:
    use = policy(rules=POLICY.rules[:2])
    made = make_plan(request(), facts(), use, FIVE)
    assert [missed.rule for missed in explain(made, use).passed_over] == ["risky", "hard"]


def test_stated_and_inferred_facts_are_told_apart() -> None:
    asked = request("Summarize: rain, then sun.")
    made = make_plan(asked, read_facts(asked, Hints(risk="low")), POLICY, FIVE)
    lines = {fact.name: fact for fact in explain(made).facts}
    assert (lines["task"].source, lines["task"].why) == ("inferred", "'summarize'")
    assert (lines["risk"].source, lines["risk"].why) == ("stated", "")
    assert (lines["latency"].source, lines["latency"].value) == ("default", "normal")


def test_the_ladder_names_tier_effort_and_expected_cost() -> None:
    rung = told(facts(tokens=1_000, risk="high")).ladder[0]
    assert (rung.name, rung.tier, rung.effort, rung.provider) == ("great@low", "deep", "low", "cloud")
    assert rung.estimated_usd == "0.0225"  # 1,000 in and an assumed 500 out, at $15 a million


def test_an_explanation_is_plain_data() -> None:
    made = told(facts(modalities=("text", "image")))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Explanation) == made


def test_the_text_says_everything_in_order() -> None:
    thinks = deployment(model("thinks", thinking="effort", output_floor=1_000, max_output=8_000))
    unpriced = deployment(model("unpriced", dollars=None))
    small = deployment(model("small", window=100))
    use = policy(
        rules=(),
        tiers={"fast": Tier(name="fast", members=("thinks", "unpriced", "small"))},
    )
    asked = request("Hello there", max_output_tokens=20)
    made = make_plan(asked, read_facts(asked, Hints()), use, catalog(thinks, unpriced, small))
    text = render_text(made, use)
    wanted = [
        "Facts",
        "task         simple_chat  (inferred: a greeting or thanks)",
        "Rule none: no rule matched",
        "Filters",
        "took nothing out",
        "Ladder",
        "at cloud, stage fast, about $",
        "max_tokens 1,020",
        "max_tokens 20 is below the model's floor of 1,000: raised to 1,020, text cut at 20",
        "unpriced at cloud, stage fast, price unknown",
        "Gates",
        "finished at least 1",
        "Limits: 600 s, 6 attempts",
    ]
    places = [text.find(words) for words in wanted]
    assert -1 not in places, (wanted[places.index(-1)], text)


def test_a_hedge_is_told_and_that_one_deployment_has_none() -> None:
    use = policy(hedge=True)
    several = explain(make_plan(request(), facts(), use, FIVE)).limits
    alone = explain(make_plan(request(model="great@high"), facts(), use, FIVE)).limits
    assert several == ("600 s", "6 attempts", "one hedge when slower than 95 % of calls")
    assert alone == ("600 s", "6 attempts", "no hedge: one deployment only")


def test_candidates_on_copies_are_told() -> None:
    """Who is tried, how often, for how much; nothing where nobody is."""
    shadow = Shadow(candidates=("new@low", "other"), share=0.05, day_nano=5_000_000_000)
    rules = tuple(msgspec.structs.replace(rule, shadow=shadow) for rule in POLICY.rules)
    text = render_text(make_plan(request(), facts(), policy(rules=rules), FIVE))
    assert "Shadow: new@low and other on 5 % of such requests, for at most $5 a day; never delivered" in text
    assert "Shadow" not in render_text(make_plan(request(), facts(), POLICY, FIVE))


def test_the_same_plan_is_told_the_same() -> None:
    made = make_plan(request(), facts(), POLICY, FIVE)
    assert render_text(made, POLICY) == render_text(made, POLICY)


def test_without_the_policy_the_rules_before_are_left_out() -> None:
    made = make_plan(request(), facts(), POLICY, FIVE)
    assert explain(made).passed_over == ()
    assert "not risky" not in render_text(made)
    assert "not risky: risk is low, not high" in render_text(made, POLICY)
