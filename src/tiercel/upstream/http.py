"""A small HTTP/1.1 client, made for one thing: calling model providers many times, quickly and guardedly.

It pools connections per place, keeps deadlines and caps, follows no redirects, takes no compressed bodies, and closes
the connection when its caller is cancelled. It never retries, but for one case: a reused connection that turns out to
have been closed by the server before any byte of an answer came.
"""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from tiercel.upstream.address import Endpoint, parse_url
from tiercel.upstream.connect import Connector
from tiercel.upstream.connection import Connection, HttpLimits
from tiercel.upstream.errors import InvalidRequestError, StaleError, TimedOutError
from tiercel.upstream.pool import Place, Pool
from tiercel.upstream.proxy import choose_proxy
from tiercel.upstream.response import HttpResponse

Method = Literal["GET", "POST"]
Headers = Sequence[tuple[str, str]]
DEFAULT_LIMITS = HttpLimits()
USER_AGENT = "tiercel"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OURS = frozenset(("host", "content-length", "transfer-encoding", "connection", "accept-encoding"))


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same in every request of one kind: where it goes, and its head up to the body's length."""

    head: bytes
    has_body: bool
    place: Place

    def __repr__(self) -> str:
        return f"Prepared({self.place.origin.authority})"  # the head holds a credential


class HttpClient:
    """Calls servers. One per process and event loop; `environ` is where proxies are looked up."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._connector = Connector()
        self._pool = Pool()

    @property
    def open_connections(self) -> int:
        """Connections that are open now, in use or idle."""
        return self._pool.open_count

    @property
    def idle_connections(self) -> int:
        """Open connections that wait for a next call."""
        return self._pool.idle_count

    async def request(
        self,
        method: Method,
        url: str,
        headers: Headers = (),
        body: bytes = b"",
        limits: HttpLimits = DEFAULT_LIMITS,
        *,
        proxy: str | None = None,
        ca_file: str | None = None,
    ) -> HttpResponse:
        """Send a request; returns once the answer's head is here, whatever its status.

        Raises `HttpError` and nothing else; the caller reads the answer to its end or closes it. Whoever sends many
        requests that differ in their bodies alone does the first half once: `prepare`, then `send`.
        """
        return await self.send(self.prepare(method, url, headers, proxy=proxy, ca_file=ca_file), body, limits)

    def prepare(
        self,
        method: Method,
        url: str,
        headers: Headers = (),
        *,
        proxy: str | None = None,
        ca_file: str | None = None,
    ) -> Prepared:
        """A request but for its body. Raises `InvalidRequestError` or `ProxyError`.

        `proxy` is a URL, the empty string for a direct connection, or `None` for what the environment says.
        `ca_file` replaces the system's certificate authorities.
        """
        endpoint = parse_url(url)
        chosen = choose_proxy(endpoint.origin, proxy, self._environ)
        place = Place(origin=endpoint.origin, proxy=chosen, ca_file=ca_file)
        lines = [method, _prefix(endpoint, place), *[_header_line(name, value) for name, value in headers]]
        if method == "POST":
            lines.append("Content-Length: ")
        return Prepared(head="".join(lines).encode("latin-1"), has_body=method == "POST", place=place)

    async def send(
        self,
        prepared: Prepared,
        body: bytes = b"",
        limits: HttpLimits = DEFAULT_LIMITS,
        *,
        whole: bool = False,
    ) -> HttpResponse:
        """As `request`, with what was prepared. With `whole` it returns once all of a good answer is here.

        Whoever has no use for less is then not woken for the head, which many servers send by itself.
        """
        if prepared.has_body:
            payload = b"%b%d\r\n\r\n%b" % (prepared.head, len(body), body)
        else:
            payload = prepared.head + b"\r\n"
        started = asyncio.get_running_loop().time()
        connection = self._pool.take(prepared.place, started)
        if connection is None:
            connection = await self._open(prepared.place, limits)
        while True:
            response = connection.exchange(payload, limits, started, whole=whole)
            try:
                await response.woken
            except asyncio.CancelledError:
                response.close()
                raise
            if response.status:
                return response
            if response.error is not None and not isinstance(response.error, StaleError):
                raise response.error
            # the server had closed it; nothing was answered, so once more on a new one
            connection = await self._open(prepared.place, limits)

    async def aclose(self) -> None:
        """Close every connection; calls that are still running fail."""
        await self._pool.aclose()

    async def _open(self, place: Place, limits: HttpLimits) -> Connection:
        def factory() -> Connection:
            return Connection(self._pool.release, self._pool.forget)

        seconds = min(limits.connect_seconds, limits.deadline_seconds)
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connector.open(place.origin, place.proxy, place.ca_file, factory)
        except TimeoutError:
            raise TimedOutError("connect") from None
        self._pool.add(connection, place)
        return connection


def _prefix(endpoint: Endpoint, place: Place) -> str:
    """What follows the method and is the same for every call to `endpoint`."""
    target = endpoint.target
    authorization = ""
    if place.proxy is not None and endpoint.origin.scheme == "http":
        target = f"http://{endpoint.origin.host_header}{target}"
        if place.proxy.authorization:
            authorization = f"Proxy-Authorization: {place.proxy.authorization}\r\n"
    return (
        f" {target} HTTP/1.1\r\nHost: {endpoint.origin.host_header}\r\nUser-Agent: {USER_AGENT}\r\n"
        f"Accept-Encoding: identity\r\n{authorization}"
    )


def _header_line(name: str, value: str) -> str:
    """One header, or `InvalidRequestError` for what would break out of its line or is ours to say."""
    if not _NAME.fullmatch(name) or name.lower() in _OURS:
        raise InvalidRequestError("a header has a name that cannot be sent")
    if not _VALUE.fullmatch(value):
        raise InvalidRequestError(f"the header {name} holds characters that cannot be sent")
    return f"{name}: {value}\r\n"
