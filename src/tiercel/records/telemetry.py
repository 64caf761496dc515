"""Traces and metrics on their way to an OTLP collector, in one background thread.

No request waits for it. A finished record is put into a bounded queue; spans are made of it, sent in batches, and kept
while nobody takes them. What the queue has no room for is dropped and counted. Metrics are cumulative and come from
the counters, so that an outage loses none. The protobuf library is loaded when this is opened, and not before.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from math import inf
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Record
from tiercel.domain.settings import Telemetry
from tiercel.records.counters import Counters
from tiercel.records.traced import Parent, Sender, Traced, read_traceparent

log = logging.getLogger(__name__)

TRACES, METRICS = "/v1/traces", "/v1/metrics"
MAX_WAITING = 2_048
"""Records that wait to be sent."""
BATCH = 256
EVERY_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0
CLOSING_SECONDS = 3.0
"""How long the last batches may take when the gateway is stopped."""
FIRST_BACKOFF_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 30.0
MEANWHILE = (
    f"requests are served as ever, and the spans of {MAX_WAITING} wait; what is more is dropped and counted"
)
COME_AGAIN = frozenset((429, 502, 503, 504))
"""What the protocol lets a sender try again; everything else is an answer for good."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector said: `reason` is why not, in words of ours; `rejected` how much of what it took it left out."""

    state: Literal["taken", "again", "refused"]
    reason: str = ""
    rejected: int = 0


