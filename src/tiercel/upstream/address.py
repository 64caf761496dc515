"""URLs taken apart, strictly: where to connect, what to ask for there, and what the Host header says."""

import ipaddress
import re
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from tiercel.upstream.errors import InvalidRequestError

Scheme = Literal["http", "https"]
DEFAULT_PORTS: dict[str, int] = {"http": 80, "https": 443}
_TARGET = re.compile(r"[!-~]*")
_HOST = re.compile(r"[0-9a-z_:][0-9a-z._:%-]*")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who is talked to. `host` is lower-case ASCII, an IPv6 address without brackets."""

    scheme: Scheme
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host:port` for a CONNECT request."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """The authority without the scheme's own port."""
        authority = self.authority
        return authority.rpartition(":")[0] if self.port == DEFAULT_PORTS[self.scheme] else authority

    @property
    def is_loopback(self) -> bool:
        """Whether it names this machine without asking any resolver."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An origin and the path with query to ask it for."""

    origin: Origin
    target: str


@lru_cache(maxsize=1024)
def parse_url(url: str) -> Endpoint:
    """Take a URL apart. Raises `InvalidRequestError` for anything but plain http(s) without user and password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        ascii_host = host.encode("idna").decode("ascii") if host and not host.isascii() else host
    except ValueError:
        raise InvalidRequestError("the URL cannot be read") from None
    if parts.scheme not in ("http", "https") or not ascii_host:
        raise InvalidRequestError("the URL must begin with http:// or https:// and name a host")
    if "@" in parts.netloc:
        raise InvalidRequestError("the URL must not hold a user or password")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _TARGET.fullmatch(target) or not _HOST.fullmatch(ascii_host):
        raise InvalidRequestError("the URL holds characters that must be percent-encoded")
    scheme: Scheme = "https" if parts.scheme == "https" else "http"
    origin = Origin(scheme=scheme, host=ascii_host, port=DEFAULT_PORTS[scheme] if port is None else port)
    return Endpoint(origin=origin, target=target)
