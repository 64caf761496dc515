"""Who may come in. With keys configured, whoever has one; without, only this machine's own programs.

A browser must never spend the user's money on behalf of a web page. Pages elsewhere can reach a loopback address
(directly, or after DNS rebinding), so without keys the Host must name this machine and an Origin must be our own.
"""

import hashlib
import hmac
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.settings import Listener
from tiercel.gateway.exchange import Exchange

LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
HOST = re.compile(r"^(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?$")
KEY_HEADERS = (b"x-api-key", b"api-key", b"x-goog-api-key")
MIN_KEY_CHARS = 16


def check_listener(listener: Listener) -> None:
    """Raises `ConfigError` for a listener that would be open to strangers."""
    if listener.keys:
        weak = [key for key in listener.keys if len(key.reveal()) < MIN_KEY_CHARS]
        if weak:
            raise ConfigError(
                f"[listener] keys_env: a client key has fewer than {MIN_KEY_CHARS} characters;"
                " make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        return
    if not _is_loopback(listener.host):
        raise ConfigError(
            f"[listener] host {listener.host!r}: without client keys only loopback is served;"
            " set keys_env, or host = '127.0.0.1'"
        )


class Admission:
    """Lets a request in or raises `CallerError`. Built anew with each configuration."""

    def __init__(self, listener: Listener) -> None:
        self._digests = tuple(_digest(key.reveal()) for key in listener.keys)
        self._hosts = frozenset(name.lower() for name in (*listener.allowed_hosts, listener.host))
        self._restricted = bool(listener.allowed_hosts) or not listener.keys

    def admit(self, exchange: Exchange) -> None:
        """Check Host, Origin and key, in this order."""
        host = exchange.header(b"host") or ""
        self._check_host(host)
        if self._digests:
            self._check_key(exchange)
        else:
            _check_origin(exchange, host)

    def owner(self, exchange: Exchange) -> bytes:
        """Who asks, as a digest of the key; empty where no keys are configured."""
        given = _given_key(exchange) if self._digests else None
        return b"" if given is None else _digest(given)

    def _check_host(self, host: str) -> None:
        match = HOST.match(host)
        if match is None:
            raise CallerError("invalid_request", "the Host header is not a host name")
        if not self._restricted:
            return
        name = match["name"].strip("[]").lower()
        if name not in self._hosts and not _is_loopback(name):
            raise CallerError(
                "permission",
                "this Host is not served here; the operator can add it to allowed_hosts in tiercel.toml",
            )

    def _check_key(self, exchange: Exchange) -> None:
        given = _given_key(exchange)
        if given is None:
            raise CallerError("auth", "no API key: send it as 'Authorization: Bearer …'")
        digest = _digest(given)
        # every comparison is made, so that the time says nothing about which key was near
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise CallerError("auth", "this API key is not known here")


def _check_origin(exchange: Exchange, host: str) -> None:
    origin = exchange.header(b"origin")
    foreign_fetch = exchange.header(b"sec-fetch-site") in ("cross-site", "same-site")
    if foreign_fetch or (origin is not None and urlsplit(origin).netloc.lower() != host.lower()):
        raise CallerError(
            "permission",
            "requests from web pages of another origin are refused while no client keys are configured",
        )


def _given_key(exchange: Exchange) -> str | None:
    authorization = exchange.header(b"authorization")
    if authorization is not None:
        scheme, _, credential = authorization.partition(" ")
        if scheme.lower() == "bearer" and credential.strip():
            return credential.strip()
    for name in KEY_HEADERS:
        value = exchange.header(name)
        if value:
            return value.strip()
    return exchange.parameter("key")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _is_loopback(host: str) -> bool:
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
