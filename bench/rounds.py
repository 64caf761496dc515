"""One round: every measurement on every subject, the subjects in turn, so that a noisy minute meets all of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import msgspec

from bench.figures import Results, Subject
from bench.load import Loaded, read_paced, send
from bench.rig import Rig
from bench.subjects import Control, Serving, gateway, mock_upstream, nginx, served

MOST_STREAMS = 40
LATENCY_CONNECTIONS = "64"
REQUESTS_PER_SECOND = "150"
PACED_STREAMS = 200
TOKENS_PER_SECOND = 50
IDLE_AFTER_SECONDS = 2.0
WARM_UP_REQUESTS = "1000"
WARM_UP_STREAMS = "40"

Say = Callable[[str], None]


class Loads(msgspec.Struct, frozen=True, kw_only=True):
    """How long each kind of load lasts, in seconds, and how many ask at once."""

    saturated: float = 4.0
    paced: float = 8.0
    latency: float = 5.0
    latency_turns: int = 4
    """How often in a round each subject has its turn: a hiccup of the machine then spoils one turn, not the p99."""
    connections: int = 64
    """How many ask as fast as they are answered. Where other work takes most of the core, so many are an overload, and
    some are refused; fewer never stand in line for long."""

    @property
    def streams(self) -> str:
        """How many streams are read at once, as the load generator takes it."""
        return f"{min(self.connections, MOST_STREAMS)}"


QUICK = Loads(saturated=1.5, paced=3.0, latency=5.0, latency_turns=1)


class Round:
    """The servers of one round, and the measurements on them."""

    def __init__(
        self,
        rig: Rig,
        results: Results,
        loads: Loads,
        servers: dict[Subject, Serving],
        controls: dict[Subject, Control],
    ) -> None:
        self._rig = rig
        self._results = results
        self._loads = loads
        self._servers = servers
        self._proxies = {subject: serving for subject, serving in servers.items() if subject != "direct"}
        self._controls = controls

    def warm_up(self) -> None:
        """Connections are open, code and caches warm, and records so far are out of the way."""
        for serving in self._proxies.values():
            self._send(serving, "--conns", f"{self._loads.connections}", "--requests", WARM_UP_REQUESTS)
            self._send(serving, "--stream", "--conns", "8", "--requests", WARM_UP_STREAMS)
        for control in self._controls.values():
            control.caught_up()

    def requests(self) -> None:
        """As many as it can: processor time of each, and how many a core can do."""
        seconds = f"{self._loads.saturated}"
        for subject, serving in self._proxies.items():
            before = serving.cpu_seconds()
            loaded = self._send(serving, "--conns", f"{self._loads.connections}", "--seconds", seconds)
            used = serving.cpu_seconds() - before
            self._results.add("cpu_per_request", subject, 1e6 * used / loaded.ok, loaded.ok)
            self._results.add("requests_per_second", subject, loaded.rps, loaded.ok)

    def ingest(self) -> None:
        """What was put off while requests were measured."""
        for subject, control in self._controls.items():
            serving = self._servers[subject]
            entries_before = control.status().entries
            before = serving.cpu_seconds()
            entries = control.caught_up().entries - entries_before
            used = serving.cpu_seconds() - before
            records = entries // 2  # that it was begun, and how it ended
            self._results.add("cpu_per_record", subject, 1e6 * used / records, records)

    def chunks(self) -> None:
        """Streams without a pace: processor time of each chunk."""
        seconds = f"{self._loads.saturated}"
        for subject, serving in self._proxies.items():
            before = serving.cpu_seconds()
            loaded = self._send(serving, "--stream", "--conns", self._loads.streams, "--seconds", seconds)
            used = serving.cpu_seconds() - before
            self._results.add("cpu_per_chunk", subject, 1e6 * used / loaded.chunks, loaded.chunks)

    def paced_streams(self) -> None:
        """Streams at the pace of a model: processor time of each chunk, and whether tokens came in time."""
        for subject, serving in self._servers.items():
            before = serving.cpu_seconds()
            paced = read_paced(
                self._rig,
                serving.port,
                key=serving.key,
                streams=PACED_STREAMS,
                tokens_per_second=TOKENS_PER_SECOND,
                seconds=self._loads.paced,
            )
            used = serving.cpu_seconds() - before
            self._results.add("stall_free", subject, 100 * paced.stall_free / paced.streams, paced.streams)
            self._results.add("largest_gap", subject, 1e3 * paced.largest_gap_seconds, paced.streams)
            if subject != "direct":
                self._results.add("cpu_per_paced_chunk", subject, 1e6 * used / paced.chunks, paced.chunks)

    def latency(self) -> None:
        """Requests that come at their own times, by turns: what each server adds to the upstream's own latency."""
        for _ in range(self._loads.latency_turns):
            self._latency_turn()

    def _latency_turn(self) -> None:
        seconds = f"{self._loads.latency}"
        options = ("--rate", REQUESTS_PER_SECOND, "--conns", LATENCY_CONNECTIONS, "--seconds", seconds)
        found = {subject: self._send(serving, *options).lat_us for subject, serving in self._servers.items()}
        direct = found["direct"]
        for subject, quantiles in found.items():
            self._results.add("latency_p50", subject, quantiles.p50 / 1e3, quantiles.n)
            self._results.add("latency_p99", subject, quantiles.p99 / 1e3, quantiles.n)
            if subject != "direct":
                self._results.add("added_p50", subject, (quantiles.p50 - direct.p50) / 1e3, quantiles.n)
                self._results.add("added_p99", subject, (quantiles.p99 - direct.p99) / 1e3, quantiles.n)

    def _send(self, serving: Serving, *options: str) -> Loaded:
        return send(self._rig, serving.port, "--auth", serving.key, *options)


