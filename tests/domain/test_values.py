"""The nouns keep their small promises: money is exact, secrets stay hidden, estimates are within their margin."""

import pickle
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.catalog import Deployment, Model, Prices, Provider
from tiercel.domain.money import divided, nano_from_usd, usd_from_nano, usd_text
from tiercel.domain.response import Usage
from tiercel.domain.secret import Secret
from tiercel.domain.tokens import MARGIN, TokenEstimate, estimate_all, estimate_tokens

MILLION = 1_000_000
DOLLAR = 1_000_000_000


@given(st.integers(-(10**18), 10**18))
def test_money_makes_the_round_trip_exactly(nano: int) -> None:
    assert nano_from_usd(usd_from_nano(nano)) == nano
    assert nano_from_usd(usd_text(nano)) == nano


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "0"), (1, "0.000000001"), (35_000, "0.000035"), (DOLLAR, "1")]
)
def test_dollars_are_written_plainly(nano: int, text: str) -> None:
    assert usd_text(nano) == text


@given(st.integers(0, 10**18), st.integers(1, 10**7))
def test_division_rounds_as_fractions_do(nano: int, by: int) -> None:
    assert divided(nano, by) == round(Fraction(nano, by))


def test_rounding_is_half_to_even() -> None:
    assert [nano_from_usd(Decimal(n) / 10 / DOLLAR) for n in (5, 15, 25)] == [0, 2, 2]


PRICES = Prices(input=2 * DOLLAR, output=10 * DOLLAR, cached_input=DOLLAR // 5)


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(uncached=MILLION), "2"),
        (Usage(visible=MILLION), "10"),
        (Usage(reasoning=MILLION), "10"),
        (Usage(cached=MILLION), "0.2"),
        # no price for written tokens: billed as input, never as free
        (Usage(written=MILLION), "2"),
        (Usage(uncached=10, visible=5), "0.00007"),
    ],
)
def test_usage_times_prices(usage: Usage, usd: str) -> None:
    assert PRICES.cost(usage) == nano_from_usd(usd)


def test_an_unknown_price_is_unknown_and_never_zero() -> None:
    assert Prices(input=1).cost(Usage(uncached=1)) is None
    assert Prices().cost(Usage()) is None


def test_a_long_context_is_billed_whole_at_its_own_price() -> None:
    prices = msgspec.structs.replace(
        PRICES, long_from=200_000, long=Prices(input=4 * DOLLAR, output=15 * DOLLAR)
    )
    assert prices.cost(Usage(uncached=200_000)) == nano_from_usd("0.4")
    assert prices.cost(Usage(uncached=150_000, cached=50_001)) == nano_from_usd("0.800004")


def test_a_secret_never_shows_itself() -> None:
    secret = Secret("sk-marked")
    shown = f"{secret} {secret!r} {secret:>30} {[secret]} { ({'a': secret}) }"
    assert "marked" not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode({"key": secret})
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == "sk-marked"
    assert secret == Secret("sk-marked")
    assert secret != Secret("other")


# counted with OpenAI's o200k_base encoding
COUNTED = [
    (
        "Hi Jordan,\n\nthanks for the draft. Could you move the pricing table to page two and shorten the introduction"
        " to three sentences? We need it by Friday noon.\n\nBest,\nMira",
        36,
    ),
    (
        "def mean(values: list[float]) -> float:\n    if not values:\n        raise ValueError('no values')\n"
        "    return sum(values) / len(values)\n",
        33,
    ),
    (
        '{"order": {"id": 48213, "lines": [{"sku": "A-1009", "quantity": 3, "price": 12.5},'
        ' {"sku": "B-77", "quantity": 1, "price": 4.99}]}}',
        59,
    ),
    (
        "2026-03-14 09:26:53,589 ERROR worker-7 request 9f3c1a failed after 3 attempts: connection reset by peer"
        " (10.0.4.17:5432)",
        48,
    ),
    (
        "Bitte fassen Sie den beigefügten Vertrag in fünf Stichpunkten zusammen und nennen Sie die Kündigungsfrist.",
        24,
    ),
    ("请用三句话总结这份会议记录，并列出需要在下周之前完成的任务。", 21),
]


@pytest.mark.parametrize(("text", "tokens"), COUNTED)
def test_the_estimate_is_within_its_margin(text: str, tokens: int) -> None:
    estimate = TokenEstimate(tokens=estimate_tokens(text))
    assert tokens * (1 - MARGIN) <= estimate.tokens <= tokens * (1 + MARGIN)
    assert estimate.upper >= tokens


def test_what_is_worked_out_of_other_fields_follows_them() -> None:
    replace = msgspec.structs.replace
    assert replace(TokenEstimate(tokens=100), tokens=200) == TokenEstimate(tokens=200)
    assert TokenEstimate(tokens=200, margin=0.5).upper == 301
    model = Model(name="m", prices=PRICES)
    provider = Provider(name="p", format="openai_chat", base_url="http://p")
    deployment = Deployment(name="d", model=model, provider=provider, upstream_name="m")
    assert deployment.billing == PRICES
    free = Prices(input=0, output=0)
    assert replace(deployment, prices=free).billing == free
    assert replace(replace(deployment, prices=free), prices=None).billing == PRICES


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(first: str, second: str) -> None:
    assert estimate_tokens(first + second) >= max(estimate_tokens(first), estimate_tokens(second)) - 1


@given(st.lists(st.text()))
def test_all_texts_together_are_the_sum_of_each(texts: list[str]) -> None:
    assert estimate_all(texts) == sum(map(estimate_tokens, texts))
