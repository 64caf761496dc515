"""The order of a ladder's rungs, and when it may be settled before a request's size is known."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.routing.made import CLOUD, DOLLAR, deployment, facts, model, request
from tiercel.domain.catalog import Prices
from tiercel.domain.climb import Rung
from tiercel.domain.policy import Preference
from tiercel.routing.contender import Contender, DraftStage, Groups
from tiercel.routing.cost import expected_rate
from tiercel.routing.order import ordered, settled

PRICE = st.one_of(st.none(), st.sampled_from([0, 1, 999, 2_000_000, DOLLAR, 3 * DOLLAR]))
LONG = st.sampled_from([None, Prices(input=1, output=1), Prices(input=9 * DOLLAR, output=9 * DOLLAR)])
PRICES = st.builds(Prices, input=PRICE, output=PRICE, long_from=st.just(50), long=LONG)
PREFERENCES = st.sampled_from(["cheapest", "fastest", "listed"])
TOKENS = st.one_of(st.integers(0, 100), st.integers(0, 1_000_000))


def contender(number: int, prices: Prices, weight: float = 1.0) -> Contender:
    made = deployment(model(f"m{number}"), CLOUD, name=f"d{number}", prices=prices, weight=weight)
    rung = Rung(deployment=made, stage=0)
    rate = expected_rate(made, None, request(max_output_tokens=1), facts())
    return Contender(asked=rung, rung=rung, obstacle=None, roomy_below=0, rate=rate, once=(made.name, None))


def stage_of(groups: Groups, prefer: Preference) -> DraftStage:
    return DraftStage(groups=groups, prefer=prefer, settled=settled(groups, prefer))


def listed(*prices: tuple[int, int]) -> Groups:
    """A group of one for each, by the nano-dollars of a million tokens in and out."""
    return tuple((contender(n, Prices(input=inward, output=out)),) for n, (inward, out) in enumerate(prices))


@st.composite
def grouped(draw: st.DrawFn) -> Groups:
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    numbers = iter(range(sum(sizes)))
    weights = st.sampled_from([1.0, 1.0, 2.0])
    return tuple(
        tuple(contender(next(numbers), draw(PRICES), draw(weights)) for _ in range(size)) for size in sizes
    )


@given(grouped(), PREFERENCES, st.lists(TOKENS, min_size=1, max_size=5), st.floats(1, 100))
@example(listed((1, 0), (0, 0)), "cheapest", [0, 600_000], 1.0)
@example(listed((0, 400_000), (0, 0)), "cheapest", [0], 1.0)
def test_a_settled_order_is_the_order_at_every_size_and_speed(
    groups: Groups, prefer: Preference, sizes: list[int], speed: float
) -> None:
    made = stage_of(groups, prefer)
    for tokens in sizes:
        measured = {"d1": speed}
        unsettled = ordered((replace(made, settled=None),), tokens, measured)
        assert ordered((made,), tokens, measured) == unsettled


@pytest.mark.parametrize(
    ("prices", "order"),
    [
        (((DOLLAR, 2 * DOLLAR), (3 * DOLLAR, 9 * DOLLAR)), ["d0", "d1"]),
        (((3 * DOLLAR, 9 * DOLLAR), (DOLLAR, 2 * DOLLAR)), ["d1", "d0"]),
        (((DOLLAR, DOLLAR), (DOLLAR, DOLLAR)), ["d0", "d1"]),
        (((DOLLAR, 9 * DOLLAR), (3 * DOLLAR, 2 * DOLLAR)), None),
    ],
)
def test_an_order_by_price_is_settled_where_one_is_cheaper_both_ways(
    prices: tuple[tuple[int, int], ...], order: list[str] | None
) -> None:
    found = settled(listed(*prices), "cheapest")
    assert (None if found is None else [one.asked.name for one in found]) == order


def test_what_a_session_has_cached_moves_a_settled_order() -> None:
    groups = (
        (contender(0, Prices(input=DOLLAR, output=DOLLAR)),),
        (contender(1, Prices(input=2 * DOLLAR, cached_input=0, output=DOLLAR)),),
    )
    made = stage_of(groups, "cheapest")
    assert made.settled is not None
    for cached, first in (({}, "d0"), ({"d1": 900}, "d1")):
        assert ordered((made,), 1_000, {}, cached)[0][0].asked.name == first


def test_who_was_measured_faster_moves_up() -> None:
    made = stage_of(listed((0, 0), (0, 0)), "fastest")
    assert made.settled is None
    assert [one.asked.name for one, _ in ordered((made,), 10, {"d1": 80.0})] == ["d1", "d0"]
