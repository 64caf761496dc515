"""The tables of `tiercel.toml`, with the descriptions that editors show. The one source of reader and JSON Schema."""

from typing import Annotated, Literal

from msgspec import Meta, field

from tiercel.domain.request import Effort, Format, Modality
from tiercel.domain.settings import ContentKept
from tiercel.policy.tables import Amount, CatalogName, Count, FilledText, Name, Positive, Seconds, Table

Quirks = Literal[
    "openai",
    "azure",
    "azure_deployments",
    "openrouter",
    "vllm",
    "sglang",
    "llamacpp",
    "ollama",
    "stepfun",
    "deepseek",
    "mistral",
    "xai",
    "groq",
    "moonshot",
    "gemini_compat",
    "vertex",
    "generic",
    "anthropic",
]
Megabytes = Annotated[float, Meta(gt=0, le=1_000_000)]
Speed = Annotated[float, Meta(gt=0)]
Regions = FilledText | tuple[FilledText, ...]
Port = Annotated[int, Meta(ge=0, le=65_535)]


class ListenerTable(Table, frozen=True, kw_only=True):
    """Where Tiercel listens, and for whom."""

    host: Annotated[FilledText, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="The port; 0 takes any free one.")] = 4100
    keys_env: Annotated[
        tuple[FilledText, ...],
        Meta(
            description="Environment variables that hold keys for clients; see keys.md for better ones. Never the keys."
        ),
    ] = ()
    operator_keys_env: Annotated[
        tuple[FilledText, ...],
        Meta(description="Environment variables that hold operators' keys, which may do everything."),
    ] = ()
    allowed_hosts: Annotated[
        tuple[FilledText, ...],
        Meta(description="Names clients may call it by, beside loopback's and the host's own."),
    ] = ()
    max_body_mb: Annotated[Megabytes, Meta(description="The largest request, in megabytes.")] = 20.0
    drain_seconds: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)],
        Meta(description="How long running answers may finish on shutdown."),
    ] = 30.0
    write_seconds: Annotated[
        Seconds, Meta(description="A client that takes nothing of its answer for so long is cut off.")
    ] = 60.0
    max_in_flight: Annotated[
        Positive | None,
        Meta(
            description="How many requests may be under way at once; half of the open files where left out."
        ),
    ] = None


class StorageTable(Table, frozen=True, kw_only=True):
    """Where records are kept."""

    folder: Annotated[FilledText, Meta(description="The data folder, relative to this file.")] = (
        "tiercel-data"
    )
    segment_mb: Annotated[Megabytes, Meta(description="Size at which a journal segment is closed.")] = 16.0
    journal_limit_mb: Annotated[
        Megabytes, Meta(description="All segments together; beyond it, records cannot be written.")
    ] = 1000.0
    when_unwritable: Annotated[
        Literal["refuse", "serve"],
        Meta(description="When no record can be written: refuse requests, or serve them unrecorded."),
    ] = "refuse"
    content: Annotated[
        ContentKept,
        Meta(
            description="What is kept of prompts and answers: nothing, hashes, texts without addresses, keys and "
            "numbers, or everything."
        ),
    ] = "none"
    retention_days: Annotated[Positive | None, Meta(description="Records older than this are removed.")] = (
        None
    )
    project_retention_days: Annotated[
        dict[FilledText, Positive] | None,
        Meta(description="For these projects instead of `retention_days`: `{ search = 30 }`."),
    ] = None
    database_url_env: Annotated[
        FilledText | None,
        Meta(
            description="The environment variable that holds the URL of a PostgreSQL database; SQLite where left out."
        ),
    ] = None
    when_budgets_unknown: Annotated[
        Literal["refuse", "serve"],
        Meta(
            description="While PostgreSQL is away: refuse keys with a budget, or serve them without knowing what "
            "other gateways spend."
        ),
    ] = "refuse"


