"""What the operator says about the installation itself, written in `tiercel.toml`; the policy is another file."""

from typing import Literal

import msgspec

from tiercel.domain.catalog import Catalog
from tiercel.domain.secret import Secret


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Where the gateway listens. Beyond loopback it serves only when `keys` are configured."""

    host: str = "127.0.0.1"
    port: int = 4100
    keys: tuple[Secret, ...] = ()
    """Accepted client keys, read from the environment variables that `keys_env` names."""
    operator_keys: tuple[Secret, ...] = ()
    """Keys that may do everything, from the variables that `operator_keys_env` names."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that the Host header may carry beside loopback's and the listener's own."""
    max_body_bytes: int = 20_000_000
    drain_seconds: float = 30.0
    write_seconds: float = 60.0
    """A client that takes nothing of its answer for so long is cut off."""
    max_in_flight: int | None = None
    """How many requests may be under way at once; `None` for as many as the open files leave room for."""


ContentKept = Literal["none", "hashes", "redacted", "full"]


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """Where records are kept. Segments of the journal are rotated at `segment_bytes` and removed once ingested."""

    folder: str = "tiercel-data"
    segment_bytes: int = 16_000_000
    journal_limit_bytes: int = 1_000_000_000
    """All segments together; beyond it the journal counts as not writable."""
    when_unwritable: Literal["refuse", "serve"] = "refuse"
    content: ContentKept = "none"
    """What is kept of prompts and answers."""
    retention_days: int | None = None
    project_retention_days: tuple[tuple[str, int], ...] = ()
    """Of these projects instead of `retention_days`."""
    database_url: Secret | None = None
    """Where PostgreSQL is, password and all, read from the variable that `database_url_env` names; `None` for SQLite
    in `folder`."""
    when_budgets_unknown: Literal["refuse", "serve"] = "refuse"
    """What becomes of keys with a budget while PostgreSQL is away and nobody knows what other gateways spend."""
    is_thrown_away: bool = False
    """Whether nobody wants the folder afterwards: its journal is then taken into no database."""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """Where traces and metrics are sent by OTLP (protobuf over HTTP); nowhere without an `otlp_endpoint`."""

    otlp_endpoint: str | None = None
    """Without the `/v1/traces` and `/v1/metrics` that are sent to."""
    otlp_headers: tuple[tuple[str, Secret], ...] = ()
    service_name: str = "tiercel"
    traces: bool = True
    metrics: bool = True
    metrics_seconds: float = 60.0


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """How log lines look: for people, or one JSON object each."""

    format: Literal["text", "json"] = "text"


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """Where people look. `port` `None` is the one after the gateway's, or any free one where that is taken."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int | None = None
    allowed_hosts: tuple[str, ...] = ()
    """Names that the Host header may carry beside loopback's and the dashboard's own."""
    session_hours: float = 12.0
    """How long a login lasts."""
    evaluations: str | None = None
    """The folder below which runs of evaluations lie; `None` for the one that the data folder lies in."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable configuration of the installation. `hash` names exactly this text."""

    listener: Listener = Listener()
    storage: Storage = Storage()
    telemetry: Telemetry = Telemetry()
    log: Log = Log()
    dashboard: Dashboard = Dashboard()
    catalog: Catalog = Catalog()
    missing_keys: tuple[str, ...] = ()
    """Providers left out because their key is not in the environment, as `name (VARIABLE)`."""
    hash: str = ""
