"""Providers, models and deployments of `tiercel.toml`, completed by what is built in, into a `Catalog`."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from tiercel.domain.catalog import Capabilities, Catalog, Deployment, Model, Prices, Provider
from tiercel.domain.money import nano_from_usd
from tiercel.domain.secret import Secret
from tiercel.policy.addresses import (
    header_complaint,
    is_loopback_url,
    key_complaint,
    url_complaint,
    variable_complaint,
)
from tiercel.policy.builtin import built_in_models, built_in_prices, built_in_providers
from tiercel.policy.problems import Problems, listed, nearest
from tiercel.policy.settings_tables import (
    DeploymentTable,
    LongPricesTable,
    ModelTable,
    PricesTable,
    ProviderTable,
    SettingsFile,
)

EXAMPLE_URL = "https://gpu.example.com:8000/v1"
EXAMPLE_PROXY = "http://proxy.example.com:3128"
PROVIDER_FIELDS = frozenset(field.name for field in msgspec.structs.fields(ProviderTable))
CAPABILITIES = tuple(field.name for field in msgspec.structs.fields(Capabilities))


class Environment(NamedTuple):
    """What surrounds the file: the variables that may hold keys, and the folder that its paths start from."""

    variables: Mapping[str, str]
    folder: Path | None


class ReadCatalog(NamedTuple):
    """The catalog, and which providers were left out because their key is not there, as `name (VARIABLE)`."""

    catalog: Catalog
    missing_keys: tuple[str, ...]


def read_catalog(file: SettingsFile, environment: Environment, problems: Problems) -> ReadCatalog:
    """Everything the file says that could be called. Raises `ConfigError` with the problems noted so far."""
    providers: dict[str, Provider] = {}
    keyless: dict[str, Provider] = {}
    for name, written in file.providers.items():
        table = completed(name, written, problems)
        find_provider_problems(name, table, environment, problems)
        provider = provider_of(name, table, environment, problems)
        # a server on this machine needs no key for being a known provider's double, only for having one named
        needs_key = written.key_env is not None or not is_loopback_url(provider.base_url)
        needs_key = needs_key and provider.key_env is not None
        (keyless if needs_key and provider.key is None else providers)[name] = provider
    problems.raise_if_any()
    models = read_models(file, problems)
    tables = all_deployments(file, problems)
    problems.raise_if_any()
    deployments = {
        name: deployment_of(name, table, models[table.model], (providers | keyless)[table.provider], file)
        for name, table in tables.items()
    }
    catalog = Catalog(
        providers=providers,
        models=models,
        deployments={name: d for name, d in deployments.items() if d.provider.name in providers},
        keyless={name: d for name, d in deployments.items() if d.provider.name in keyless},
    )
    return ReadCatalog(catalog, tuple(f"{name} ({p.key_env})" for name, p in keyless.items()))


def completed(name: str, table: ProviderTable, problems: Problems) -> ProviderTable:
    """The provider with what is known of one of its name filled in; its own words win."""
    known = built_in_providers().get(name)
    if known is not None:
        given = {key: value for key, value in msgspec.structs.asdict(table).items() if value is not None}
        base = {key: value for key, value in msgspec.structs.asdict(known).items() if key in PROVIDER_FIELDS}
        return ProviderTable(**(base | given))
    if table.base_url is None:
        fix = nearest(name, built_in_providers()) or f"; these need none: {listed(built_in_providers())}"
        problems.add(("providers", name), f"'base_url' is missing, and no known provider has this name{fix}")
    return table


def find_provider_problems(
    name: str, table: ProviderTable, environment: Environment, problems: Problems
) -> None:
    path = ("providers", name)
    if table.base_url is not None:
        note(problems, (*path, "base_url"), url_complaint(table.base_url, EXAMPLE_URL))
    if table.proxy is not None:
        complaint = url_complaint(table.proxy, EXAMPLE_PROXY)
        if complaint and "password" in complaint:
            complaint = "holds a user name or password; set HTTPS_PROXY in the environment instead"
        note(problems, (*path, "proxy"), complaint)
    for header, value in (table.headers or {}).items():
        note(problems, (*path, "headers", header), header_complaint(header, value))
    for variable in variables_of(table):
        note(problems, (*path, "key_env"), variable_complaint(variable))
    if table.ca_file is not None and not placed(table.ca_file, environment).is_file():
        problems.add((*path, "ca_file"), "no such file; name a PEM file of certificates", table.ca_file)


def note(problems: Problems, path: tuple[str, ...], complaint: str | None) -> None:
    if complaint is not None:
        problems.add(path, complaint)


def placed(path: str, environment: Environment) -> Path:
    """A path of the file, relative to the file's own folder."""
    return (environment.folder or Path()) / path


