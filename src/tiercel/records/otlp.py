"""Records and counters as OTLP messages, by OpenTelemetry's conventions for generative AI (as of version 1.42).

A span for the climb, as the server that the client sees, and below it one for each attempt, as the client of a
provider. Tokens stand on attempts only, so that whoever sums them up counts none twice. Nothing that a prompt or an
answer says is here: of a verdict its check and score, of a failure its kind. What has no name in the conventions is
called `tiercel.…`. The only module that needs the extra `otel`.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tiercel import __version__
from tiercel.domain.money import NANO_PER_USD
from tiercel.domain.record import AttemptRecord, Outcome, Record
from tiercel.domain.response import Usage
from tiercel.records.counters import CHAT, EMBEDDINGS, NONE, Counters, Histogram
from tiercel.records.traced import Sender, Traced

Value: TypeAlias = str | int | float | bool | Sequence[str] | None
Attributes: TypeAlias = Mapping[str, Value]
N = TypeVar("N", int, float)

NANO = 1_000_000_000
LARGEST = 2**63 - 1
MAX_TEXT_CHARS = 128
"""Of what a client may have written: the model it asked for, its session."""
SCOPE = InstrumentationScope(name="tiercel", version=__version__)
PROVIDERS = {
    "gemini": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    "moonshot": "moonshot_ai",
    "bedrock": "aws.bedrock",
}
"""Where the conventions have another name for a provider than we."""
ERRORS: frozenset[Outcome] = frozenset(("failed", "withheld", "broken", "interrupted"))
"""Outcomes that are the server's fault, which the others are not."""


