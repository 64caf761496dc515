"""Compiles `src/tiercel/policy/data/prices.json` from the genai-prices package, so that the server need not load it.

Run it after an update of genai-prices: `python scripts/compile_prices.py`. It takes the models of `models.toml` at
the providers that serve them, and of each the newest price in force on the day of the compilation.
"""

import datetime
import importlib.metadata
from decimal import Decimal
from pathlib import Path

import msgspec
from genai_prices.data import providers
from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from tiercel.domain.catalog import Prices
from tiercel.domain.money import nano_from_usd
from tiercel.policy.builtin import PriceBook, built_in_models

TARGET = Path(__file__).parent.parent / "src" / "tiercel" / "policy" / "data" / "prices.json"
PACKAGE = "genai-prices"
LISTED_AS = {"gemini": "google"}
"""What genai-prices calls a provider, where it differs."""

Price = Decimal | TieredPrices | None


def compile_prices(today: datetime.date) -> PriceBook:
    """Every known figure for every built-in model, as of `today`."""
    book: dict[str, dict[str, Prices]] = {}
    for model, facts in built_in_models().items():
        figures = {}
        for provider, upstream_name in (facts.served_by or {}).items():
            listed_as = LISTED_AS.get(provider, provider)
            entry = find_entry(listed_as, upstream_name)
            if entry is not None:
                source = f"{PACKAGE} {importlib.metadata.version(PACKAGE)}, {listed_as}"
                figures[provider] = prices_of(entry, source, today)
        book[model] = figures
    version = importlib.metadata.version(PACKAGE)
    return PriceBook(source=PACKAGE, version=version, date=today.isoformat(), prices=book)


def find_entry(provider: str, upstream_name: str) -> ModelInfo | None:
    """The package's entry of exactly this model; its looser matching could bill another one."""
    for candidate in providers:
        if candidate.id == provider:
            return next((model for model in candidate.models if model.id == upstream_name), None)
    return None


def prices_of(entry: ModelInfo, source: str, today: datetime.date) -> Prices:
    price = in_force(entry.prices, today)
    start = long_start(price)
    return msgspec.structs.replace(
        token_prices(price, long=False),
        long_from=start,
        long=None if start is None else token_prices(price, long=True),
        source=source,
        date=today.isoformat(),
    )


def in_force(prices: ModelPrice | list[ConditionalPrice], today: datetime.date) -> ModelPrice:
    """The newest price that has begun. Prices that hold for hours of the day only are not understood."""
    if isinstance(prices, ModelPrice):
        return prices
    begun = []
    for conditional in prices:
        constraint = conditional.constraint
        if constraint is None:
            begun.append((datetime.date.min, conditional.prices))
        elif isinstance(constraint, StartDateConstraint):
            if constraint.start_date <= today:
                begun.append((constraint.start_date, conditional.prices))
        else:
            raise SystemExit(f"a price with {constraint!r}: teach this script what it means")
    return max(begun, key=lambda pair: pair[0])[1]


def long_start(price: ModelPrice) -> int | None:
    """Where the long prices begin; `Prices` knows one step, so more of them must not be squeezed into it."""
    steps = {
        tier.start
        for value in (price.input_mtok, price.output_mtok, price.cache_read_mtok, price.cache_write_mtok)
        if isinstance(value, TieredPrices)
        for tier in value.tiers
    }
    if len(steps) > 1:
        raise SystemExit(f"prices with several steps {sorted(steps)}: teach Prices about them")
    return next(iter(steps), None)


def token_prices(price: ModelPrice, *, long: bool) -> Prices:
    """The four prices of tokens.

    Where writing to a cache is listed below the input price, the figure is the storage alone, on top of the input
    (OpenRouter lists Gemini so). It is left out: such tokens then count as plain input, never as nearly free.
    """
    tokens = nano(price.input_mtok, long=long)
    written = nano(price.cache_write_mtok, long=long)
    return Prices(
        input=tokens,
        output=nano(price.output_mtok, long=long),
        cached_input=nano(price.cache_read_mtok, long=long),
        cache_write=None if written is None or tokens is None or written < tokens else written,
    )


def nano(price: Price, *, long: bool = False) -> int | None:
    """Dollars per million tokens as nano-dollars per million tokens."""
    if isinstance(price, TieredPrices):
        price = price.tiers[-1].price if long and price.tiers else price.base
    return None if price is None else nano_from_usd(price)


def render(book: PriceBook) -> str:
    return msgspec.json.format(msgspec.json.encode(book), indent=2).decode() + "\n"


def main() -> None:
    book = compile_prices(datetime.datetime.now(datetime.UTC).date())
    TARGET.write_text(render(book), "utf-8")
    figures = sum(len(at) for at in book.prices.values())
    print(f"{TARGET.name}: {figures} figures of {book.source} {book.version}, as of {book.date}")


if __name__ == "__main__":
    main()