class TelemetryTable(Table, frozen=True, kw_only=True):
    """Where traces and metrics are sent by OTLP; needs `pip install 'tiercel[otel]'`."""

    otlp_endpoint: Annotated[
        FilledText | None,
        Meta(description="Who takes OTLP over HTTP, such as http://127.0.0.1:4318; nobody where left out."),
    ] = None
    otlp_headers_env: Annotated[
        FilledText | None,
        Meta(description="The environment variable with headers to send along: `name=value,name=value`."),
    ] = None
    service_name: Annotated[FilledText, Meta(description="What the sender calls itself.")] = "tiercel"
    traces: Annotated[bool, Meta(description="Whether a span is sent for each request and each call.")] = True
    metrics: Annotated[bool, Meta(description="Whether metrics are sent.")] = True
    metrics_seconds: Annotated[Seconds, Meta(description="How often metrics are sent.")] = 60.0


class LogTable(Table, frozen=True, kw_only=True):
    """How `tiercel serve` writes its log, to standard error."""

    format: Annotated[
        Literal["text", "json"], Meta(description="Lines for people, or one JSON object a line.")
    ] = "text"


class DashboardTable(Table, frozen=True, kw_only=True):
    """The pages for people, on an address of their own; see dashboard.md."""

    enabled: Annotated[bool, Meta(description="Whether they are served.")] = True
    host: Annotated[FilledText, Meta(description="Address. Beyond this machine only with keys.")] = (
        "127.0.0.1"
    )
    port: Annotated[
        Port | None,
        Meta(
            description="Port; the one after the gateway's where left out, or a free one where that is taken."
        ),
    ] = None
    allowed_hosts: Annotated[
        tuple[FilledText, ...],
        Meta(description="Names people may call it by, beside loopback's and the host's own."),
    ] = ()
    session_hours: Annotated[
        Annotated[float, Meta(gt=0, le=720)], Meta(description="How long a login lasts.")
    ] = 12.0
    evaluations: Annotated[
        FilledText | None,
        Meta(
            description="Below which folder runs of `tiercel eval` are looked for, relative to this file; beside the "
            "data folder where left out."
        ),
    ] = None


class LongPricesTable(Table, frozen=True, kw_only=True):
    """Prices of a whole call whose input is above `long_from_tokens`, in dollars per million tokens."""

    input_usd_per_million: Annotated[Amount, Meta(description="Input tokens.")]
    output_usd_per_million: Annotated[Amount, Meta(description="Output tokens, thinking included.")]
    cached_input_usd_per_million: Annotated[
        Amount | None, Meta(description="Input tokens read from a cache.")
    ] = None
    cache_write_usd_per_million: Annotated[
        Amount | None, Meta(description="Input tokens written to a cache.")
    ] = None


class PricesTable(LongPricesTable, frozen=True, kw_only=True):
    """Prices in dollars per million tokens. Leave the table out where they are not known; 0 means free."""

    long_from_tokens: Annotated[
        Positive | None, Meta(description="Above this many input tokens the `long` prices hold.")
    ] = None
    long: Annotated[LongPricesTable | None, Meta(description="Prices of long calls.")] = None
    source: Annotated[str, Meta(description="Who published them.")] = ""
    date: Annotated[str, Meta(description='When, as text: "2026-11-20".')] = ""


class ProviderTable(Table, frozen=True, kw_only=True):
    """Who serves models. A known provider needs no more than its name; see `tiercel init`."""

    format: Annotated[
        Format | None,
        Meta(
            description="The API it speaks; `openai_chat` where left out. `ollama` is Ollama's own, not its `/v1`."
        ),
    ] = None
    speaks: Annotated[
        tuple[Format, ...] | None,
        Meta(
            description="Other formats it knows below the same `base_url`; clients who speak one are passed on in it."
        ),
    ] = None
    decisions: Annotated[
        bool | None,
        Meta(description="Whether it answers OpenAI's `/decisions`, for the check `confidence`."),
    ] = None
    base_url: Annotated[
        FilledText | None,
        Meta(
            description="Where its API begins, such as https://api.openai.com/v1. Azure's may end in `?api-version=…`."
        ),
    ] = None
    key_env: Annotated[
        FilledText | tuple[FilledText, ...] | None,
        Meta(
            description="The environment variable that holds the key (or several to look in). Never the key."
        ),
    ] = None
    quirks: Annotated[Quirks | None, Meta(description="Whose server it is, where that matters.")] = None
    headers: Annotated[
        dict[FilledText, str] | None, Meta(description="Headers to send along; never credentials.")
    ] = None
    proxy: Annotated[FilledText | None, Meta(description="A proxy to reach it by, http://host:port.")] = None
    ca_file: Annotated[
        FilledText | None, Meta(description="Certificates to trust (PEM), relative to this file.")
    ] = None
    residency: Annotated[
        Regions | None, Meta(description="Where it processes data, such as `eu`; `local` never leaves.")
    ] = None
    connect_seconds: Annotated[Seconds, Meta(description="How long connecting may take.")] = 5.0
    simulated: Annotated[
        bool, Meta(description="Whether no real model answers there (`tiercel lab`); records then say so.")
    ] = False


