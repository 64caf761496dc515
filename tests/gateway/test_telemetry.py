"""Traces and metrics over OTLP, received and decoded by OpenTelemetry's own protocol classes."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.gateway.house import House, settings_for, two_tiers
from tests.records.samples import FULL
from tiercel.domain.catalog import Deployment
from tiercel.domain.record import Record
from tiercel.domain.response import Usage
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Telemetry
from tiercel.gateway.app import running
from tiercel.records.counters import Counters
from tiercel.records.otlp import encode_metrics, encode_traces
from tiercel.records.prometheus import counted, exposition
from tiercel.records.telemetry import MAX_WAITING, Encoding, Exporter, Post
from tiercel.records.traced import Sender, Traced
from tiercel.testing.delivery import Delivery
from tiercel.testing.loopback import LoopbackServer, SeenRequest
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
MARKED = "canary-in-the-prompt"
ASK: Any = [{"role": "user", "content": f"Say hello, {MARKED}"}]


class Collector:
    """An OTLP receiver on loopback: takes protobuf at the two paths of the protocol, and keeps what came."""

    def __init__(self, *statuses: int, rejects: int = 0) -> None:
        self.seen: list[SeenRequest] = []
        self.statuses = list(statuses)
        self.rejects = rejects
        self._server = LoopbackServer(self._take)
        self._changed = asyncio.Condition()
        self.endpoint = ""

    async def __aenter__(self) -> Self:
        self.endpoint = f"http://127.0.0.1:{await self._server.start()}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.aclose()

    async def _take(self, seen: SeenRequest) -> Delivery:
        self.seen.append(seen)
        async with self._changed:
            self._changed.notify_all()
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.rejects if seen.path == "/v1/traces" else 0
        status = self.statuses.pop(0) if self.statuses else 200
        return Delivery(status=status, pieces=(answer.SerializeToString(),))

    async def has_seen(self, count: int) -> None:
        """Return once so many exports have arrived."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.seen) >= count)

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for seen in self.seen
            if seen.path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(seen.body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self) -> dict[str, Metric]:
        """The latest of each name."""
        return {
            metric.name: metric
            for seen in self.seen
            if seen.path == "/v1/metrics"
            for resource in ExportMetricsServiceRequest.FromString(seen.body).resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@asynccontextmanager
async def traced(folder: Path, telemetry: Telemetry, *deployments: Deployment) -> AsyncIterator[House]:
    """A gateway of two tiers that sends telemetry; leaving the context sends what waits."""
    settings = msgspec.structs.replace(settings_for(folder, *deployments), telemetry=telemetry)
    async with running(settings, two_tiers(), port=0) as gateway:
        home = House(gateway)
        try:
            yield home
        finally:
            await home.client.close()


def plain(attributes: Any) -> dict[str, object]:
    """Attributes as a dictionary."""
    return {pair.key: _plain(pair) for pair in attributes}


def _plain(pair: KeyValue) -> object:
    kind = pair.value.WhichOneof("value")
    if kind == "array_value":
        return [item.string_value for item in pair.value.array_value.values]
    return None if kind is None else getattr(pair.value, kind)


async def ask(home: House, **headers: str) -> str:
    answer = await home.client.chat.completions.with_raw_response.create(
        model="auto", messages=ASK, extra_headers=headers
    )
    return answer.headers["x-tiercel-record"]


async def test_a_climb_and_its_attempts_are_spans_of_the_clients_trace(tmp_path: Path) -> None:
    """The client's `traceparent` is the parent of the climb, the climb that of each call; times and names agree."""
    async with (
        Collector() as collector,
        ScriptedProvider(Fails(status=401), name="mistral") as cheap,
        ScriptedProvider(Says(text="hello")) as dear,
    ):
        telemetry = Telemetry(otlp_endpoint=collector.endpoint, service_name="our-gateway")
        async with traced(tmp_path, telemetry, cheap.deployment("cheap"), dear.deployment("dear")) as home:
            record = home.record(await ask(home, traceparent=f"00-{TRACE}-{CALLER}-01"))
    climb, first, fallback = collector.spans
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert climb.parent_span_id.hex() == CALLER
    assert {first.parent_span_id, fallback.parent_span_id} == {climb.span_id}
    assert (climb.kind, first.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert (climb.name, first.name, fallback.name) == ("chat auto", "chat cheap", "chat dear")
    assert climb.start_time_unix_nano == pytest.approx(record.started_at * 1e9, rel=1e-15)
    assert climb.start_time_unix_nano <= first.start_time_unix_nano <= first.end_time_unix_nano
    assert first.end_time_unix_nano <= fallback.start_time_unix_nano + 1000
    assert fallback.end_time_unix_nano <= climb.end_time_unix_nano + 1000
    of_climb, of_first, of_fallback = (plain(span.attributes) for span in collector.spans)
    assert of_climb["gen_ai.operation.name"] == "chat"
    assert of_climb["gen_ai.request.model"] == "auto"
    assert of_climb["gen_ai.response.model"] == "dear"
    assert (of_climb["tiercel.outcome"], of_climb["tiercel.attempts"]) == ("passed", 2)
    assert of_climb["tiercel.record.id"] == record.id
    assert (of_first["gen_ai.provider.name"], of_first["error.type"]) == ("mistral_ai", "auth")
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert of_fallback["gen_ai.response.finish_reasons"] == ["stop"]
    usage = record.attempts[1].usage
    assert usage is not None
    assert of_fallback["gen_ai.usage.input_tokens"] == usage.input
    assert "gen_ai.usage.input_tokens" not in of_climb
    assert [event.name for event in fallback.events] == ["gen_ai.evaluation.result"] * len(fallback.events)


async def test_metrics_follow_the_conventions_and_agree_with_the_records(tmp_path: Path) -> None:
    """Cumulative histograms with the boundaries that the conventions name."""
    async with (
        Collector() as collector,
        ScriptedProvider(Says(text="hello")) as cheap,
        ScriptedProvider() as dear,
    ):
        telemetry = Telemetry(otlp_endpoint=collector.endpoint)
        async with traced(tmp_path, telemetry, cheap.deployment("cheap"), dear.deployment("dear")) as home:
            usage = home.record(await ask(home)).attempts[0].usage
    assert usage is not None
    tokens = collector.metrics["gen_ai.client.token.usage"].histogram.data_points
    sums = {plain(point.attributes)["gen_ai.token.type"]: point.sum for point in tokens}
    assert sums == {"input": usage.input, "output": usage.output}
    assert list(tokens[0].explicit_bounds) == [4**power for power in range(14)]
    (duration,) = collector.metrics["gen_ai.client.operation.duration"].histogram.data_points
    assert (duration.count, len(duration.bucket_counts)) == (1, 15)
    assert plain(duration.attributes)["gen_ai.request.model"] == "cheap"
    (requests,) = collector.metrics["tiercel.requests"].sum.data_points
    assert requests.as_int == 1
    assert 0 < requests.start_time_unix_nano < requests.time_unix_nano


async def test_neither_prompt_nor_key_is_sent(tmp_path: Path) -> None:
    """Headers go where they were configured for, and the rest of what is secret stays here."""
    async with (
        Collector() as collector,
        ScriptedProvider(Says(text=f"{MARKED} too")) as cheap,
        ScriptedProvider() as dear,
    ):
        headers = (("x-collector-key", Secret("for the collector")),)
        telemetry = Telemetry(otlp_endpoint=collector.endpoint, otlp_headers=headers)
        async with traced(tmp_path, telemetry, cheap.deployment("cheap"), dear.deployment("dear")) as home:
            await ask(home)
    sent = b"".join(seen.body for seen in collector.seen)
    assert MARKED.encode() not in sent
    assert b"sk-scripted" not in sent
    assert {seen.headers["x-collector-key"] for seen in collector.seen} == {"for the collector"}
    assert {seen.headers["content-type"] for seen in collector.seen} == {"application/x-protobuf"}


async def test_a_trace_that_is_not_sampled_is_not_sent(tmp_path: Path) -> None:
    """Whoever leads the trace decides; a header that says nothing valid is no parent."""
    async with Collector() as collector, ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default = Says(text="hello")
        telemetry = Telemetry(otlp_endpoint=collector.endpoint, metrics=False)
        async with traced(tmp_path, telemetry, cheap.deployment("cheap"), dear.deployment("dear")) as home:
            await ask(home, traceparent=f"00-{TRACE}-{CALLER}-00")
            await ask(home, traceparent=f"ff-{TRACE}-{CALLER}-01")
    climb, _ = collector.spans
    assert (climb.trace_id.hex() == TRACE, climb.parent_span_id) == (False, b"")


async def test_an_endpoint_that_is_away_costs_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests are served and recorded, the log says it once, and the spans are counted as dropped."""
    async with Collector() as collector:
        endpoint = collector.endpoint
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default = Says(text="hello")
        telemetry = Telemetry(otlp_endpoint=endpoint, metrics=False)
        with caplog.at_level(logging.WARNING, "tiercel.records.telemetry"):
            async with traced(
                tmp_path, telemetry, cheap.deployment("cheap"), dear.deployment("dear")
            ) as home:
                for _ in range(3):
                    record = home.record(await ask(home))
                    assert record.outcome == "passed"
                exporter = home.gateway.runtime.exporter
    assert exporter is not None
    assert (exporter.sent_spans, exporter.dropped_spans) == (0, 6)
    told = [entry.getMessage() for entry in caplog.records]
    assert len([line for line in told if "cannot be reached" in line]) == 1
    assert "6 were dropped" in told[-1]


@pytest.mark.parametrize(
    ("statuses", "rejects", "sent", "dropped"),
    [((), 0, 2, 0), ((404,), 0, 0, 2), ((), 1, 1, 1), ((503,) * 50, 0, 0, 2)],
    ids=["taken", "refused", "partly", "away at the end"],
)
async def test_every_span_is_sent_or_counted_as_dropped(
    tmp_path: Path, statuses: tuple[int, ...], rejects: int, sent: int, dropped: int
) -> None:
    """Whatever the collector answers, the two counts add up."""
    async with (
        Collector(*statuses, rejects=rejects) as collector,
        ScriptedProvider(Says(text="hello")) as cheap,
        ScriptedProvider() as dear,
    ):
        telemetry = Telemetry(otlp_endpoint=collector.endpoint, metrics=False)
        async with traced(tmp_path, telemetry, cheap.deployment("cheap"), dear.deployment("dear")) as home:
            await ask(home)
            exporter = home.gateway.runtime.exporter
    assert exporter is not None
    assert (exporter.sent_spans, exporter.dropped_spans) == (sent, dropped)


async def test_what_waited_is_sent_when_the_collector_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked again after a moment; the log tells that it was away and that it is back."""
    async with (
        Collector(503) as collector,
        ScriptedProvider(Says(text="hello")) as cheap,
        ScriptedProvider() as dear,
    ):
        telemetry = Telemetry(otlp_endpoint=collector.endpoint, metrics=False)
        with caplog.at_level(logging.WARNING, "tiercel.records.telemetry"):
            async with traced(
                tmp_path, telemetry, cheap.deployment("cheap"), dear.deployment("dear")
            ) as home:
                await ask(home)
                await asyncio.wait_for(collector.has_seen(2), 20)
                exporter = home.gateway.runtime.exporter
    assert exporter is not None
    assert (exporter.sent_spans, exporter.dropped_spans) == (2, 0)
    told = [entry.getMessage() for entry in caplog.records]
    assert ["answers 503" in line for line in told] == [True, False]
    assert "takes what is sent again" in told[1]


@pytest.mark.parametrize("tokens", [-5, 2**53, 10**400], ids=["negative", "large", "beyond any number"])
def test_whatever_was_recorded_can_be_sent(tokens: int) -> None:
    """Half a character in a client's model, and counts that no provider can have made."""
    attempt = msgspec.structs.replace(FULL.attempts[1], usage=Usage(uncached=tokens, visible=tokens))
    odd = msgspec.structs.replace(FULL, model_requested="half \ud800", session="é\udfff", attempts=(attempt,))
    counters = Counters()
    counters.add(odd)
    request = ExportTraceServiceRequest.FromString(encode_traces([Traced(record=odd, parent=None)], "us"))
    assert request.resource_spans[0].scope_spans[0].spans[0].name == "chat half ?"
    sender = Sender(service_name="us", began_at_nano=1, dropped_spans=0)
    assert encode_metrics(counters, sender)
    assert exposition(counted(counters))


@pytest.mark.parametrize(
    ("absent", "code"),
    [
        (
            "opentelemetry.proto",
            "from tiercel.records.telemetry import Exporter\n"
            "from tiercel.domain.settings import Telemetry\n"
            "Exporter.open(Telemetry(otlp_endpoint='http://h'), None)",
        ),
        ("yaml", "from tiercel.policy.lined_yaml import read_yaml\nread_yaml('a: b', 'config.yaml')"),
    ],
)
def test_what_was_not_installed_is_named(absent: str, code: str) -> None:
    """With the command that installs it."""
    program = f"import sys\nsys.modules[{absent!r}] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "pip install 'tiercel[" in done.stderr.splitlines()[-1]


def test_the_queue_is_bounded() -> None:
    """More than that is not kept, and counted."""
    telemetry = Telemetry(otlp_endpoint="http://127.0.0.1:9")
    encoding = Encoding(lambda batch, name: b"", lambda counters, sender: b"")
    exporter = Exporter(telemetry, Counters(), encoding, Post(telemetry, lambda path, answer: 0))
    for number in range(MAX_WAITING + 10):
        exporter.finished(Record(id=str(number), started_at=0.0, seconds=0.0, outcome="failed"))
    assert exporter.dropped_spans == 10
