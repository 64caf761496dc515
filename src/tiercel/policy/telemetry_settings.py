"""The table `[telemetry]` of `tiercel.toml` into `Telemetry`; its credentials come from the environment only."""

from collections.abc import Mapping

from tiercel.domain.secret import Secret
from tiercel.domain.settings import Telemetry
from tiercel.policy.addresses import CONNECTION_HEADERS, HEADER_NAME, url_complaint, variable_complaint
from tiercel.policy.problems import Problems
from tiercel.policy.settings_tables import TelemetryTable

EXAMPLE_ENDPOINT = "http://127.0.0.1:4318"
HEADERS_PATH = ("telemetry", "otlp_headers_env")


def telemetry_of(table: TelemetryTable, environ: Mapping[str, str], problems: Problems) -> Telemetry:
    """What the table says, with headers from `environ`."""
    endpoint = table.otlp_endpoint
    if endpoint is not None:
        complaint = url_complaint(endpoint, EXAMPLE_ENDPOINT)
        if complaint is not None:
            problems.add(("telemetry", "otlp_endpoint"), complaint)
    elif table.otlp_headers_env is not None:
        problems.add(HEADERS_PATH, f'is of no use without otlp_endpoint = "{EXAMPLE_ENDPOINT}"')
    return Telemetry(
        otlp_endpoint=None if endpoint is None else endpoint.rstrip("/"),
        otlp_headers=_headers(table.otlp_headers_env, environ, problems),
        service_name=table.service_name,
        traces=table.traces,
        metrics=table.metrics,
        metrics_seconds=table.metrics_seconds,
    )


def _headers(
    variable: str | None, environ: Mapping[str, str], problems: Problems
) -> tuple[tuple[str, Secret], ...]:
    if variable is None:
        return ()
    complaint = variable_complaint(variable)
    if complaint is not None:
        problems.add(HEADERS_PATH, complaint)
        return ()
    text = environ.get(variable, "").strip()
    if not text:
        problems.add(HEADERS_PATH, "not set in the environment; set it to name=value,name=value", variable)
    return tuple(_header(pair, variable, problems) for pair in text.split(",") if pair.strip())


def _header(pair: str, variable: str, problems: Problems) -> tuple[str, Secret]:
    name, equals, value = (part.strip() for part in pair.partition("="))
    is_sound = HEADER_NAME.match(name) and name.lower() not in CONNECTION_HEADERS
    if not (equals and value and is_sound and value.isascii() and value.isprintable()):
        problems.add(
            HEADERS_PATH, f"the variable {variable} is not of the form name=value,name=value; set it again"
        )
    return name, Secret(value)