def encode_traces(batch: Iterable[Traced], service_name: str) -> bytes:
    """The body of one export of spans."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add(resource=_resource(service_name))
    scope = resource.scope_spans.add(scope=SCOPE)
    for traced in batch:
        scope.spans.extend(spans_of(traced))
    return request.SerializeToString()


def spans_of(traced: Traced) -> list[Span]:
    """The climb's span, then its attempts'."""
    record, parent = traced.record, traced.parent
    trace_id = os.urandom(16) if parent is None else parent.trace_id
    operation = EMBEDDINGS if record.format == EMBEDDINGS else CHAT
    climb = Span(
        trace_id=trace_id,
        span_id=os.urandom(8),
        parent_span_id=b"" if parent is None else parent.span_id,
        # what a request that we could not read calls its model may be anything
        name=_whole(f"{operation} {record.model_requested[:MAX_TEXT_CHARS]}" if record.rule else operation),
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=_nano(record.started_at),
        end_time_unix_nano=_nano(record.started_at + record.seconds),
        attributes=_attributes(_climb_attributes(record, operation)),
        status=_status(record.outcome in ERRORS),
    )
    return [climb, *(_attempt_span(record, attempt, climb, operation) for attempt in record.attempts)]


def _attempt_span(record: Record, attempt: AttemptRecord, climb: Span, operation: str) -> Span:
    began = record.started_at + attempt.began_seconds
    return Span(
        trace_id=climb.trace_id,
        span_id=os.urandom(8),
        parent_span_id=climb.span_id,
        name=f"{operation} {attempt.model}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=_nano(began),
        end_time_unix_nano=_nano(began + attempt.seconds),
        attributes=_attributes(_attempt_attributes(record, attempt, operation)),
        events=[
            Span.Event(
                name="gen_ai.evaluation.result",
                time_unix_nano=_nano(began + attempt.seconds),
                attributes=_attributes(
                    {
                        "gen_ai.evaluation.name": verdict.check,
                        "gen_ai.evaluation.score.value": None if verdict.error else float(verdict.score),
                        "error.type": "check_error" if verdict.error else None,
                    }
                ),
            )
            for verdict in attempt.verdicts
        ],
        status=_status(attempt.state == "failed"),
    )


def _climb_attributes(record: Record, operation: str) -> Attributes:
    answer = record.answer
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "tiercel",
        "gen_ai.request.model": record.model_requested[:MAX_TEXT_CHARS] or None,
        "gen_ai.request.stream": record.stream or None,
        "gen_ai.response.model": answer.model if answer else None,
        "gen_ai.response.time_to_first_chunk": record.ttft_seconds,
        "gen_ai.conversation.id": record.session[:MAX_TEXT_CHARS] if record.session else None,
        "gen_ai.output.type": "json" if record.strict_json else None,
        "error.type": record.problem if record.outcome != "rejected" else record.problem or "rejected",
        "tiercel.record.id": record.id,
        "tiercel.outcome": record.outcome,
        "tiercel.task": record.task,
        "tiercel.complexity": record.complexity,
        "tiercel.risk": record.risk,
        "tiercel.rule": record.rule or None,
        "tiercel.tier": answer.tier if answer else None,
        "tiercel.attempts": len(record.attempts),
        "tiercel.verified": record.verified,
        "tiercel.policy.hash": record.policy_hash or None,
        "tiercel.cost_usd": _dollars(record.cost_nano) if record.cost_known else None,
        "tiercel.simulated": record.simulated or None,
    }


def _attempt_attributes(record: Record, attempt: AttemptRecord, operation: str) -> Attributes:
    failure, ttft = attempt.failure, attempt.ttft_seconds
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider_name(attempt.provider),
        "gen_ai.request.model": attempt.model,
        "gen_ai.request.stream": record.stream or None,
        "gen_ai.response.id": attempt.upstream_id,
        "gen_ai.response.finish_reasons": [attempt.finish_reason] if attempt.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": ttft if ttft is not None and ttft < attempt.seconds else None,
        **_usage_attributes(attempt.usage),
        "error.type": failure.kind if failure else None,
        "http.response.status_code": failure.status if failure else None,
        "tiercel.attempt.number": attempt.number,
        "tiercel.attempt.why": attempt.why,
        "tiercel.attempt.state": attempt.state,
        "tiercel.deployment": attempt.deployment,
        "tiercel.tier": attempt.tier,
        "tiercel.effort": attempt.effort,
        "tiercel.cost_usd": None if attempt.cost_nano is None else _dollars(attempt.cost_nano),
        "tiercel.repairs": attempt.repairs or None,
        "tiercel.lost": attempt.lost or None,
        "tiercel.simulated": attempt.simulated or None,
    }


def _usage_attributes(usage: Usage | None) -> Attributes:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cached or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.written or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning or None,
    }


def encode_metrics(counters: Counters, sender: Sender) -> bytes:
    """The body of one export of metrics, all of them since the process began."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add(resource=_resource(sender.service_name))
    scope = resource.scope_metrics.add(scope=SCOPE)
    times = (sender.began_at_nano, time.time_ns())
    scope.metrics.extend(_gen_ai_metrics(counters, times))
    scope.metrics.extend(_own_metrics(counters, sender, times))
    return request.SerializeToString()


def _gen_ai_metrics(counters: Counters, times: tuple[int, int]) -> list[Metric]:
    seconds: list[HistogramDataPoint] = []
    first: list[HistogramDataPoint] = []
    tokens: list[HistogramDataPoint] = []
    for (deployment, provider, model, why, failure, operation), cell in counters.attempts():
        labels: dict[str, Value] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider_name(provider),
            "gen_ai.request.model": model,
            "tiercel.deployment": deployment,
            "tiercel.attempt.why": why,
            "error.type": None if failure == NONE else failure,
        }
        seconds.append(_histogram_point(labels, cell.seconds, times))
        if any(cell.ttft_counts):
            first.append(_histogram_point(labels, cell.ttft, times))
        if any(cell.input_counts):
            tokens.append(_histogram_point({**labels, "gen_ai.token.type": "input"}, cell.input, times))
            tokens.append(_histogram_point({**labels, "gen_ai.token.type": "output"}, cell.output, times))
    return [
        _histogram("gen_ai.client.operation.duration", "s", "GenAI operation duration.", seconds),
        _histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Time to a stream's first chunk.", first
        ),
        _histogram("gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.", tokens),
    ]


