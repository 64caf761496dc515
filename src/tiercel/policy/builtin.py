"""What Tiercel knows without being told: providers, models and prices, as dated facts in `data/`."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

from tiercel.domain.catalog import Prices
from tiercel.domain.policy import TierRole
from tiercel.policy.settings_tables import ModelTable, ProviderTable

T = TypeVar("T")


class BuiltInProvider(ProviderTable, frozen=True, kw_only=True):
    """A provider as published. `local` marks servers of one's own: they need no key and charge nothing by the token."""

    source: str
    checked: str
    local: bool = False


class BuiltInModel(ModelTable, frozen=True, kw_only=True):
    """A model as published. `maker` is the provider whose price is the model's; `assumed` names unproven fields.

    `stands_in` is the tier of the shipped policy that it fills for who has a key for it and for nobody there.
    """

    maker: str
    stands_in: TierRole | None = None
    sources: tuple[str, ...]
    assumed: tuple[str, ...]
    checked: str


class PriceBook(msgspec.Struct, frozen=True, kw_only=True):
    """Prices by model and provider, as `scripts/compile_prices.py` wrote them."""

    source: str
    version: str
    date: str
    prices: dict[str, dict[str, Prices]]

    def figure(self, model: str, provider: str) -> Prices | None:
        """What this provider charges for this model, where that is known."""
        return self.prices.get(model, {}).get(provider)


def data_text(name: str) -> str:
    """A file of the package's data folder."""
    return files("tiercel.policy").joinpath("data", name).read_text("utf-8")


@cache
def built_in_providers() -> dict[str, BuiltInProvider]:
    return read_data("providers.toml", dict[str, BuiltInProvider])


@cache
def built_in_models() -> dict[str, BuiltInModel]:
    return read_data("models.toml", dict[str, BuiltInModel])


@cache
def built_in_prices() -> PriceBook:
    return msgspec.json.decode(data_text("prices.json"), type=PriceBook)


def read_data(name: str, kind: type[T]) -> T:
    return msgspec.convert(tomllib.loads(data_text(name)), kind)
