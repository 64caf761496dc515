"""The composition root: the only file that names concrete classes. Read it from top to bottom.

`open_runtime` puts the machinery together; `Gateway` is the application over it; `running` serves it in the
background of an event loop, which is what the command line, the demo and the tests use.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tiercel.checks.registry import Registry
from tiercel.checks.resolve import resolve_policy
from tiercel.domain.errors import ConfigError, ProblemError, UnavailableError
from tiercel.domain.policy import Policy
from tiercel.domain.settings import Listener, Settings, Telemetry
from tiercel.engine.attempt import Machinery
from tiercel.engine.origins import Origins
from tiercel.engine.sessions import Sessions
from tiercel.gateway.access import Access
from tiercel.gateway.admission import Admission, check_listener
from tiercel.gateway.door import Door
from tiercel.gateway.endpoints.generate import STOPPING
from tiercel.gateway.exchange import ClientLeftError, Exchange
from tiercel.gateway.ids import new_record_id
from tiercel.gateway.keyring import Keyring
from tiercel.gateway.load import Load
from tiercel.gateway.logs import REQUEST_ID
from tiercel.gateway.problems import render_problem
from tiercel.gateway.process import room_for_clients
from tiercel.gateway.refusals import Outbox, Refusals
from tiercel.gateway.routes import PUBLIC, find_handler, public_handler
from tiercel.gateway.runtime import CROWDED, Runtime, State
from tiercel.gateway.server import Server
from tiercel.gateway.shadowing import Shadowing
from tiercel.gateway.surfaces import surface_at, surface_of
from tiercel.policy.cross_check import cross_check
from tiercel.records.recorder import Recorder
from tiercel.upstream.call import Upstream
from tiercel.upstream.health import Health
from tiercel.upstream.http import HttpClient
from tiercel.wire.registry import CODECS

if TYPE_CHECKING:
    from tiercel.records.telemetry import Exporter

log = logging.getLogger(__name__)


class Gateway:
    """The application: it answers each request."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request; whatever goes wrong becomes an error in the client's own format."""
        runtime = self._runtime
        exchange.id = new_record_id()
        REQUEST_ID.set(exchange.id)
        if runtime.exporter is not None:
            runtime.exporter.began(exchange.id, exchange.header(b"traceparent"))
        try:
            public = PUBLIC.get(exchange.path)
            if public is not None:
                handler = public_handler(public, exchange)
            elif exchange.connection.one_too_many:
                raise CROWDED
            else:
                runtime.state.admission.admit(exchange)
                handler = find_handler(exchange)
            await handler(runtime, exchange)
        except ClientLeftError:
            return
        except asyncio.CancelledError:
            # the client left, or the time for draining is up: this task ends here, and quietly
            if not exchange.client_left and not exchange.started:
                await self._refuse(exchange, STOPPING)
        except ProblemError as error:
            await self._refuse(exchange, error)
        except Exception:
            # the one boundary: a bug of ours is logged with the request's id, and the client is told no more
            log.exception("request %s broke", exchange.id)
            await self._crash(exchange)
        finally:
            if runtime.exporter is not None:
                runtime.exporter.ended(exchange.id)

    async def _refuse(self, exchange: Exchange, error: ProblemError) -> None:
        if exchange.started:
            log.error("request %s: %s after its answer had begun", exchange.id, error.kind)
            raise error
        status, headers, body = render_problem(error, surface_of(exchange), exchange.id)
        if exchange.recorded:
            headers.append((b"x-tiercel-record", exchange.id.encode("ascii")))
        await exchange.answer(status, headers, body)

    async def _crash(self, exchange: Exchange) -> None:
        if exchange.unfinished is not None:
            record = exchange.unfinished
            self._runtime.record_end(msgspec.structs.replace(record, outcome="failed", problem="internal"))
        if exchange.started and exchange.crash_bytes is not None:
            await exchange.send(exchange.crash_bytes(), last=True)
        else:
            await self._refuse(exchange, UnavailableError("internal", "something went wrong in the gateway"))


def open_runtime(settings: Settings, policy: Policy) -> "OpenRuntime":
    """Put the machinery together. Raises `ConfigError` where configuration, folder or lock do not allow it.

    Call it inside the event loop that will serve, and `close` what it returns.
    """
    clock = time.monotonic
    http = HttpClient()
    with ExitStack() as undo:
        keyring = Keyring.open(Path(settings.storage.folder), settings.storage.database_url)
        undo.callback(keyring.close)
        check_listener(settings.listener, has_keys=keyring.has_keys)
        parts = Parts(
            registry=Registry.load(),
            http=http,
            upstream=Upstream(http, CODECS, clock),
            health=Health(clock),
            origins=Origins(),
            sessions=Sessions(clock),
            keyring=keyring,
            clock=clock,
        )
        state = make_state(settings, policy, parts)
        recorder = Recorder.open(settings.storage)
        undo.callback(recorder.close)
        access = Access.open(keyring, settings.storage, clock)
        runtime = Runtime(state, recorder, access, Shadowing.open(recorder, settings.storage))
        runtime.exporter = open_exporter(settings.telemetry, recorder)
        undo.pop_all()
    return OpenRuntime(parts, runtime)


