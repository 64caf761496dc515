"""What is published about models in words: fields, values, and who says so; for terminals and pages."""

from collections.abc import Iterable

from tiercel.domain.claims import BENCHMARK, PRICE_FIELDS, Value
from tiercel.domain.money import usd_text
from tiercel.measure.amounts import printable
from tiercel.measure.models import Fact, Stated

LABELS = {
    "input": "input price",
    "output": "output price",
    "cached_input": "cached input price",
    "cache_write": "cache write price",
    "window": "window, tokens",
    "max_output": "max output, tokens",
    "tokens_per_second": "tokens per second",
    "open_weights": "weights",
    "self_host_gb": "self-host, least GB",
}
"""How fields are called where they do not go by their own name."""


def field_text(field: str) -> str:
    """A field as people say it."""
    return LABELS.get(field) or printable(field.removeprefix(BENCHMARK))


def price_text(nano: int) -> str:
    """A price in dollars with all its digits, cents at the least: $0.20, $0.0375."""
    whole, _, digits = usd_text(nano).partition(".")
    return f"${int(whole):,}.{digits:0<2}"


def value_text(field: str, value: Value) -> str:
    """A value as people write it."""
    if field in PRICE_FIELDS and isinstance(value, int):
        return price_text(value)
    if field == "open_weights":
        return "open" if value else "closed"
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, str):
        return printable(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def nothing_text(field: str) -> str:
    """What stands where nobody says anything."""
    return "unknown" if field in PRICE_FIELDS else "no claim known"


def marks_of(stated: Stated) -> tuple[str, ...]:
    """What is to be known of a value: that Tiercel uses it, and where nobody says it plainly, that."""
    marks = ["used"] if stated.reckoned else []
    if all(claim.assumed for claim in stated.claims):
        marks.append("assumed")
    elif all(claim.assumed or claim.unverified for claim in stated.claims):
        marks.append("unverified")
    return tuple(marks)


def source_numbers(facts: Iterable[Fact]) -> dict[tuple[str, str], int]:
    """A number for each source and day, in the order in which they are met."""
    met = dict.fromkeys((c.source, c.date) for fact in facts for s in fact.stated for c in s.claims)
    return {source: number for number, source in enumerate(met, 1)}
