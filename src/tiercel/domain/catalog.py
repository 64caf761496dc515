"""Who can answer: providers, models with their capabilities and prices, deployments, and rungs."""

from typing import Literal

import msgspec

from tiercel.domain.money import divided
from tiercel.domain.request import Effort, Format, Modality
from tiercel.domain.response import Usage
from tiercel.domain.secret import Secret

TOKENS_PER_PRICE = 1_000_000
Residency = str
"""Where data may be processed: a region's name such as `eu`, `us`, or `local` for machines of one's own."""


class Prices(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Prices in nano-dollars per million tokens; `None` is unknown, which is never the same as free.

    $1.50 per million tokens is 1,500,000,000. `source` and `date` say who published them, and when. Some vendors
    bill the whole call at `long` once its input exceeds `long_from` tokens.
    """

    input: int | None = None
    output: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    long_from: int | None = None
    long: "Prices | None" = None
    source: str = ""
    date: str = ""

    @property
    def known(self) -> bool:
        return self.input is not None and self.output is not None

    def cost(self, usage: Usage) -> int | None:
        """What this usage costs in whole nano-dollars, or `None` where a needed price is unknown.

        A cached or written token without a price of its own is billed as a plain input token, never as free.
        """
        if self.long is not None and self.long_from is not None and usage.input > self.long_from:
            return self.long.cost(usage)
        if self.input is None or self.output is None:
            return None
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        total = (
            usage.uncached * self.input
            + usage.cached * cached
            + usage.written * written
            + (usage.visible + usage.reasoning) * self.output
        )
        return divided(total, TOKENS_PER_PRICE)


class Capabilities(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model can take and give. Decides what may be sent to it; nothing in the code matches on its name."""

    modalities: tuple[Modality, ...] = ("text",)
    window: int | None = None
    max_output: int | None = None
    tools: bool = True
    tools_with_effort: bool = True
    """Whether Chat Completions takes tools together with an effort; elsewhere that needs the Responses API."""
    structured_output: bool = True
    choices: bool = False
    """Whether `n` above 1 is accepted."""
    efforts: tuple[Effort, ...] = ()
    """Efforts it accepts; empty means that effort cannot be set."""
    default_effort: Effort | None = None
    thinking: Literal["none", "effort", "budget", "adaptive"] = "none"
    """How thinking is asked for: not at all, `reasoning_effort`, a token budget, or adaptive with an effort."""
    output_floor: int = 0
    """Below this many output tokens hidden thinking may leave nothing to read (the max_tokens guard)."""
    rejects: tuple[str, ...] = ()
    """Request fields it refuses, such as `temperature`; they are dropped and reported as lost."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model, wherever it is served. `tokens_per_second` is the published speed, until it was measured. `maker` is who
    made it, empty where that is not known."""

    name: str
    maker: str = ""
    capabilities: Capabilities = Capabilities()
    prices: Prices = Prices()
    tokens_per_second: float | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves: where, in which format, with which credential. `quirks` names the entry of `wire/quirks.py`.

    `speaks` are formats it knows beside its own, below the same `base_url`. `decisions` is whether it answers OpenAI's
    calls for decisions there.
    """

    name: str
    format: Format
    speaks: tuple[Format, ...] = ()
    decisions: bool = False
    base_url: str
    key: Secret | None = None
    key_env: str | None = None
    quirks: str = "openai"
    headers: dict[str, str] = {}
    proxy: str | None = None
    ca_file: str | None = None
    residency: tuple[Residency, ...] = ()
    connect_seconds: float = 5.0
    simulated: bool = False
    """Whether no real model answers there; every record of it says so."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One place that can serve a model: `model` at `provider`, called there by `upstream_name`."""

    name: str
    model: Model
    provider: Provider
    upstream_name: str
    prices: Prices | None = None
    residency: tuple[Residency, ...] = ()
    weight: float = 1.0
    tokens_per_second: float | None = None
    billing: Prices = Prices()
    """The deployment's own prices, else the model's; not to be given."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "billing", self.prices or self.model.prices)

    @property
    def regions(self) -> tuple[Residency, ...]:
        return self.residency or self.provider.residency

    @property
    def speed(self) -> float | None:
        """Published tokens per second, the deployment's own figure first."""
        return self.tokens_per_second if self.tokens_per_second is not None else self.model.tokens_per_second


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that could be called, by name. `models` also holds those that nobody here serves.

    `keyless` holds deployments that cannot be called because the variable `provider.key_env` is not set.
    """

    providers: dict[str, Provider] = {}
    models: dict[str, Model] = {}
    deployments: dict[str, Deployment] = {}
    keyless: dict[str, Deployment] = {}

    def serving(self, model: str) -> tuple[Deployment, ...]:
        """The deployments of a model, in the order of the file."""
        return tuple(d for d in self.deployments.values() if d.model.name == model)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a codec encodes a call for: the deployment, and what was decided about this call."""

    deployment: Deployment
    effort: Effort | None = None
    max_output_tokens: int | None = None
    stream: bool = False
    correction: str | None = None
    """A validator's message for a re-ask: `previous_text` was the answer it complains about."""
    previous_text: str | None = None
