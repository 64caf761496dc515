"""The `model_list` of a LiteLLM configuration: its model groups, and who serves them.

A group becomes a model of the same name, since its members are interchangeable there as a model's deployments are
here. No key is ever copied: one that stands in the file is replaced by the name of a variable to put it into.
"""

import re
from collections.abc import Mapping
from functools import cache

import msgspec

from tiercel.domain.money import NANO_PER_USD
from tiercel.policy.addresses import header_complaint, is_loopback_url, url_complaint, variable_complaint
from tiercel.policy.builtin import (
    BuiltInProvider,
    built_in_models,
    built_in_prices,
    built_in_providers,
    read_data,
)
from tiercel.policy.lined_yaml import Node

ENVIRON = "os.environ/"
CHAT_MODES = frozenset(("chat", "completion", "embedding", "responses", ""))
TAKEN_PARAMS = frozenset(
    (
        "model",
        "api_key",
        "api_base",
        "base_url",
        "api_version",
        "custom_llm_provider",
        "weight",
        "extra_headers",
        "headers",
        "drop_params",
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost",
    )
)
PRICES = {
    "input_cost_per_token": "input_usd_per_million",
    "output_cost_per_token": "output_usd_per_million",
    "cache_read_input_token_cost": "cached_input_usd_per_million",
    "cache_creation_input_token_cost": "cache_write_usd_per_million",
}
PER_MILLION = 1_000_000
LARGEST = 1_000_000
MOST_TOKENS = 1_000_000_000
UNKNOWN_URL = "https://to-be-filled-in.invalid"
"""Stands where an address is not known; no such host can ever exist."""
SLUG = re.compile(r"[^A-Za-z0-9._-]+")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What LiteLLM means by a prefix."""

    provider: str | None = None
    base_url: str | None = None
    key_env: str | None = None
    quirks: str | None = None


class ProviderDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A provider to be written; two that are equal are one."""

    known: str | None
    base_url: str | None = None
    key_env: str | None = None
    quirks: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class DeploymentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """One member of a group."""

    group: str
    provider: str
    upstream_name: str
    weight: float | None = None
    prices: dict[str, float] = {}
    """Dollars per million tokens, by the keys of a table of prices; empty where they are unknown, or known by name."""
    source: str = ""
    """Who said what it costs."""


class Drafts:
    """What the file becomes. `notices` say what could not be carried over; `variables` have to be set."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self.name = name
        self.environ = environ
        self.providers: dict[str, ProviderDraft] = {}
        self.models: dict[str, dict[str, object]] = {}
        self.deployments: list[DeploymentDraft] = []
        self.embeddings: set[str] = set()
        self.notices: list[tuple[int, str]] = []
        self.variables: dict[str, str] = {}
        self._literals: dict[str, str] = {}

    def note(self, node: Node, text: str) -> None:
        self.notices.append((node.line, text))

    def variable_of(self, node: Node, default: str, what: str) -> str:
        """The variable that holds a credential. One that stands in the file itself is not copied."""
        text = node.text or ""
        if text.startswith(ENVIRON):
            variable = text.removeprefix(ENVIRON)
            if variable_complaint(variable) is None:
                return variable
            fixed = SLUG.sub("_", variable).upper().replace("-", "_").replace(".", "_")
            self.note(
                node, f"{what}: variables have capital letters here: set {fixed} to what {variable} holds"
            )
            return fixed
        known = self._literals.get(text)
        if known is None:
            taken, number = set(self._literals.values()), 2
            known = default
            while known in taken:
                known, number = f"{default}_{number}", number + 1
            self._literals[text] = known
        self.note(node, f"{what}: it stands in the file and was not copied; put it into the variable {known}")
        return known

    def value_of(self, node: Node, what: str) -> str:
        """Text that may come from the environment, and is no credential."""
        text = node.text or ""
        if not text.startswith(ENVIRON):
            return text
        variable = text.removeprefix(ENVIRON)
        value = self.environ.get(variable, "").strip()
        if not value:
            self.note(node, f"{what}: {variable} is not set here; write its value into tiercel.toml")
        return value


@cache
def origins() -> dict[str, Origin]:
    return read_data("litellm.toml", dict[str, Origin])


def read_models(model_list: Node, drafts: Drafts) -> None:
    """Every entry that can be carried over."""
    for entry in model_list.list:
        name, params = entry.at("model_name"), entry.at("litellm_params")
        model = params.at("model") if params is not None else None
        if name is None or params is None or model is None:
            drafts.note(entry, "a model without model_name, or without litellm_params.model, is left out")
            continue
        mode = entry.at("model_info", "mode")
        if mode is not None and mode.text not in CHAT_MODES:
            drafts.note(mode, f"{name.text}: mode {mode.text} is not served here")
            continue
        _read_entry(entry, name.text or "", params, drafts)


def _read_entry(entry: Node, group: str, params: Node, drafts: Drafts) -> None:
    model = params.entries["model"]
    if "*" in group or "*" in (model.text or ""):
        drafts.note(entry, f"{group}: there are no wildcards here; name each model in [models]")
        return
    prefix, upstream_name = _prefix_of(model.text or "", params)
    origin = origins().get(prefix)
    if origin is None:
        drafts.note(model, f"{group}: provider {prefix!r} is not served here")
        return
    draft = _provider(prefix, origin, params, drafts, model)
    if draft is None:
        return
    name = model_name(group)
    if name != group:
        drafts.note(entry, f"{group}: is called {name} here")
    provider = _named(prefix, draft, drafts)
    _read_model(name, upstream_name, entry, drafts)
    weight = params.at("weight")
    weighs = weight.number if weight is not None else None
    if weight is not None and (weighs is None or not 0 <= weighs <= LARGEST):
        drafts.note(weight, f"{group}: weight is not a number from 0 to {LARGEST:,}")
        weighs = None
    prices = _prices(params, entry.at("model_info"))
    published = _published(name, upstream_name, draft.known)
    drafts.deployments.append(
        DeploymentDraft(
            group=name,
            provider=provider,
            upstream_name=upstream_name,
            weight=weighs,
            prices=prices or published,
            source=drafts.name if prices else built_in_prices().source,
        )
    )
    for key, node in params.entries.items():
        if key not in TAKEN_PARAMS and not node.is_empty:
            drafts.note(node, f"{group}: litellm_params.{key} has no counterpart")


def model_name(group: str) -> str:
    """A group's name, as a model may be called here."""
    name = re.sub(r"[@\s]+", "-", group)
    return f"{name}-model" if name == "auto" or name.startswith("auto:") else name


