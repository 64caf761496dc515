"""Which proxy a call goes through: the provider's own setting first, else what the environment says.

`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (either case) are read as curl and Go read them: a `NO_PROXY` entry is a
host name that also covers its subdomains, an address, a network in CIDR form, or `*`, each with an optional port.
This machine's own addresses are never sent to a proxy of the environment.
"""

import base64
import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from tiercel.upstream.address import DEFAULT_PORTS, Origin, Scheme
from tiercel.upstream.errors import ProxyError


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy and the value of the `Proxy-Authorization` header it wants, if any."""

    origin: Origin
    authorization: str | None = None

    def __repr__(self) -> str:
        return f"Proxy({self.origin.authority})"


def parse_proxy(url: str) -> Proxy:
    """Read a proxy's URL (`http://user:password@host:port`, the scheme may be missing). Raises `ProxyError`."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ProxyError("the proxy's URL cannot be read") from None
    if parts.scheme not in ("http", "https") or not host or not host.isascii():
        raise ProxyError("the proxy's URL must begin with http:// or https:// and name a host")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    scheme: Scheme = "https" if parts.scheme == "https" else "http"
    origin = Origin(scheme=scheme, host=host, port=DEFAULT_PORTS[scheme] if port is None else port)
    return Proxy(origin=origin, authorization=authorization)


def choose_proxy(origin: Origin, configured: str | None, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for calls to `origin`, or `None` for a direct connection.

    `configured` is the provider's own setting: a URL, the empty string for "never a proxy", or `None` for "as the
    environment says". Raises `ProxyError` when the URL cannot be read.
    """
    if configured is not None:
        return parse_proxy(configured) if configured else None
    url = _variable(environ, f"{origin.scheme}_proxy")
    if not url or origin.is_loopback or _is_exempt(origin, _variable(environ, "no_proxy")):
        return None
    return parse_proxy(url)


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _is_exempt(origin: Origin, no_proxy: str) -> bool:
    return any(_matches(origin, entry.strip().lower()) for entry in no_proxy.split(",") if entry.strip())


def _matches(origin: Origin, entry: str) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _is_in_network(origin.host, entry)
    name, port = _split_port(entry)
    if port is not None and port != str(origin.port):
        return False
    name = name.removeprefix("*").removeprefix(".")
    return origin.host == name or origin.host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str | None]:
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":") or None
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, None


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
