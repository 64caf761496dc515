"""Whom an alarm is told: a webhook, and a file that Prometheus' node exporter reads."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.evals.run_folder import Manifest
from tiercel.evals.scheduling.alarms import KINDS, Looked
from tiercel.records.prometheus import Family, exposition
from tiercel.upstream.address import parse_url
from tiercel.upstream.connection import HttpLimits
from tiercel.upstream.errors import HttpError
from tiercel.upstream.http import HttpClient

LIMITS = HttpLimits(connect_seconds=10.0, first_byte_seconds=20.0, idle_seconds=10.0, deadline_seconds=30.0)
MAX_BYTES = 100_000


def require_safe(url: str) -> None:
    """Raises `ConfigError` for an address that an alarm may not be sent to: https, or this machine, and nothing else.

    The address itself is not repeated: for many services it is the key.
    """
    try:
        origin = parse_url(url).origin
    except HttpError:
        raise ConfigError(
            "the webhook's address is none; give one such as https://example.org/hook"
        ) from None
    if origin.scheme != "https" and not origin.is_loopback:
        raise ConfigError("the webhook's address begins with http:// and is on another machine; use https://")


async def post(url: str, manifest: Manifest, kept: str, looked: Looked) -> str:
    """Tell the webhook once; why that failed, empty where it did not. Redirects are not followed."""
    body = msgspec.json.encode(
        {
            "evaluation": manifest.evaluation.name,
            "run": manifest.id,
            "kept": kept,
            "simulated": manifest.simulated,
            "alarms": looked.alarms,
        }
    )
    client = HttpClient()
    try:
        response = await client.request("POST", url, [("content-type", "application/json")], body, LIMITS)
        try:
            await response.read(MAX_BYTES)
        finally:
            response.close()
    except HttpError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await client.aclose()
    return "" if 200 <= response.status < 300 else f"it answered {response.status}"


def metrics(manifest: Manifest, looked: Looked) -> bytes:
    """The gauges of this run in Prometheus' text format."""
    evaluation = manifest.evaluation.name
    raised = {(alarm.kind, alarm.candidate) for alarm in looked.alarms}

    def family(name: str, about: str, values: Iterable[tuple[str, float | None]]) -> Family:
        known = [((evaluation, who), value) for who, value in values if value is not None]
        labels = ("evaluation", "candidate")
        return Family(name=f"tiercel_eval_{name}", kind="gauge", help=about, labels=labels, values=known)

    watched = looked.watched
    alarms = [
        ((evaluation, one.candidate, kind), int((kind, one.candidate) in raised))
        for one in watched
        for kind in KINDS
    ]
    return exposition(
        (
            Family(
                name="tiercel_eval_alarm",
                kind="gauge",
                help="Whether the latest scheduled run gave reason for alarm.",
                labels=("evaluation", "candidate", "kind"),
                values=alarms,
            ),
            family("answers", "Answers that were measured.", ((w.candidate, w.answered) for w in watched)),
            family("errors", "Answers that could not be had.", ((w.candidate, w.errors) for w in watched)),
            family(
                "passed_ratio",
                "The share of measured answers that passed.",
                ((w.candidate, w.passed / w.answered if w.answered else None) for w in watched),
            ),
            family("p50_seconds", "The median of whole answers.", ((w.candidate, w.p50) for w in watched)),
            Family(
                name="tiercel_eval_started_timestamp_seconds",
                kind="gauge",
                help="When the latest scheduled run began.",
                labels=("evaluation",),
                values=[((evaluation,), manifest.started_at)],
            ),
        )
    )


def write_metrics(path: Path, text: bytes) -> None:
    """Write it whole or not at all: the exporter reads at any moment. Raises `ConfigError`."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(text)
        os.replace(part, path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