def _prefix_of(model: str, params: Node) -> tuple[str, str]:
    stated = params.at("custom_llm_provider")
    head, slash, rest = model.partition("/")
    if stated is not None and stated.text:
        return stated.text, rest if slash and head == stated.text else model
    if slash and head in origins():
        return head, rest
    if slash and not (params.at("api_base") or params.at("base_url")):
        return head, rest
    if model.startswith("claude"):
        return "anthropic", model
    return "openai", model


def _provider(prefix: str, origin: Origin, params: Node, drafts: Drafts, model: Node) -> ProviderDraft | None:
    known = built_in_providers().get(origin.provider or "")
    address = params.at("api_base") or params.at("base_url")
    base_url = drafts.value_of(address, "api_base").rstrip("/") if address is not None else ""
    if address is not None and not base_url:
        base_url = UNKNOWN_URL
    if prefix == "azure":
        base_url = _azure_url(base_url, params, drafts, model)
    base_url = base_url or origin.base_url or ""
    if base_url and url_complaint(base_url, ""):
        drafts.note(
            address or model, f"api_base {url_complaint(base_url, 'https://host/v1')}; the model is left out"
        )
        return None
    if not base_url and known is None:
        drafts.note(
            model, f"{prefix}: api_base is missing, so nobody knows where it is served; it is left out"
        )
        return None
    if origin.provider == "anthropic" and base_url and not base_url.endswith("/v1"):
        base_url += "/v1"
    if known is not None and base_url in ("", known.base_url):
        base_url = ""
    return ProviderDraft(
        known=origin.provider,
        base_url=base_url or None,
        key_env=_key_env(prefix, origin, known, base_url, params, drafts),
        quirks=origin.quirks,
        headers=_headers(params, drafts),
    )


def _azure_url(base_url: str, params: Node, drafts: Drafts, model: Node) -> str:
    version = params.at("api_version")
    base_url = base_url or drafts.environ.get("AZURE_API_BASE", "").rstrip("/")
    if not base_url:
        drafts.note(
            model, "api_base is missing, and AZURE_API_BASE is not set here; write it into tiercel.toml"
        )
        base_url = UNKNOWN_URL
    if version is None:
        return base_url
    return f"{base_url}?api-version={drafts.value_of(version, 'api_version')}"


