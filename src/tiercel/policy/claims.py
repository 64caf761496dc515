"""Published claims about models: those that ship in `data/claims.toml`, and files of the same form.

One entry is what one source says about one model. Entries may contradict each other, and that is the point: what
Tiercel itself reckons with (`reckoned`) stands beside them as one more claim, and nothing is settled silently.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tiercel.domain.catalog import Catalog, Model
from tiercel.domain.claims import BENCHMARK, FIELDS, Claim, Value
from tiercel.domain.errors import ConfigError
from tiercel.domain.money import nano_from_usd
from tiercel.domain.request import Effort, Modality
from tiercel.policy.builtin import BuiltInModel, built_in_models, data_text
from tiercel.policy.catalog_file import capabilities_of
from tiercel.policy.problems import Problems, listed, nearest
from tiercel.policy.settings_tables import ModelTable, Speed
from tiercel.policy.shape import find_problems
from tiercel.policy.tables import Amount, CatalogName, Date, FilledText, Positive, Table, date_complaint
from tiercel.policy.toml_reader import check_version, read_table, read_text

SHIPPED = "claims.toml"
OWN_SOURCE = "tiercel.toml"
"""The source of what the operator's own file says."""
BUILT_IN_SOURCE = "Tiercel's models.toml"
"""The source of what Tiercel knows of itself: its choice where published figures differ."""

PRICE_KEYS = {
    "input": "input_usd_per_million",
    "output": "output_usd_per_million",
    "cached_input": "cached_input_usd_per_million",
    "cache_write": "cache_write_usd_per_million",
}
"""How the prices are called in files, there and in `tiercel.toml`."""

Dollars = Annotated[Amount | None, Meta(description="Dollars per million tokens.")]


class ClaimsTable(Table, frozen=True, kw_only=True):
    """What one source says about one model."""

    model: Annotated[CatalogName, Meta(description="The model, by the name it has here.")]
    source: Annotated[FilledText, Meta(description="The address or name of who says so.")]
    date: Annotated[
        Date, Meta(description="The day it was published or, where it does not say, read: 2026-10-01.")
    ]
    unverified: Annotated[bool, Meta(description="Found second-hand, or of unknown origin.")] = False
    assumed: Annotated[
        tuple[FilledText, ...], Meta(description="Those of its keys that the source does not state plainly.")
    ] = ()
    note: Annotated[str, Meta(description="What a reader should know of these figures.")] = ""
    input_usd_per_million: Dollars = None
    output_usd_per_million: Dollars = None
    cached_input_usd_per_million: Dollars = None
    cache_write_usd_per_million: Dollars = None
    window: Annotated[Positive | None, Meta(description="Tokens it can hold, input and output.")] = None
    max_output: Annotated[Positive | None, Meta(description="Tokens it can write at most.")] = None
    tokens_per_second: Annotated[Speed | None, Meta(description="Output tokens per second.")] = None
    modalities: Annotated[tuple[Modality, ...] | None, Meta(description="What it takes.")] = None
    efforts: Annotated[tuple[Effort, ...] | None, Meta(description="Efforts it can be set to.")] = None
    open_weights: Annotated[bool | None, Meta(description="Whether its weights can be had.")] = None
    self_host_gb: Annotated[
        Amount | None, Meta(description="Gigabytes of memory that running it oneself needs at least.")
    ] = None
    licence: Annotated[FilledText | None, Meta(description="The licence of its weights, or its terms.")] = (
        None
    )
    benchmarks: Annotated[
        dict[FilledText, float] | None,
        Meta(description='Published scores: { "SWE-bench Pro" = 56.3 }.'),
    ] = None


class ClaimsFile(Table, frozen=True, kw_only=True):
    """A file of claims."""

    version: Annotated[Literal[1], Meta(description="The version of this file's form: 1.")]
    claims: Annotated[tuple[ClaimsTable, ...], Meta(description="What each source says about a model.")]


def shipped_claims() -> tuple[Claim, ...]:
    """The claims that come with Tiercel."""
    return read_claims(data_text(SHIPPED), SHIPPED)


