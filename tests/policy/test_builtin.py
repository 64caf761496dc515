"""The facts that ship with Tiercel: dated, sourced, and in step with the package the prices come from."""

import datetime
import importlib.metadata
import importlib.util
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from genai_prices.types import ConditionalPrice, ModelPrice, StartDateConstraint

from tiercel.policy.addresses import is_loopback_url, url_complaint
from tiercel.policy.builtin import built_in_models, built_in_prices, built_in_providers
from tiercel.policy.catalog_file import published_prices
from tiercel.policy.settings_tables import Quirks
from tiercel.wire.quirks import QUIRKS

SCRIPT = Path(__file__).parents[2] / "scripts" / "compile_prices.py"


def price_compiler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile_prices", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_prices_are_what_the_package_says() -> None:
    """`prices.json` is what the script makes of the installed genai-prices, for the day it was compiled."""
    book = built_in_prices()
    installed = importlib.metadata.version("genai-prices")
    if installed != book.version:
        pytest.skip(f"prices.json is of genai-prices {book.version}, installed is {installed}")
    assert price_compiler().compile_prices(datetime.date.fromisoformat(book.date)) == book


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("gemini-3.5-flash", (1.50, 9.00)),
        ("step-3.7-flash", (0.20, 1.15)),
        ("claude-haiku-4-5", (1.00, 5.00)),
        ("claude-sonnet-4-5", (3.00, 15.00)),
        ("claude-opus-4-8", (5.00, 25.00)),
    ],
)
def test_a_models_price_is_its_makers(model: str, usd: tuple[float, float]) -> None:
    prices = published_prices(model)
    assert (prices.input, prices.output) == tuple(round(figure * 1e9) for figure in usd)
    assert prices.source
    assert prices.date


def test_an_unpublished_price_is_unknown() -> None:
    assert not published_prices("gemini-3.5-pro").known


def test_long_calls_have_prices_of_their_own() -> None:
    """Claude Sonnet 4.5 was listed with dearer tokens above 200,000 of input."""
    prices = published_prices("claude-sonnet-4-5")
    assert prices.long is not None
    assert (prices.long_from, prices.long.input, prices.long.output) == (
        200_000,
        6_000_000_000,
        22_500_000_000,
    )


@pytest.mark.parametrize("model", built_in_models())
def test_writing_to_a_cache_is_never_cheaper_than_input(model: str) -> None:
    for prices in built_in_prices().prices[model].values():
        assert prices.cache_write is None or prices.cache_write >= (prices.input or 0)


def test_the_newest_price_that_has_begun_counts() -> None:
    """A price announced for tomorrow does not bill today."""
    compiler = price_compiler()
    starts = {1: None, 2: datetime.date(2026, 11, 1), 3: datetime.date(2026, 12, 1)}
    prices = [
        ConditionalPrice(
            constraint=StartDateConstraint(start) if start else None,
            prices=ModelPrice(input_mtok=Decimal(usd)),
        )
        for usd, start in starts.items()
    ]
    days = [datetime.date(2026, 10, 31), datetime.date(2026, 11, 1), datetime.date(2026, 12, 24)]
    assert [compiler.in_force(prices, day).input_mtok for day in days] == [1, 2, 3]


def test_the_files_quirks_are_those_the_codecs_know() -> None:
    assert set(get_args(Quirks)) == set(QUIRKS)


@pytest.mark.parametrize("name", built_in_models())
def test_every_model_says_where_its_facts_come_from(name: str) -> None:
    """A date, and sources or the admission that it is assumed; served by providers that exist."""
    model = built_in_models()[name]
    datetime.date.fromisoformat(model.checked)
    assert model.sources or "window" in model.assumed
    assert {model.maker, *(model.served_by or {})} <= set(built_in_providers())
    assert model.default_effort in (model.efforts or ())


@pytest.mark.parametrize("name", built_in_providers())
def test_every_provider_is_complete(name: str) -> None:
    """An address, quirks that exist, a source and a date; local ones are on this machine and need no key."""
    provider = built_in_providers()[name]
    datetime.date.fromisoformat(provider.checked)
    assert provider.base_url is not None
    assert url_complaint(provider.base_url, "") is None
    assert is_loopback_url(provider.base_url) == provider.local == (provider.key_env is None)
    assert provider.quirks in QUIRKS