def measure_starts(rig: Rig, results: Results, loads: Loads, upstream_port: int, *, keyed: bool) -> None:
    """Each subject as its own command starts it: readiness, memory at rest, memory after load (ingest and all)."""
    starters: dict[Subject, Callable[[], AbstractContextManager[Serving]]] = {
        "tiercel": lambda: served(rig, upstream_port)
    }
    if keyed:
        starters["keyed"] = lambda: served(rig, upstream_port, keyed=True)
    if rig.nginx is not None:
        starters["nginx"] = lambda: nginx(rig, upstream_port)
    seconds = f"{loads.saturated}"
    for subject, start in starters.items():
        with start() as serving:
            results.add("ready", subject, serving.ready_seconds, 1)
            time.sleep(IDLE_AFTER_SECONDS)
            results.add("memory_idle", subject, serving.resident_bytes() / 1e6, 1)
            options = ("--auth", serving.key, "--seconds", seconds)
            whole = send(rig, serving.port, "--conns", f"{loads.connections}", *options)
            streams = send(rig, serving.port, "--stream", "--conns", loads.streams, *options)
            results.add("memory_loaded", subject, serving.resident_bytes() / 1e6, whole.ok + streams.ok)


@contextmanager
def opened_round(
    rig: Rig, results: Results, loads: Loads, upstream: Serving, *, keyed: bool
) -> Iterator[Round]:
    """All proxies up and warm, ingest put off."""
    with ExitStack() as stack:
        ours: tuple[Subject, ...] = ("tiercel", "keyed") if keyed else ("tiercel",)
        servers: dict[Subject, Serving] = {}
        controls: dict[Subject, Control] = {}
        for subject in ours:
            servers[subject], controls[subject] = stack.enter_context(
                gateway(rig, upstream.port, defer_ingest=True, keyed=subject == "keyed")
            )
        if rig.nginx is not None:
            servers["nginx"] = stack.enter_context(nginx(rig, upstream.port))
        servers["direct"] = upstream
        opened = Round(rig, results, loads, servers, controls)
        opened.warm_up()
        yield opened


def measure(rig: Rig, loads: Loads, rounds: int, say: Say, *, keyed: bool = False) -> Results:
    """All rounds; `keyed` adds a gateway with a key, its limits and budgets.

    Raises `BenchError` where something did not answer as it should.
    """
    results = Results()
    with mock_upstream(rig) as upstream:
        for number in range(1, rounds + 1):
            prefix = f"round {number} of {rounds}: "
            say(prefix + "starting, memory")
            measure_starts(rig, results, loads, upstream.port, keyed=keyed)
            with opened_round(rig, results, loads, upstream, keyed=keyed) as opened:
                say(prefix + "requests")
                opened.requests()
                say(prefix + "ingest")
                opened.ingest()
                say(prefix + "streams")
                opened.chunks()
                say(prefix + "paced streams")
                opened.paced_streams()
                say(prefix + "latency")
                opened.latency()
    return results