def load_claims(path: Path) -> tuple[Claim, ...]:
    """The claims of a file. Raises `ConfigError` with every problem, each with place and fix."""
    if not path.exists():
        raise ConfigError(f"{path}: no such file; name a file of claims, docs/models.md has an example")
    return read_claims(read_text(path), path.name)


def read_claims(text: str, name: str) -> tuple[Claim, ...]:
    """The claims that this text holds, in its order. Raises `ConfigError` as `load_claims` does."""
    table = read_table(text, name)
    problems = Problems(name, {"claims": 2})
    check_version(table, problems)
    find_problems(table, ClaimsFile, problems)
    problems.raise_if_any()
    file = msgspec.convert(table, ClaimsFile)
    for number, entry in enumerate(file.claims):
        find_entry_problems(entry, number, problems)
    problems.raise_if_any()
    return tuple(claim for entry in file.claims for claim in claims_of(entry))


def find_entry_problems(entry: ClaimsTable, number: int, problems: Problems) -> None:
    path = ("claims", number)
    complaint = date_complaint(entry.date)
    if complaint is not None:
        problems.add((*path, "date"), complaint, entry.date)
    given = [key for key, _, _ in values_of(entry)]
    if not given:
        problems.add(path, "claims nothing; add a figure, or remove the entry")
    for position, key in enumerate(entry.assumed):
        if key not in given:
            fix = nearest(key, given) or f"; it claims {listed(given)}"
            problems.add((*path, "assumed", position), f"is not claimed here{fix}", key)


def claims_of(entry: ClaimsTable) -> Iterator[Claim]:
    for key, field, value in values_of(entry):
        yield Claim(
            model=entry.model,
            field=field,
            value=value,
            source=entry.source,
            date=entry.date,
            assumed=key in entry.assumed,
            unverified=entry.unverified,
            note=entry.note,
        )


def values_of(entry: ClaimsTable) -> Iterator[tuple[str, str, Value]]:
    """What an entry claims, as the key in the file, the claim's field and its value. Scores share the key."""
    for field in FIELDS:
        key = PRICE_KEYS.get(field, field)
        value = getattr(entry, key)
        if value is not None:
            yield key, field, nano_from_usd(str(value)) if field in PRICE_KEYS else value
    for name, score in (entry.benchmarks or {}).items():
        yield "benchmarks", f"{BENCHMARK}{name}", score


def reckoned(model: Model) -> dict[str, Claim]:
    """What Tiercel reckons with for this model, by field: from the operator's file, else from its own data.

    `models.toml` keeps one value of each fact, so that it must choose where sources differ; these are its choices.
    """
    known = built_in_models().get(model.name)
    found = {}
    for field in PRICE_KEYS:
        value = getattr(model.prices, field)
        if value is not None:
            found[field] = Claim(
                model=model.name,
                field=field,
                value=value,
                source=model.prices.source or OWN_SOURCE,
                date=model.prices.date,
            )
    capabilities = model.capabilities
    facts: dict[str, Value | None] = {
        "window": capabilities.window,
        "max_output": capabilities.max_output,
        "tokens_per_second": model.tokens_per_second,
        "modalities": capabilities.modalities,
        "efforts": capabilities.efforts or None,
    }
    for field, value in facts.items():
        if value is not None:
            found[field] = of_models_file(model.name, field, value, known)
    return found


def reckoned_by_model(catalog: Catalog) -> dict[str, dict[str, Claim]]:
    """The same for every model of the catalog."""
    return {name: reckoned(model) for name, model in catalog.models.items()}


def of_models_file(model: str, field: str, value: Value, known: BuiltInModel | None) -> Claim:
    """A fact with where it comes from: the built-in data where that says the same, else the operator's file."""
    own = known is None or value != built_in_value(field, known)
    if known is None or own:
        return Claim(model=model, field=field, value=value, source=OWN_SOURCE, date="")
    return Claim(
        model=model,
        field=field,
        value=value,
        source=BUILT_IN_SOURCE,
        date=known.checked,
        assumed=field in known.assumed,
        note=f"Read at {', '.join(known.sources)}" if known.sources else "",
    )


def built_in_value(field: str, known: BuiltInModel) -> Value | None:
    if field == "tokens_per_second":
        return known.tokens_per_second
    value: Value | None = getattr(capabilities_of(known, ModelTable()), field)
    return value