def _own_metrics(counters: Counters, sender: Sender, times: tuple[int, int]) -> list[Metric]:
    requests: list[NumberDataPoint] = []
    seconds: list[HistogramDataPoint] = []
    for (task, rule, tier, model, outcome), cell in counters.requests():
        labels: dict[str, Value] = {
            "tiercel.task": task,
            "tiercel.rule": rule,
            "tiercel.tier": tier,
            "gen_ai.response.model": model,
            "tiercel.outcome": outcome,
        }
        requests.append(_number_point(labels, cell.count, times))
        seconds.append(_histogram_point(labels, cell.seconds, times))
    costs = [
        _number_point(
            {"tiercel.deployment": deployment, "gen_ai.request.model": model, "tiercel.attempt.why": why},
            _dollars(nano),
            times,
        )
        for (deployment, model, why), nano in _costs(counters).items()
    ]
    dropped = _number_point({}, sender.dropped_spans, times)
    return [
        _sum("tiercel.requests", "{request}", "Client requests that ended.", requests),
        _histogram("tiercel.request.duration", "s", "From a request's receipt to its end.", seconds),
        _sum("tiercel.cost", "{USD}", "What calls cost, as far as prices are known.", costs),
        _sum("tiercel.telemetry.spans.dropped", "{span}", "Spans that were not sent.", [dropped]),
    ]


def _costs(counters: Counters) -> dict[tuple[str, str, str], int]:
    costs: dict[tuple[str, str, str], int] = {}
    for (deployment, _, model, why, _, _), cell in counters.attempts():
        place = (deployment, model, why)
        costs[place] = costs.get(place, 0) + cell.cost_nano
    return costs


def rejected_in(path: str, answer: bytes) -> int:
    """How many spans the collector says it left out of what it took."""
    from google.protobuf.message import DecodeError

    try:
        if path.endswith("/traces"):
            return int(ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans)
        return int(ExportMetricsServiceResponse.FromString(answer).partial_success.rejected_data_points)
    except DecodeError:  # taken, with words of its own
        return 0


def provider_name(name: str) -> str:
    """A provider's name as the conventions have it."""
    return PROVIDERS.get(name, name)


def _histogram(name: str, unit: str, meaning: str, points: list[HistogramDataPoint]) -> Metric:
    metric = Metric(name=name, unit=unit, description=meaning)
    metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.histogram.data_points.extend(points)
    return metric


def _sum(name: str, unit: str, meaning: str, points: list[NumberDataPoint]) -> Metric:
    metric = Metric(name=name, unit=unit, description=meaning)
    metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.sum.is_monotonic = True
    metric.sum.data_points.extend(points)
    return metric


def _histogram_point(labels: Attributes, values: Histogram, times: tuple[int, int]) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=_attributes(labels),
        start_time_unix_nano=times[0],
        time_unix_nano=times[1],
        count=sum(values.counts),
        sum=_bounded(values.sum),
        bucket_counts=values.counts,
        explicit_bounds=values.bounds,
    )


def _number_point(labels: Attributes, value: float, times: tuple[int, int]) -> NumberDataPoint:
    point = NumberDataPoint(
        attributes=_attributes(labels), start_time_unix_nano=times[0], time_unix_nano=times[1]
    )
    if isinstance(value, int):
        point.as_int = _bounded(value)
    else:
        point.as_double = value
    return point


def _resource(service_name: str) -> Resource:
    return Resource(attributes=_attributes({"service.name": service_name, "service.version": __version__}))


def _attributes(values: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items() if value is not None]


def _any(value: Value) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=_bounded(value))
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=_whole(value))
        case _:
            return AnyValue(array_value=ArrayValue(values=[_any(item) for item in value or ()]))


def _status(is_error: bool) -> Status:
    return Status(code=Status.STATUS_CODE_ERROR if is_error else Status.STATUS_CODE_UNSET)


def _nano(seconds: float) -> int:
    return max(0, round(seconds * NANO))


def _dollars(nano: int) -> float:
    return nano / NANO_PER_USD


def _bounded(number: N) -> N:
    """What a provider claims to have counted may be more than the protocol can say."""
    return max(-LARGEST, min(LARGEST, number))


def _whole(text: str) -> str:
    """Text as the protocol can carry it: a client's JSON may hold half a character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
