"""Where the dashboard listens. Nothing of it is loaded before somebody comes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tiercel.domain.errors import ConfigError
from tiercel.domain.settings import Listener
from tiercel.gateway.admission import check_listener
from tiercel.gateway.app import RunningGateway, make_door
from tiercel.gateway.exchange import App, Exchange
from tiercel.gateway.server import Server

if TYPE_CHECKING:
    from tiercel.gateway.dashboard.app import Dashboard

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 16
"""Pages at work at once: they share the process with the traffic."""


class Doorman:
    """Stands in for the application until somebody comes, and then loads it."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self._app: Dashboard | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request."""
        if self._app is None:
            async with self._loading:
                if self._app is None:
                    self._app = await asyncio.to_thread(self._load)
        await self._app(exchange)

    def end(self) -> None:
        """Ends what works for the application, where it was loaded."""
        if self._app is not None:
            self._app.end()

    def _load(self) -> "Dashboard":
        from tiercel.gateway.dashboard.app import make_app

        return make_app(self._gateway.runtime, self._gateway.base_url)


@asynccontextmanager
async def serving_dashboard(gateway: RunningGateway, gateway_port: int) -> AsyncIterator[str | None]:
    """Serve the dashboard of a running gateway; its address, or `None` where it is switched off.

    Raises `ConfigError` where the configured address cannot be had, or would be open to strangers.
    """
    runtime = gateway.runtime
    wanted = runtime.state.settings.dashboard
    if not wanted.enabled:
        yield None
        return
    listener = Listener(host=wanted.host, max_in_flight=MAX_IN_FLIGHT)
    check_listener(listener, has_keys=runtime.state.admission.needs_key)
    doorman = Doorman(gateway)
    server, port = await _listening(doorman, listener, _ports(wanted.port, gateway_port))
    try:
        host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
        yield f"http://{host}:{port}"
    finally:
        await server.stop(1.0)
        await asyncio.to_thread(doorman.end)


def _ports(wanted: int | None, gateway_port: int) -> tuple[int, ...]:
    """Which ports to try. Two gateways on one machine need not be told apart by hand."""
    if wanted is not None:
        return (wanted,)
    return (0,) if gateway_port == 0 or gateway_port == 65_535 else (gateway_port + 1, 0)


async def _listening(app: App, listener: Listener, ports: tuple[int, ...]) -> tuple[Server, int]:
    for last, port in zip((False,) * (len(ports) - 1) + (True,), ports, strict=True):
        server = Server(app, host=listener.host, port=port, door=make_door(listener))
        try:
            return server, await server.start()
        except ConfigError as error:
            if last:
                raise ConfigError(
                    f"[dashboard] cannot listen on {listener.host}:{port}; choose another port, or enabled = false"
                ) from error
            log.info("port %d is taken: the dashboard takes any free one", port)
    raise AssertionError("there is always a port to try")
