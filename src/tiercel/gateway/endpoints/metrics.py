"""GET /metrics: what was counted since the start, and how things are at this moment, as Prometheus reads it."""

import asyncio

from tiercel import __version__
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.runtime import Runtime
from tiercel.records.prometheus import CONTENT_TYPE, Family, counted, exposition, gauge

BREAKER_STATES = ("ok", "cooling", "open", "half_open")


async def get_metrics(runtime: Runtime, exchange: Exchange) -> None:
    """The page. It is put together in a thread, as it looks at the journal's files."""
    state = runtime.state
    machinery = state.machinery
    families = [
        Family(
            name="tiercel_info",
            kind="gauge",
            help="Which version runs, with which settings and policy; always 1.",
            labels=("version", "settings", "policy"),
            values=[((__version__, state.settings.hash, state.policy.hash), 1)],
        ),
        gauge(
            "tiercel_start_time_seconds", "When the gateway was started, in Unix seconds.", runtime.began_at
        ),
        *_occupancy(runtime),
        *_deployments(runtime),
        gauge(
            "tiercel_retry_tokens", "Retries that the gateway may still make.", machinery.health.retry_tokens
        ),
        gauge(
            "tiercel_hedge_tokens", "Hedges that the gateway may still make.", machinery.health.hedge_tokens
        ),
        *_telemetry(runtime),
        *runtime.shadowing.families(),
    ]
    page = await asyncio.to_thread(_page, runtime, families)
    await exchange.answer(200, [(b"content-type", CONTENT_TYPE)], page)


def _page(runtime: Runtime, families: list[Family]) -> bytes:
    recorder = runtime.recorder
    ingest = recorder.ingest_status()
    families += [
        gauge("tiercel_journal_bytes", "Bytes of the journal's files.", recorder.journal_bytes()),
        gauge(
            "tiercel_ingest_behind_bytes",
            "What the store has not taken from the journal yet.",
            ingest.behind_bytes,
        ),
        gauge(
            "tiercel_ingest_running",
            "1 while the store takes records; 0 while it is paused, or the database does not take them.",
            int(ingest.state == "running"),
        ),
        Family(
            name="tiercel_ingest_unreadable_total",
            kind="counter",
            help="Journal entries that could not be read.",
            values=[((), ingest.unreadable)],
        ),
    ]
    return exposition([*counted(recorder.counters), *families])


def _occupancy(runtime: Runtime) -> list[Family]:
    """How full the house is, where the server tells."""
    if runtime.occupancy is None:
        return []
    now = runtime.occupancy()
    return [
        gauge("tiercel_in_flight", "Requests under way, this one among them.", now.in_flight),
        gauge("tiercel_in_flight_limit", "How many requests may be under way.", now.limit),
        gauge("tiercel_waiting", "Requests that stand in line.", now.waiting),
        gauge("tiercel_connections", "Clients that are connected.", now.connections),
        Family(
            name="tiercel_overload_refusals_total",
            kind="counter",
            help="Requests refused because more was asked than could be done; they have no record.",
            values=[((), now.refused)],
        ),
    ]


def _deployments(runtime: Runtime) -> list[Family]:
    """Who answers and who rests, of those that were called."""
    deployments = runtime.state.machinery.health.snapshot()
    return [
        Family(
            name="tiercel_deployment_state",
            kind="gauge",
            help="1 for the state of the deployment's breaker; cooling is a rest that the provider asked for.",
            labels=("deployment", "state"),
            values=[
                ((d.name, state), int(d.state == state)) for d in deployments for state in BREAKER_STATES
            ],
        ),
        Family(
            name="tiercel_deployment_rest_seconds",
            kind="gauge",
            help="How long the deployment will not be called.",
            labels=("deployment",),
            values=[((d.name,), d.rest_seconds) for d in deployments],
        ),
        Family(
            name="tiercel_deployment_tokens_per_second",
            kind="gauge",
            help="Measured speed: the median of the last answers.",
            labels=("deployment",),
            values=[((d.name,), d.tokens_per_second) for d in deployments if d.tokens_per_second is not None],
        ),
    ]


def _telemetry(runtime: Runtime) -> list[Family]:
    exporter = runtime.exporter
    if exporter is None:
        return []
    return [
        Family(name=f"tiercel_telemetry_spans_{name}_total", kind="counter", help=text, values=[((), value)])
        for name, text, value in (
            ("sent", "Spans that the OTLP collector took.", exporter.sent_spans),
            ("dropped", "Spans that nobody took.", exporter.dropped_spans),
        )
    ]