class Exporter:
    """Sends while it is open. `began`, `ended` and `finished` belong to the thread that serves."""

    def __init__(self, telemetry: Telemetry, counters: Counters, encoding: "Encoding", post: "Post") -> None:
        self.sent_spans = 0
        # two counts, because each thread may add to its own only
        self._overflowed_spans = 0
        self._refused_spans = 0
        self._began_at_nano = time.time_ns()
        self._telemetry = telemetry
        self._counters = counters
        self._encoding = encoding
        self._post = post
        self._queue: deque[Traced] = deque()
        self._parents: dict[str, Parent] = {}
        self._batch: list[Traced] = []
        self._problems: dict[str, str] = {}
        self._metrics_due = time.monotonic() + telemetry.metrics_seconds
        self._backoff_seconds = 0.0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tiercel-otlp", daemon=True)

    @classmethod
    def open(cls, telemetry: Telemetry, counters: Counters) -> "Exporter":
        """Begins to send. Raises `ConfigError` where the extra is not installed."""
        try:
            from tiercel.records.otlp import encode_metrics, encode_traces, rejected_in
        except ImportError as error:
            raise ConfigError(
                "[telemetry] otlp_endpoint: sending needs more than was installed: pip install 'tiercel[otel]'"
            ) from error
        exporter = cls(
            telemetry, counters, Encoding(encode_traces, encode_metrics), Post(telemetry, rejected_in)
        )
        exporter._thread.start()
        return exporter

    @property
    def dropped_spans(self) -> int:
        """Spans that nobody will see: the queue had no room, or the collector did not take them."""
        return self._overflowed_spans + self._refused_spans

    def began(self, record_id: str, traceparent: str | None) -> None:
        """A request came in, perhaps as a part of a trace of the client's."""
        parent = read_traceparent(traceparent) if traceparent is not None else None
        if parent is not None:
            self._parents[record_id] = parent

    def ended(self, record_id: str) -> None:
        """The request is over; whether or not there was a record of it."""
        self._parents.pop(record_id, None)

    def finished(self, record: Record) -> None:
        """To be told of each record. Never waits."""
        if not self._telemetry.traces:
            return
        parent = self._parents.get(record.id)
        if parent is not None and not parent.sampled:
            return  # whoever leads the trace has decided that it is not kept
        traced = Traced(record=record, parent=parent)
        if len(self._queue) >= MAX_WAITING:
            self._overflowed_spans += traced.spans
            return
        self._queue.append(traced)
        if len(self._queue) == BATCH:
            self._wake.set()

    def close(self) -> None:
        """Sends what waits, for at most `CLOSING_SECONDS`; the rest is counted as dropped."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        waiting = sum(traced.spans for traced in (*self._batch, *self._queue))
        self._queue.clear()
        self._batch = []
        self._refused_spans += waiting
        if self.dropped_spans:
            log.warning("OTLP: %d spans were sent, %d were dropped", self.sent_spans, self.dropped_spans)

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._backoff_seconds:
                self._closing.wait(self._backoff_seconds)
            else:
                self._wake.wait(EVERY_SECONDS)
            self._wake.clear()
            if not self._closing.is_set():
                self._send()
        self._post.hurry(CLOSING_SECONDS)
        self._metrics_due = 0.0
        self._send(until=time.monotonic() + CLOSING_SECONDS)
        self._post.close()

    def _send(self, until: float = inf) -> None:
        """Everything that is due, until the collector asks to come again later, or it is so late."""
        while (self._batch or self._queue) and time.monotonic() < until:
            if not self._batch:
                self._batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            outcome = self._export(
                TRACES, lambda: self._encoding.traces(self._batch, self._telemetry.service_name)
            )
            if not self._settle(TRACES, outcome):
                return
            spans = sum(traced.spans for traced in self._batch)
            self._batch = []
            dropped = spans if outcome.state == "refused" else min(spans, outcome.rejected)
            self._refused_spans += dropped
            self.sent_spans += spans - dropped
        if self._telemetry.metrics and time.monotonic() >= self._metrics_due:
            outcome = self._export(METRICS, lambda: self._encoding.metrics(self._counters, self._sender()))
            if self._settle(METRICS, outcome):
                self._metrics_due = time.monotonic() + self._telemetry.metrics_seconds

    def _export(self, path: str, encode: Callable[[], bytes]) -> Outcome:
        """Sends. What cannot be said in the protocol is lost, and must not end this thread."""
        try:
            body = encode()
        except (ValueError, TypeError, OverflowError) as error:
            return Outcome(state="refused", reason=f"cannot be told of some records ({type(error).__name__})")
        return self._post(path, body)

    def _sender(self) -> Sender:
        return Sender(
            service_name=self._telemetry.service_name,
            began_at_nano=self._began_at_nano,
            dropped_spans=self.dropped_spans,
        )

    def _settle(self, path: str, outcome: Outcome) -> bool:
        """Whether to go on; the log is told of each change, and only of changes."""
        address = f"{self._telemetry.otlp_endpoint}{path}"
        known = self._problems.get(path, "")
        if outcome.reason:
            self._problems[path] = outcome.reason
        elif self._problems.pop(path, ""):
            log.warning("OTLP: %s takes what is sent again", address)
        if outcome.reason and outcome.reason != known:
            log.warning("OTLP: %s %s", address, outcome.reason)
        if outcome.state != "again":
            self._backoff_seconds = 0.0
            return True
        doubled = max(FIRST_BACKOFF_SECONDS, 2 * self._backoff_seconds)
        self._backoff_seconds = min(MAX_BACKOFF_SECONDS, doubled)
        return False


class Encoding(msgspec.Struct, frozen=True):
    """How spans and metrics become bytes."""

    traces: Callable[[list[Traced], str], bytes]
    metrics: Callable[[Counters, Sender], bytes]


class Post:
    """One connection to the collector, opened anew where it broke."""

    def __init__(self, telemetry: Telemetry, rejected_in: Callable[[str, bytes], int]) -> None:
        parts = urlsplit(telemetry.otlp_endpoint or "")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._address = (parts.hostname or "", parts.port)
        self._path = parts.path
        self._rejected_in = rejected_in
        self._timeout_seconds = TIMEOUT_SECONDS
        self._headers = {name: value.reveal() for name, value in telemetry.otlp_headers}
        self._headers["content-type"] = "application/x-protobuf"
        self._connection: HTTPConnection | None = None

    def hurry(self, seconds: float) -> None:
        """From now on, nothing may take longer."""
        self._timeout_seconds = seconds
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __call__(self, path: str, body: bytes) -> Outcome:
        """Send. What the collector writes is not told on: it might hold what was sent."""
        if self._connection is None:
            host, port = self._address
            self._connection = self._kind(host, port, timeout=self._timeout_seconds)
        try:
            self._connection.request("POST", self._path + path, body, self._headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            self.close()
            words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            return Outcome(state="again", reason=f"cannot be reached ({words}); {MEANWHILE}")
        if response.status in COME_AGAIN:
            return Outcome(state="again", reason=f"answers {response.status}; {MEANWHILE}")
        if response.status != 200:
            return Outcome(state="refused", reason=f"answers {response.status}; what is sent there is lost")
        rejected = self._rejected_in(path, answer)
        reason = "leaves out a part of what is sent" if rejected else ""
        return Outcome(state="taken", reason=reason, rejected=rejected)
