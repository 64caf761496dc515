"""A plan made from a remembered draft is the plan that would have been made without."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.routing.made import DOLLAR, FIVE, POLICY, SMALL, catalog, deployment, facts, model, request
from tiercel.domain.catalog import Prices
from tiercel.domain.climb import Plan
from tiercel.domain.errors import ProblemError
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate, Limits, Policy, Rule, When
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Usage
from tiercel.routing.cost import expected_rate
from tiercel.routing.draft import MOST_DRAFTS, draft_of, drafts_of
from tiercel.routing.plan import make_plan

BOUNDED = replace(
    POLICY,
    rules=(
        Rule(name="long", when=When(min_tokens=5_000), ladder=("balanced",)),
        Rule(name="short", when=When(max_tokens=50), ladder=("fast",)),
        *POLICY.rules,
    ),
)
ASKED = st.builds(
    request,
    model=st.sampled_from(["auto", "deep", "solid", "small"]),
    max_output_tokens=st.sampled_from([None, 0, 1, 400, 8_000, 40_000]),
)
FOUND = st.builds(
    facts,
    st.one_of(st.sampled_from([49, 50, 51, 4_999, 5_000]), st.integers(0, 30_000), st.integers(0, 200_000)),
    risk=st.sampled_from(["low", "high"]),
    choices=st.sampled_from([1, 2]),
    strict_json=st.booleans(),
)


def planned(asked: ModelRequest, found: Facts, policy: Policy) -> Plan | str:
    try:
        return make_plan(asked, found, policy, FIVE)
    except ProblemError as error:
        return error.message


@given(st.lists(st.tuples(ASKED, FOUND), max_size=6))
def test_a_remembered_draft_changes_no_plan(requests: Sequence[tuple[ModelRequest, Facts]]) -> None:
    """A copy of the policy is another one, for which nothing is remembered."""
    for asked, found in requests:
        fresh = replace(BOUNDED)
        assert planned(asked, found, BOUNDED) == planned(asked, found, fresh)


def test_requests_alike_but_for_their_size_share_a_draft() -> None:
    drafted = draft_of(request(), facts(100), BOUNDED, FIVE)
    assert drafted is draft_of(request(), facts(4_000), BOUNDED, FIVE)
    assert drafted is not draft_of(request(), facts(6_000), BOUNDED, FIVE)


def test_after_a_reload_nothing_of_the_old_policy_or_catalog_is_left() -> None:
    """Also while requests that began before it still climb the old ones."""
    dearer = replace(SMALL, prices=Prices(input=9 * DOLLAR, output=9 * DOLLAR))
    shop = catalog(dearer, *(one for one in FIVE.deployments.values() if one is not SMALL))
    relaxed = replace(BOUNDED, limits=Limits(max_attempts=2))
    for _ in range(2):
        before = make_plan(request(), facts(), BOUNDED, FIVE)
        assert [rung.name for rung in before.rungs[:3]] == ["own", "small", "quick"]
        after = make_plan(request(), facts(), relaxed, shop)
        assert [rung.name for rung in after.rungs[:3]] == ["own", "quick", "small"]
        assert (before.limits.max_attempts, after.limits.max_attempts) == (6, 2)


def test_a_client_that_varies_its_request_without_end_does_not_fill_the_memory() -> None:
    use = replace(POLICY)
    for cap in range(1, MOST_DRAFTS + 10):
        draft_of(request(max_output_tokens=cap), facts(), use, FIVE)
    assert len(drafts_of(use, FIVE).known) <= MOST_DRAFTS


def test_a_gate_for_tests_is_planned_only_for_requests_that_bring_some() -> None:
    """So the streams of others are not held for it."""
    gates = (Gate(check="finished", needs_whole=False), Gate(check="code", applies="tests"))
    policy = replace(POLICY, gates=gates)
    tested = replace(request(), annotations={"tests": "assert f() == 1"})
    plans = [make_plan(asked, facts(), policy, FIVE) for asked in (request(), tested, request())]
    assert [plan.holds for plan in plans] == [False, True, False]


PRICE = st.one_of(
    st.none(), st.integers(0, 100 * DOLLAR), st.integers(0, 1_000_000).map(lambda each: each * 100_000)
)
"""Of any size, and as vendors write them."""


@given(
    st.builds(
        Prices,
        input=PRICE,
        output=PRICE,
        long_from=st.sampled_from([None, 1_000]),
        long=st.sampled_from([None, Prices(input=7, output=DOLLAR)]),
    ),
    st.integers(0, 1_000_000),
)
def test_an_estimate_is_what_the_prices_say_of_the_expected_usage(prices: Prices, tokens: int) -> None:
    """500 visible tokens are assumed of an unknown task."""
    rate = expected_rate(deployment(model(), prices=prices), None, request(), facts())
    assert rate.nano(tokens) == prices.cost(Usage(uncached=tokens, visible=500))
