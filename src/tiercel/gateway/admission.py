"""Who may come in. Where there are keys, whoever shows one; where there are none, only this machine's own programs.

A browser must never spend the user's money on behalf of a web page. Pages elsewhere can reach a loopback address
(directly, or after DNS rebinding), so without keys the Host must name this machine and an Origin must be our own.
"""

import hashlib
import hmac
from ipaddress import ip_address

from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.keys import ANYBODY, UNLIMITED_CLIENT, AccessKey
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Listener
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.heads import HOST
from tiercel.gateway.keyring import Keyring, Proof

LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
BROWSERS = frozenset((b"origin", b"sec-fetch-site"))
"""Where browsers say for which page they ask."""
KEY_HEADERS = (b"x-api-key", b"api-key", b"x-goog-api-key")
MIN_KEY_CHARS = 16
MIN_OPERATOR_KEY_CHARS = 32
MIN_OPERATOR_LETTERS = 12
"""Different characters in an operator's key: random ones of its length have more."""
OPERATOR = AccessKey(role="operator")


def check_listener(listener: Listener, *, has_keys: bool = False) -> None:
    """Raises `ConfigError` for a listener that would be open to strangers. `has_keys` is whether the store has any."""
    if any(len(key.reveal()) < MIN_KEY_CHARS for key in listener.keys):
        raise ConfigError(
            f"[listener] keys_env: a client key has fewer than {MIN_KEY_CHARS} characters;"
            " make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    if any(is_weak(key.reveal()) for key in listener.operator_keys):
        raise ConfigError(
            f"[listener] operator_keys_env: an operator key needs {MIN_OPERATOR_KEY_CHARS} random characters;"
            " make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    if not (listener.keys or listener.operator_keys or has_keys or is_loopback(listener.host)):
        raise ConfigError(
            f"[listener] host {listener.host!r}: without client keys only loopback is served;"
            " make one with `tiercel keys create`, set keys_env, or host = '127.0.0.1'"
        )


def is_weak(key: str) -> bool:
    """Whether a key could be guessed: short, of few different characters, or one piece over and over."""
    if len(key) < MIN_OPERATOR_KEY_CHARS or len(set(key)) < MIN_OPERATOR_LETTERS:
        return True
    return key in (key + key)[1:-1]


class Admission:
    """Lets a request in or raises `CallerError`. Built anew with each configuration; the keyring stays."""

    def __init__(self, listener: Listener, keyring: Keyring) -> None:
        self._keyring = keyring
        self._given = (
            *_digests(listener.keys, UNLIMITED_CLIENT),
            *_digests(listener.operator_keys, OPERATOR),
        )
        self._hosts = frozenset(name.lower() for name in (*listener.allowed_hosts, listener.host))
        self._names_hosts = bool(listener.allowed_hosts)
        self._always_needs_key = bool(self._given) or not is_loopback(listener.host)

    @property
    def needs_key(self) -> bool:
        """Whether everybody must show a key: beyond this machine always, whatever becomes of the keys."""
        return self._always_needs_key or self._keyring.has_keys

    def admit(self, exchange: Exchange) -> None:
        """Check Host, Origin and key, in this order; who asks is `exchange.key` from now on."""
        needs_key = self._always_needs_key or self._keyring.has_keys
        # that there is one Host, and a valid one, the connection has seen to
        if self._names_hosts or not needs_key:
            self._check_host(exchange.header(b"host") or "")
        if needs_key:
            given = _given_key(exchange)
            if given is None:
                raise CallerError("auth", "no API key: send it as 'Authorization: Bearer …'")
            connection = exchange.connection
            if connection.proof is None or not self._proves(connection.proof, given):
                connection.proof = self._prove(given)
            exchange.key = connection.proof.key
        else:
            if not BROWSERS.isdisjoint(exchange.headers):
                _check_origin(exchange)
            exchange.key = ANYBODY

    def owner(self, exchange: Exchange) -> bytes:
        """Who asks, in bytes that are nobody else's; empty where no keys are configured."""
        if exchange.key is not None and exchange.key.id:
            return exchange.key.id.encode("ascii")
        given = _given_key(exchange) if self._given else None
        return b"" if given is None else _digest(given)

    def _check_host(self, host: str) -> None:
        name = host_name(host)
        if name not in self._hosts and not is_loopback(name):
            raise CallerError(
                "permission",
                "this Host is not served here; the operator can add it to allowed_hosts in tiercel.toml",
            )

    def recognise(self, given: str) -> AccessKey:
        """Whose key this text is. Raises `CallerError` for one that is not known, or is over."""
        return self._prove(given).key

    def _proves(self, proof: Proof, given: str) -> bool:
        """Whether this text would be found to be the same key again: what was shown before on a connection need not be
        hashed and looked up as long as nothing has changed."""
        if proof.by is not self or not (proof.found is None or self._keyring.holds(proof.found)):
            return False
        return hmac.compare_digest(given.encode(), proof.text.encode())  # texts would have to be ASCII

    def _prove(self, given: str) -> Proof:
        if self._given:
            digest = _digest(given)
            # every comparison is made, so that the time says nothing about which key was near
            matches = [known for known in self._given if hmac.compare_digest(digest, known[0])]
            if matches:
                return Proof(text=given, key=matches[0][1], by=self)
        found = self._keyring.find(given)
        if found is None:
            raise CallerError("auth", "this API key is not known here")
        return Proof(text=given, key=found.key, by=self, found=found)


def _check_origin(exchange: Exchange) -> None:
    origin = exchange.header(b"origin")
    host = exchange.header(b"host") or ""
    is_foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
    if is_foreign or exchange.header(b"sec-fetch-site") in ("cross-site", "same-site"):
        raise CallerError(
            "permission",
            "requests from web pages of another origin are refused while no client keys are configured",
        )


def _given_key(exchange: Exchange) -> str | None:
    authorization = exchange.headers.get(b"authorization")
    if authorization is not None:
        scheme, _, credential = authorization.decode("latin-1").partition(" ")
        if scheme.lower() == "bearer" and credential.strip():
            return credential.strip()
    for name in KEY_HEADERS:
        value = exchange.header(name)
        if value:
            return value.strip()
    return exchange.parameter("key")


def _digests(keys: tuple[Secret, ...], meaning: AccessKey) -> list[tuple[bytes, AccessKey]]:
    return [(_digest(key.reveal()), meaning) for key in keys]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def host_name(host: str) -> str:
    """The name in a Host header, without its port. Raises `CallerError` where it is none."""
    match = HOST.match(host)
    if match is None:
        raise CallerError("invalid_request", "the Host header is not a host name")
    return match["name"].strip("[]").lower()


def is_loopback(host: str) -> bool:
    """Whether this name or address is this machine's own."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