def variables_of(table: ProviderTable) -> tuple[str, ...]:
    if table.key_env is None:
        return ()
    return (table.key_env,) if isinstance(table.key_env, str) else table.key_env


def find_key(
    name: str, table: ProviderTable, environment: Environment, problems: Problems
) -> tuple[str | None, Secret | None]:
    """The first of the provider's variables that is set, with its value; else the first, without."""
    variables = variables_of(table)
    for variable in variables:
        value = environment.variables.get(variable, "").strip()
        if value:
            complaint = key_complaint(value)
            if complaint is not None:
                problems.add(("providers", name, "key_env"), f"the variable {variable} {complaint}")
            return variable, Secret(value)
    return (variables[0] if variables else None), None


def provider_of(name: str, table: ProviderTable, environment: Environment, problems: Problems) -> Provider:
    key_env, key = find_key(name, table, environment, problems)
    known = built_in_providers().get(name)
    base_url = (table.base_url or "").rstrip("/")
    stays_here = known is not None and known.local and is_loopback_url(base_url)
    upstream_format = table.format or "openai_chat"
    return Provider(
        name=name,
        format=upstream_format,
        speaks=tuple(dict.fromkeys((upstream_format, *table.speaks))) if table.speaks else (),
        decisions=bool(table.decisions),
        base_url=base_url,
        key=key,
        key_env=key_env,
        quirks=table.quirks or ("anthropic" if upstream_format == "anthropic" else "generic"),
        headers=table.headers or {},
        proxy=table.proxy,
        ca_file=None if table.ca_file is None else str(placed(table.ca_file, environment)),
        residency=regions(table.residency) or (("local",) if stays_here else ()),
        connect_seconds=table.connect_seconds,
        simulated=table.simulated,
    )


