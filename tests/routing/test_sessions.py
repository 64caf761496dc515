"""Where a request begins that goes on with a conversation, and what the prompt caches of its session are worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.routing.made import DOLLAR, QUICK, SMALL, SOLID, catalog, deployment, facts, model, policy, request
from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Plan
from tiercel.domain.policy import NEVER_STALLED, Rule, Stall, Sticky, Tier
from tiercel.domain.request import Message, Text, ToolCall, ToolResult
from tiercel.domain.session import NO_SESSION, SessionState
from tiercel.routing.explain import render_text
from tiercel.routing.plan import make_plan
from tiercel.routing.sessions import in_conversation

GREAT = deployment(model("great", dollars=15.0))
SHOP = catalog(SMALL, QUICK, SOLID, GREAT)
TIERS = {
    "fast": Tier(name="fast", members=("quick", "small")),
    "balanced": Tier(name="balanced", members=("solid",)),
    "deep": Tier(name="deep", members=("great",)),
}
LADDER = ("fast", "balanced", "deep")


def plan(
    sticky: Sticky | None = None,
    stall: Stall | None = None,
    *,
    tokens: int = 100,
    session: SessionState = NO_SESSION,
    shop: Catalog = SHOP,
    tiers: dict[str, Tier] = TIERS,
) -> Plan:
    rule = Rule(name="rest", ladder=LADDER, sticky=sticky, stall=stall)
    use = policy(tiers=tiers, rules=(rule,))
    return make_plan(request(), facts(tokens), use, shop, session=session)


def names(made: Plan) -> list[str]:
    return [rung.name for rung in made.rungs]


def first(made: Plan) -> str:
    return made.rungs[made.keeps or 0].name


def stuck(times: int = 3) -> tuple[Message, ...]:
    turns = []
    for n in range(times):
        call = ToolCall(id=f"c{n}", name="read", arguments="{}")
        turns.append(Message(role="assistant", parts=(call,)))
        turns.append(Message(role="tool", parts=(ToolResult(call_id=f"c{n}", parts=(Text(text="?"),)),)))
    return (*request("Find the bug in the parser").messages, *turns)


def asked(times: int) -> tuple[Message, ...]:
    question = request("Why is the last line of the file missing?").messages
    answer = Message(role="assistant", parts=(Text(text="It is not."),))
    return (*((*question, answer) * (times - 1)), *question)


def after(name: str) -> SessionState:
    return SessionState(rung=name, deployment=name)


@pytest.mark.parametrize(
    ("sticky", "asked_first"),
    [("tool_loop", "small"), ("cache", "small"), ("session", "solid"), ("stage", "solid")],
)
def test_who_answered_a_session_is_asked_first_where_the_rule_says_so(
    sticky: Sticky, asked_first: str
) -> None:
    made = in_conversation(plan(sticky), request().messages, session=after("solid"))
    assert first(made) == asked_first
    assert ("the session is with solid" in made.why) == (asked_first == "solid")


def test_a_session_that_needed_a_stage_begins_there_also_without_its_model() -> None:
    kept = in_conversation(plan("stage"), request().messages, session=after("solid"))
    assert names(kept) == ["solid", "great", "small", "quick"]
    assert kept.begins == 1
    only_kept = in_conversation(plan("session"), request().messages, session=after("solid"))
    assert names(only_kept) == ["small", "quick", "solid", "great"]


def test_who_is_no_longer_on_the_ladder_is_not_asked() -> None:
    made = plan("session")
    assert in_conversation(made, request().messages, session=after("gone")) == made


def test_a_tool_loop_goes_before_the_session() -> None:
    made = in_conversation(plan("session"), request().messages, caller="great", session=after("quick"))
    assert first(made) == "great"
    assert "in the middle of great's tools" in made.why


def test_the_same_model_at_another_effort_is_told_apart() -> None:
    thinker = deployment(model("great", dollars=15.0, efforts=("low", "high"), default_effort="low"))
    tiers = TIERS | {"deep": Tier(name="deep", members=("great@low", "great@high"))}
    made = plan("session", shop=catalog(SMALL, QUICK, SOLID, thinker), tiers=tiers)
    session = SessionState(rung="great@high", deployment="great")
    assert first(in_conversation(made, request().messages, session=session)) == "great@high"
    session = SessionState(rung="great@medium", deployment="great")
    assert first(in_conversation(made, request().messages, session=session)) == "great@low"


def test_a_stalled_loop_leaves_the_stage_it_is_at() -> None:
    for caller, begins in (
        (None, "balanced"),
        ("small", "balanced"),
        ("quick", "balanced"),
        ("solid", "deep"),
    ):
        made = in_conversation(plan(stall=Stall()), stuck(), caller=caller)
        assert (made.stages[made.rungs[0].stage], made.keeps) == (begins, None)
        assert (
            f"stalled (read was called 3 times with the same arguments and result): begins at {begins}"
            in made.why
        )
        assert sorted(names(made)) == sorted(names(plan()))


def test_what_stands_below_comes_last() -> None:
    made = in_conversation(plan(stall=Stall()), stuck(), caller="solid")
    assert names(made) == ["great", "small", "quick", "solid"]


def test_at_the_top_a_stalled_loop_stays_and_says_so() -> None:
    made = in_conversation(plan(stall=Stall()), stuck(), caller="great")
    assert first(made) == "great"
    assert (
        "stalled (read was called 3 times with the same arguments and result), and no stage is above"
        in made.why
    )


def test_without_the_key_nobody_looks_for_a_stall() -> None:
    assert plan().stall is None
    assert in_conversation(plan(), stuck()) == plan()


@pytest.mark.parametrize(
    ("times", "session", "begins"),
    [
        (1, NO_SESSION, "fast"),
        (2, NO_SESSION, "balanced"),
        (3, NO_SESSION, "deep"),
        (9, NO_SESSION, "deep"),
        (2, after("solid"), "deep"),
        (3, after("solid"), "deep"),
    ],
)
def test_a_user_who_asks_again_and_again_goes_up_each_time(
    times: int, session: SessionState, begins: str
) -> None:
    made = in_conversation(plan("session", Stall()), asked(times), session=session)
    assert made.stages[made.rungs[made.keeps or 0].stage] == begins


@pytest.mark.parametrize(
    ("rules", "stall", "sticky"),
    [
        (Rule(name="rest", ladder=LADDER), Stall(repeats=5), "session"),
        (Rule(name="rest", ladder=LADDER, stall=Stall(), sticky="stage"), Stall(), "stage"),
        (Rule(name="rest", ladder=LADDER, stall=NEVER_STALLED, sticky="tool_loop"), None, "tool_loop"),
        (None, Stall(repeats=5), "session"),
    ],
)
def test_a_policy_says_it_for_all_its_rules_and_a_rule_may_say_otherwise(
    rules: Rule | None, stall: Stall | None, sticky: Sticky
) -> None:
    use = policy(tiers=TIERS, rules=(rules,) if rules else (), stall=Stall(repeats=5), sticky="session")
    made = make_plan(request(), facts(), use, SHOP)
    assert (made.stall, made.sticky) == (stall, sticky)


@pytest.mark.parametrize("fallback", [False, True])
def test_a_model_that_is_named_is_asked_whoever_the_session_is_with(fallback: bool) -> None:
    rule = Rule(name="rest", ladder=LADDER, sticky="stage", stall=Stall())
    use = policy(tiers=TIERS, rules=(rule,), concrete_fallback=fallback)
    made = make_plan(request(model="quick"), facts(), use, SHOP)
    assert first(in_conversation(made, asked(2), session=after("great"))) == "quick"


def cached_shop() -> Catalog:
    """`warm` costs a little more than `cold`, but for what it reads from its cache a tenth."""
    warm, cold = deployment(model("warm", dollars=1.2)), deployment(model("cold", dollars=1.0))
    prices = replace(warm.model.prices, cached_input=int(0.12 * DOLLAR))
    warm = replace(warm, model=replace(warm.model, prices=prices))
    return catalog(warm, cold, SOLID, GREAT)


@pytest.mark.parametrize(
    ("sticky", "cached", "order"),
    [
        ("cache", {"warm": 40_000}, ["warm", "cold"]),
        ("session", {"warm": 40_000}, ["warm", "cold"]),
        ("cache", {"warm": 100}, ["cold", "warm"]),
        ("cache", {}, ["cold", "warm"]),
        ("cache", {"cold": 40_000}, ["cold", "warm"]),
        ("tool_loop", {"warm": 40_000}, ["cold", "warm"]),
    ],
)
def test_a_prompt_cache_counts_in_the_order_of_a_stage(
    sticky: Sticky, cached: dict[str, int], order: list[str]
) -> None:
    shop = cached_shop()
    tiers = TIERS | {"fast": Tier(name="fast", members=("warm", "cold"))}
    made = plan(sticky, tokens=50_000, session=SessionState(cached=cached), shop=shop, tiers=tiers)
    assert names(made)[:2] == order


def test_what_a_cache_is_worth_stands_in_estimates_and_notes() -> None:
    shop = cached_shop()
    tiers = TIERS | {"fast": Tier(name="fast", members=("warm", "cold"))}
    usual = {rung.name: rung for rung in plan("cache", tokens=50_000, shop=shop, tiers=tiers).rungs}
    session = SessionState(cached={"warm": 40_000})
    made = {r.name: r for r in plan("cache", tokens=50_000, session=session, shop=shop, tiers=tiers).rungs}
    before, now = usual["warm"].estimated_nano, made["warm"].estimated_nano
    assert before is not None
    assert now is not None
    # 40,000 tokens at $0.12 instead of $1.20 a million
    assert before - now == 43_200_000
    assert made["cold"].estimated_nano == usual["cold"].estimated_nano
    assert made["warm"].notes[-1] == "about 40,000 tokens are expected from its prompt cache"
    assert (
        made["cold"].notes[-1]
        == "gives up the prompt cache of warm: about 40,000 tokens, $0.04 here and $0.0048 there"
    )
    assert usual["cold"].notes == ()


@given(tokens=st.integers(0, 200_000), warm=st.integers(0, 400_000))
def test_no_more_is_expected_from_a_cache_than_is_asked(tokens: int, warm: int) -> None:
    shop = cached_shop()
    tiers = TIERS | {"fast": Tier(name="fast", members=("warm", "cold"))}
    session = SessionState(cached={"warm": warm})
    now = {r.name: r for r in plan("cache", tokens=tokens, session=session, shop=shop, tiers=tiers).rungs}
    usual = {r.name: r for r in plan("cache", tokens=tokens, shop=shop, tiers=tiers).rungs}
    for name, rung in now.items():
        before = usual[name].estimated_nano
        assert before is not None
        assert rung.estimated_nano is not None
        assert before >= rung.estimated_nano > 0


def test_explain_says_how_a_rule_treats_conversations() -> None:
    text = render_text(plan("stage", Stall(polling=("wait",))))
    assert (
        "Conversation: the model of its session's last good answer is asked first, and stays where it had to go up; "
        "begins a stage higher after the same calls (but wait) with the same results 3 times in a row, or 3 errors of "
        "tools in a row, or the same asked 2 times"
    ) in text
    assert "Conversation" not in render_text(plan())


@given(
    sticky=st.sampled_from(["tool_loop", "cache", "session", "stage"]),
    caller=st.sampled_from([None, "small", "quick", "solid", "great", "gone"]),
    last=st.sampled_from([None, "small", "quick", "solid", "great", "gone"]),
    loops=st.integers(0, 4),
    times=st.integers(0, 4),
    cached=st.dictionaries(
        st.sampled_from(["small", "quick", "solid", "great", "gone"]), st.integers(1, 90_000)
    ),
)
def test_whatever_came_before_nobody_is_lost_or_added(
    sticky: Sticky, caller: str | None, last: str | None, loops: int, times: int, cached: dict[str, int]
) -> None:
    """Every rung stands on the ladder once, one is asked first, and a stalled conversation goes up if it can."""
    session = SessionState(rung=last, deployment=last, cached=cached)
    made = plan(sticky, Stall(), tokens=20_000, session=session)
    messages = stuck(loops) if loops else asked(times) if times else request().messages
    begun = in_conversation(made, messages, caller=caller, session=session)
    assert sorted(names(begun)) == sorted(names(made)) == ["great", "quick", "small", "solid"]
    assert begun.keeps is None or 0 <= begun.keeps < 4
    usual = in_conversation(replace(made, stall=None), messages, caller=caller, session=session)
    stages = [one.rungs[one.keeps or 0].stage for one in (usual, begun)]
    if loops >= 3 or (not loops and times >= 2):
        assert stages[1] > stages[0] or stages[1] == 2
        assert "stalled" in begun.why
    else:
        assert begun == replace(usual, stall=made.stall)