class ModelTable(Table, frozen=True, kw_only=True):
    """A model and what it can do. For a known model, only what differs."""

    maker: Annotated[
        FilledText | None, Meta(description="Who made it: a judge of the same maker is warned of.")
    ] = None
    modalities: Annotated[
        tuple[Modality, ...] | None, Meta(description="What it takes; text where left out.")
    ] = None
    window: Annotated[Positive | None, Meta(description="Tokens it can hold, input and output.")] = None
    max_output: Annotated[Positive | None, Meta(description="Tokens it can write at most.")] = None
    tools: Annotated[bool | None, Meta(description="Whether it calls tools.")] = None
    tools_with_effort: Annotated[
        bool | None,
        Meta(
            description="Whether Chat Completions takes tools with an effort; else Responses is spoken then."
        ),
    ] = None
    structured_output: Annotated[
        bool | None, Meta(description="Whether it can be held to a JSON Schema by its server.")
    ] = None
    choices: Annotated[bool | None, Meta(description="Whether it takes `n` above 1.")] = None
    efforts: Annotated[
        tuple[Effort, ...] | None, Meta(description="Efforts it can be set to; none where left out.")
    ] = None
    default_effort: Annotated[Effort | None, Meta(description="The effort it has when none is set.")] = None
    thinking: Annotated[
        Literal["none", "effort", "budget", "adaptive"] | None,
        Meta(description="How thinking is asked for."),
    ] = None
    output_floor: Annotated[
        Count | None, Meta(description="Below this max_tokens, thinking may leave nothing to read.")
    ] = None
    rejects: Annotated[
        tuple[FilledText, ...] | None, Meta(description="Request fields it refuses, such as `temperature`.")
    ] = None
    tokens_per_second: Annotated[
        Speed | None, Meta(description="Published speed, used until it was measured.")
    ] = None
    prices: Annotated[PricesTable | None, Meta(description="Prices that win over the built-in ones.")] = None
    served_by: Annotated[
        dict[Name, FilledText] | None,
        Meta(description='Providers that serve it, and what they call it: { openrouter = "maker/name" }.'),
    ] = None


class DeploymentTable(Table, frozen=True, kw_only=True):
    """One more place that serves a model, or one with a weight, region or price of its own."""

    model: Annotated[CatalogName, Meta(description="The model.")]
    provider: Annotated[Name, Meta(description="The provider.")]
    upstream_name: Annotated[FilledText | None, Meta(description="What the provider calls the model.")] = None
    weight: Annotated[Amount, Meta(description="Within a tier, higher comes first.")] = 1.0
    residency: Annotated[Regions | None, Meta(description="Where this one processes data.")] = None
    prices: Annotated[PricesTable | None, Meta(description="Prices here.")] = None
    tokens_per_second: Annotated[Speed | None, Meta(description="Published speed here.")] = None


class SettingsFile(Table, frozen=True, kw_only=True):
    """tiercel.toml: where Tiercel listens, which providers and models there are, where records are kept."""

    version: Annotated[Literal[1], Meta(description="The version of this file's form: 1.")]
    listener: ListenerTable = ListenerTable()
    storage: StorageTable = StorageTable()
    telemetry: TelemetryTable = TelemetryTable()
    log: LogTable = LogTable()
    dashboard: DashboardTable = DashboardTable()
    providers: Annotated[dict[Name, ProviderTable], Meta(description="The providers by name.")] = field(
        default_factory=dict
    )
    models: Annotated[dict[CatalogName, ModelTable], Meta(description="Models by name.")] = field(
        default_factory=dict
    )
    deployments: Annotated[dict[CatalogName, DeploymentTable], Meta(description="Deployments by name.")] = (
        field(default_factory=dict)
    )