def _key_env(
    prefix: str, origin: Origin, known: BuiltInProvider | None, base_url: str, params: Node, drafts: Drafts
) -> str | None:
    variables = known.key_env if known is not None and isinstance(known.key_env, tuple) else ()
    default = origin.key_env or next(
        iter(variables), f"{SLUG.sub('_', prefix).upper().replace('-', '_')}_API_KEY"
    )
    key = params.at("api_key")
    is_here = bool(base_url) and is_loopback_url(base_url)
    is_local = is_here or (known is not None and known.local)
    if key is None:
        needs_none = is_local or (origin.base_url is not None and is_loopback_url(origin.base_url))
        variable = None if needs_none else default
    elif is_local and not (key.text or "").startswith(ENVIRON):
        return None  # such servers are given any text, because LiteLLM wants one
    else:
        variable = drafts.variable_of(key, default, "api_key")
    if variable is not None:
        drafts.variables.setdefault(variable, prefix)
    return None if variable in variables and not base_url else variable


def _headers(params: Node, drafts: Drafts) -> tuple[tuple[str, str], ...]:
    given = params.at("extra_headers") or params.at("headers")
    kept: list[tuple[str, str]] = []
    for name, node in (given.entries if given is not None else {}).items():
        value = drafts.value_of(node, f"header {name}")
        if header_complaint(name, value) is None:
            kept.append((name, value))
        else:
            drafts.note(node, f"the header {name} is not sent: it {header_complaint(name, '')}")
    return tuple(kept)


def _named(prefix: str, draft: ProviderDraft, drafts: Drafts) -> str:
    """What the provider is called: as before where there was an equal one."""
    for name, other in drafts.providers.items():
        if other == draft:
            return name
    if draft.known is not None and draft.base_url is None:
        first = draft.known
    else:  # somebody else's server that speaks like OpenAI's is not OpenAI's
        first = f"{prefix}-own" if prefix == "openai" else prefix
    name, number = first, 2
    while name in drafts.providers:
        name, number = f"{first}-{number}", number + 1
    drafts.providers[name] = draft
    return name


def _read_model(name: str, upstream_name: str, entry: Node, drafts: Drafts) -> None:
    """What is said of the model, unless an earlier member of its group said so; else what is known of it."""
    if name in drafts.models:
        return
    info = entry.at("model_info") or Node(line=entry.line)
    model: dict[str, object] = {}
    for key, own in (("max_input_tokens", "window"), ("max_output_tokens", "max_output")):
        node = info.at(key)
        if node is not None and node.number and 1 <= node.number <= MOST_TOKENS:
            model[own] = int(node.number)
    for key, own in (
        ("supports_function_calling", "tools"),
        ("supports_response_schema", "structured_output"),
    ):
        node = info.at(key)
        if node is not None and isinstance(node.scalar, bool):
            model[own] = node.scalar
    vision = info.at("supports_vision")
    if vision is not None and vision.scalar is True:
        model["modalities"] = ["text", "image"]
    if name not in built_in_models() and "window" not in model:
        _copy_known(upstream_name, model)
    mode = info.at("mode")
    if mode is not None and mode.text == "embedding":
        drafts.embeddings.add(name)
    drafts.models[name] = model


def _copy_known(upstream_name: str, model: dict[str, object]) -> None:
    """A known model under a name of the operator's own keeps what is known of it."""
    known = built_in_models().get(upstream_name.rpartition("/")[2])
    for key in (
        "modalities",
        "window",
        "max_output",
        "efforts",
        "default_effort",
        "thinking",
        "output_floor",
        "rejects",
    ):
        value = getattr(known, key) if known is not None else None
        if value is not None:
            model.setdefault(key, list(value) if isinstance(value, tuple) else value)


def _prices(params: Node, info: Node | None) -> dict[str, float]:
    """Dollars per million tokens, where both input and output are given."""
    found = {}
    for key, own in PRICES.items():
        node = params.at(key) or (info.at(key) if info is not None else None)
        price = node.number if node is not None else None
        if price is not None and 0 <= price * PER_MILLION <= LARGEST:
            found[own] = round(price * PER_MILLION, 9)
    return found if {"input_usd_per_million", "output_usd_per_million"} <= found.keys() else {}


def _published(name: str, upstream_name: str, provider: str | None) -> dict[str, float]:
    """What this provider is known to charge, for a known model that has a name of the operator's own here."""
    known = upstream_name.rpartition("/")[2]
    figure = built_in_prices().figure(known, provider or "")
    if name in built_in_models() or figure is None:
        return {}
    fields = {
        "input_usd_per_million": figure.input,
        "output_usd_per_million": figure.output,
        "cached_input_usd_per_million": figure.cached_input,
        "cache_write_usd_per_million": figure.cache_write,
    }
    if figure.long is not None or figure.input is None or figure.output is None:
        return {}  # two sets of prices do not fit into one
    return {key: nano / NANO_PER_USD for key, nano in fields.items() if nano is not None}
