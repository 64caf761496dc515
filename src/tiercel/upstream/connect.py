"""Opening a connection: resolve off the loop, try addresses side by side, TLS, a tunnel through a proxy.

Knows nothing of requests; whoever calls sets the deadline.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from itertools import zip_longest
from typing import TypeAlias, TypeVar

import httptools

from tiercel.upstream.address import Origin
from tiercel.upstream.errors import ConnectError, ProxyError, ResolveError, TlsError
from tiercel.upstream.proxy import Proxy

STAGGER_SECONDS = 0.25
"""A next address is tried when the one before has not connected by then (RFC 8305)."""
MAX_TUNNEL_HEAD_BYTES = 16_384

P = TypeVar("P", bound=asyncio.Protocol)
Opened: TypeAlias = tuple[asyncio.Transport, P]


class Connector:
    """Opens connections; keeps one TLS context per CA file, because loading certificates costs tens of ms."""

    def __init__(self) -> None:
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    async def open(
        self, origin: Origin, proxy: Proxy | None, ca_file: str | None, factory: Callable[[], P]
    ) -> P:
        """Connect to `origin` and return the protocol that `factory` made for it. Raises `HttpError`."""
        context = await self._context(ca_file) if origin.scheme == "https" else None
        if proxy is None:
            return (await _connect(origin, context, factory))[1]
        proxy_context = await self._context(ca_file) if proxy.origin.scheme == "https" else None
        try:
            if context is None:
                return (await _connect(proxy.origin, proxy_context, factory))[1]
            transport, tunnel = await _connect(proxy.origin, proxy_context, _Tunnel)
        except (ResolveError, ConnectError, TlsError) as error:
            raise ProxyError(f"the proxy cannot be reached: {error}") from None
        return await _through_tunnel(transport, tunnel, origin, proxy, (context, factory))

    async def _context(self, ca_file: str | None) -> ssl.SSLContext:
        if ca_file not in self._contexts:
            try:
                context = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file)
            except (OSError, ssl.SSLError):
                raise TlsError("the CA file cannot be read") from None
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[ca_file] = context
        return self._contexts[ca_file]


async def _connect(origin: Origin, context: ssl.SSLContext | None, factory: Callable[[], P]) -> "Opened[P]":
    loop = asyncio.get_running_loop()
    server_name = origin.host if context else None

    async def attempt(address: str) -> "Opened[P]":
        transport, protocol = await loop.create_connection(
            factory, address, origin.port, ssl=context, server_hostname=server_name
        )
        return transport, protocol

    try:
        return await _first_to_connect(await _addresses(origin), attempt)
    except ssl.SSLCertVerificationError as error:
        raise TlsError(f"the certificate is not trusted: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise TlsError(f"the TLS handshake failed: {error.reason or 'no reason given'}") from None
    except OSError as error:
        raise ConnectError(_reason(error)) from None


async def _addresses(origin: Origin) -> list[str]:
    """The host's addresses as the resolver orders them, families taking turns."""
    try:
        ipaddress.ip_address(origin.host)
    except ValueError:
        pass
    else:
        return [origin.host]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise ResolveError("the host's name cannot be resolved") from None
    families: dict[int, list[str]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append(str(address[0]))
    turns: Iterable[tuple[str | None, ...]] = zip_longest(*families.values())
    return list(dict.fromkeys(address for turn in turns for address in turn if address is not None))


async def _first_to_connect(
    addresses: list[str], attempt: Callable[[str], Awaitable["Opened[P]"]]
) -> "Opened[P]":
    """The first connection that stands, later addresses getting their turn when earlier ones dawdle or fail."""
    if len(addresses) == 1:
        return await attempt(addresses[0])
    failure: OSError = OSError("the host's name has no address")
    waiting = list(addresses)
    running: set[asyncio.Task[Opened[P]]] = set()
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(attempt(waiting.pop(0))))
            timeout = STAGGER_SECONDS if waiting else None
            done, running = await asyncio.wait(running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is None:
                    done.discard(task)
                    running |= done
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                failure = error
        raise failure
    finally:
        await _give_up(running)


async def _give_up(tasks: "set[asyncio.Task[Opened[P]]]") -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, tuple):
            result[0].abort()


def _reason(error: OSError) -> str:
    """What the system says of it, without addresses."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return "the connection timed out"
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return "the connection was closed at once"
    return (error.strerror or "no connection").split("(")[0].strip().lower()


class _Tunnel(asyncio.Protocol):
    """Waits for a proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._size = 0

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._settle(0)
        if self._size > MAX_TUNNEL_HEAD_BYTES:
            self._settle(0)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self._settle(status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle(0)

    def _settle(self, status: int) -> None:
        if not self.status.done():
            self.status.set_result(status)


async def _through_tunnel(
    transport: asyncio.Transport,
    tunnel: _Tunnel,
    origin: Origin,
    proxy: Proxy,
    inner: tuple[ssl.SSLContext, Callable[[], P]],
) -> P:
    context, factory = inner
    opened = False
    try:
        lines = [f"CONNECT {origin.authority} HTTP/1.1", f"Host: {origin.authority}"]
        if proxy.authorization:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        transport.write("\r\n".join([*lines, "", ""]).encode("ascii"))
        status = await tunnel.status
        if not 200 <= status < 300:
            raise ProxyError(_refusal(status))
        protocol = factory()
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(transport, protocol, context, server_hostname=origin.host)
        except ssl.SSLCertVerificationError as error:
            raise TlsError(f"the certificate is not trusted: {error.verify_message}") from None
        except OSError:
            raise TlsError("the TLS handshake through the proxy failed") from None
        if secure is None:
            raise TlsError("the connection was closed during the TLS handshake")
        protocol.connection_made(secure)
        opened = True
        return protocol
    finally:
        if not opened:
            transport.abort()


def _refusal(status: int) -> str:
    if status == 407:
        return "the proxy wants other credentials"
    return f"the proxy would not connect us (status {status})" if status else "the proxy's answer is not HTTP"