def regions(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def read_models(file: SettingsFile, problems: Problems) -> dict[str, Model]:
    """Every model, known or of the file; the file's words win."""
    models = {}
    for name in [*built_in_models(), *(name for name in file.models if name not in built_in_models())]:
        known, own = built_in_models().get(name, ModelTable()), file.models.get(name, ModelTable())
        capabilities = capabilities_of(known, own)
        if capabilities.default_effort and capabilities.default_effort not in capabilities.efforts:
            problems.add(
                ("models", name, "default_effort"),
                f"is not among its efforts ({listed(capabilities.efforts) or 'none are given'}); add it there",
                capabilities.default_effort,
            )
        models[name] = Model(
            name=name,
            maker=own.maker or known.maker or "",
            capabilities=capabilities,
            prices=prices_of(own.prices) if own.prices else published_prices(name),
            tokens_per_second=own.tokens_per_second or known.tokens_per_second,
        )
    for name, table in file.models.items():
        find_price_problems(table.prices, ("models", name, "prices"), problems)
        if name == "auto" or name.startswith("auto:"):
            problems.add(("models", name), "the name is taken: it stands for routing; choose another")
    return models


def capabilities_of(known: ModelTable, own: ModelTable) -> Capabilities:
    given = {}
    for name in CAPABILITIES:
        value = getattr(own, name)
        value = getattr(known, name) if value is None else value
        if value is not None:
            given[name] = value
    return Capabilities(**given)


def published_prices(model: str) -> Prices:
    """The maker's own figure; where it publishes none that we have, the first one known; else unknown."""
    known = built_in_models().get(model)
    figures = built_in_prices().prices.get(model, {})
    if known is None or not figures:
        return Prices()
    return figures.get(known.maker) or next(iter(figures.values()))


def find_price_problems(table: PricesTable | None, path: tuple[str, ...], problems: Problems) -> None:
    if table is not None and (table.long is None) != (table.long_from_tokens is None):
        problems.add(path, "'long' and 'long_from_tokens' belong together; give both or neither")


def prices_of(table: PricesTable) -> Prices:
    plain = plain_prices(table)
    return msgspec.structs.replace(
        plain,
        long_from=table.long_from_tokens,
        long=None if table.long is None else plain_prices(table.long),
        source=table.source or "tiercel.toml",
        date=table.date,
    )


def plain_prices(table: LongPricesTable) -> Prices:
    return Prices(
        input=nano(table.input_usd_per_million),
        output=nano(table.output_usd_per_million),
        cached_input=nano(table.cached_input_usd_per_million),
        cache_write=nano(table.cache_write_usd_per_million),
    )


def nano(usd: float | None) -> int | None:
    return None if usd is None else nano_from_usd(str(usd))


def all_deployments(file: SettingsFile, problems: Problems) -> dict[str, DeploymentTable]:
    """The file's own deployments, then one for every model that a provider of the file is known to serve."""
    deployments = {}
    for name, table in file.deployments.items():
        find_deployment_problems(name, table, file, problems)
        upstream_name = table.upstream_name or serving(table.model, file).get(table.provider, table.model)
        deployments[name] = msgspec.structs.replace(table, upstream_name=upstream_name)
    taken = {(table.model, table.provider) for table in deployments.values()}
    for model in [*built_in_models(), *(name for name in file.models if name not in built_in_models())]:
        served_by = serving(model, file)
        for provider in (name for name in file.providers if name in served_by):
            if (model, provider) not in taken:
                table = DeploymentTable(model=model, provider=provider, upstream_name=served_by[provider])
                deployments.setdefault(f"{provider}/{model}", table)
        find_serving_problems(model, file, problems)
    return deployments


def serving(model: str, file: SettingsFile) -> dict[str, str]:
    """Who serves a model under which name: what is known, and what the file adds or corrects."""
    known = built_in_models().get(model, ModelTable()).served_by or {}
    return known | (file.models.get(model, ModelTable()).served_by or {})


def find_deployment_problems(
    name: str, table: DeploymentTable, file: SettingsFile, problems: Problems
) -> None:
    path = ("deployments", name)
    models = {*built_in_models(), *file.models}
    if table.model not in models:
        fix = nearest(table.model, models) or f'; add [models."{table.model}"]'
        problems.add((*path, "model"), f"no such model{fix}", table.model)
    if table.provider not in file.providers:
        fix = nearest(table.provider, file.providers) or f"; add [providers.{table.provider}]"
        problems.add((*path, "provider"), f"no such provider{fix}", table.provider)
    if name in models:
        problems.add(path, "a model has this name; choose another")
    find_price_problems(table.prices, (*path, "prices"), problems)


def find_serving_problems(model: str, file: SettingsFile, problems: Problems) -> None:
    """A model of the operator's own must be served by somebody, or it was written in vain."""
    own = file.models.get(model)
    if own is None:
        return
    for provider in own.served_by or {}:
        if provider not in file.providers:
            fix = nearest(provider, file.providers) or f"; add [providers.{provider}]"
            problems.add(("models", model, "served_by"), f"no such provider{fix}", provider)
    deployed = any(table.model == model for table in file.deployments.values())
    if not serving(model, file) and not deployed:
        problems.add(("models", model), 'nobody serves it; add served_by = { PROVIDER = "its name there" }')


def deployment_of(
    name: str, table: DeploymentTable, model: Model, provider: Provider, file: SettingsFile
) -> Deployment:
    return Deployment(
        name=name,
        model=model,
        provider=provider,
        upstream_name=table.upstream_name or model.name,
        prices=deployment_prices(table, file),
        residency=regions(table.residency),
        weight=table.weight,
        tokens_per_second=table.tokens_per_second,
    )


def deployment_prices(table: DeploymentTable, file: SettingsFile) -> Prices | None:
    """What is billed here: the file's figure, else the provider's own. `None` leaves it to the model's price.

    A server of one's own does not charge what the maker does, so there the price is unknown unless the file says it.
    """
    if table.prices is not None:
        return prices_of(table.prices)
    if file.models.get(table.model, ModelTable()).prices is not None:
        return None
    figure = built_in_prices().figure(table.model, table.provider)
    if figure is not None:
        return figure
    known = built_in_providers().get(table.provider)
    return Prices() if known is not None and known.local else None