def open_exporter(telemetry: Telemetry, recorder: Recorder) -> "Exporter | None":
    """What sends telemetry, where that is configured; its library is loaded only then."""
    if telemetry.otlp_endpoint is None or not (telemetry.traces or telemetry.metrics):
        return None
    from tiercel.records.telemetry import Exporter

    return Exporter.open(telemetry, recorder.counters)


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives a reload: connections, health, checks."""

    registry: Registry
    http: HttpClient
    upstream: Upstream
    health: Health
    origins: Origins
    sessions: Sessions
    keyring: Keyring
    clock: Callable[[], float]


def make_state(settings: Settings, policy: Policy, parts: Parts) -> State:
    """One whole configuration, checked against what there is. Raises `ConfigError` with every problem at once."""
    checked = cross_check(policy, settings.catalog, parts.registry.problems)
    if checked.problems:
        raise ConfigError(*checked.problems)
    for notice in checked.notices:
        log.info("%s", notice)
    return State(
        settings=settings,
        policy=resolve_policy(policy, parts.registry),
        admission=Admission(settings.listener, parts.keyring),
        machinery=Machinery(
            upstream=parts.upstream,
            health=parts.health,
            registry=parts.registry,
            clock=parts.clock,
            draw=random.random,
            origins=parts.origins,
            sessions=parts.sessions,
        ),
    )


class OpenRuntime:
    """A runtime with what has to be closed after it."""

    def __init__(self, parts: Parts, runtime: Runtime) -> None:
        self._parts = parts
        self.runtime = runtime

    def reload(self, settings: Settings, policy: Policy) -> None:
        """Swap in another configuration at once. Raises `ConfigError` and keeps the old one where it is invalid.

        The listener's address, the storage and the telemetry stay as they are until the next start.
        """
        check_listener(settings.listener, has_keys=self._parts.keyring.has_keys)
        self.runtime.state = make_state(settings, policy, self._parts)

    async def close(self) -> None:
        """Close connections, flush the journal, release the folder."""
        await self.runtime.shadowing.close()
        await self._parts.http.aclose()
        await self._parts.registry.aclose()
        if self.runtime.exporter is not None:
            await asyncio.to_thread(self.runtime.exporter.close)
        await asyncio.to_thread(self.runtime.recorder.close)
        await self.runtime.access.close()


class RunningGateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that is serving. `base_url` has no trailing slash and no `/v1`."""

    base_url: str
    open_runtime: OpenRuntime

    @property
    def runtime(self) -> Runtime:
        return self.open_runtime.runtime

    @property
    def recorder(self) -> Recorder:
        return self.open_runtime.runtime.recorder


def make_door(listener: Listener) -> Door:
    """Who comes in, and when, as this listener is configured."""
    return Door(
        load=Load(time.monotonic, listener.max_in_flight or room_for_clients()),
        refusals=Refusals(
            lambda error, path, request_id: render_problem(error, surface_at(path), request_id)
        ),
        outbox=Outbox(),
        urgent=frozenset(path.encode("ascii") for path in PUBLIC),
        write_seconds=listener.write_seconds,
    )


@asynccontextmanager
async def running(
    settings: Settings, policy: Policy, *, port: int | None = None
) -> AsyncIterator[RunningGateway]:
    """Serve in the background of this event loop; leaving the context drains. `port` 0 takes any free one."""
    opened = open_runtime(settings, policy)
    listener = settings.listener
    gateway = Gateway(opened.runtime)
    bound_port = listener.port if port is None else port
    server = Server(gateway, host=listener.host, port=bound_port, door=make_door(listener))
    try:
        bound = await server.start()
        opened.runtime.occupancy = server.occupancy
        host = f"[{listener.host}]" if ":" in listener.host else listener.host
        yield RunningGateway(base_url=f"http://{host}:{bound}", open_runtime=opened)
    finally:
        opened.runtime.draining = True
        copies = asyncio.create_task(opened.runtime.shadowing.drain(listener.drain_seconds))
        await server.stop(listener.drain_seconds)
        await copies
        await opened.close()
