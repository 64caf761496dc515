"""What can go wrong between us and a server, below any meaning of the answer. `failures.py` maps each to a `Failure`.

No message quotes what a server sent, and none holds a credential.
"""

from typing import Literal

Phase = Literal["connect", "first_byte", "idle", "deadline"]


class HttpError(Exception):
    """Base of everything that `HttpClient` raises on purpose."""


class InvalidRequestError(HttpError):
    """We will not send this: the URL is no plain http(s) URL, or a header holds characters that no header may."""


class ResolveError(HttpError):
    """The host's name has no address."""


class ConnectError(HttpError):
    """No address of the host accepted a connection."""


class TlsError(HttpError):
    """The TLS handshake failed, or the certificate is not to be trusted."""


class ProxyError(HttpError):
    """The proxy could not be used, or would not connect us."""


class ResetError(HttpError):
    """The connection ended before the answer was complete."""


class StaleError(ResetError):
    """A reused connection ended before any byte of an answer: the server had closed it while it lay idle."""


class TimedOutError(HttpError):
    """One of the call's clocks ran out; `phase` says which."""

    def __init__(self, phase: Phase) -> None:
        super().__init__(f"timed out: {phase}")
        self.phase: Phase = phase


class ProtocolError(HttpError):
    """What the server sent is not HTTP/1.1 as we take it: malformed, too many headers, an unasked upgrade."""


class EncodedError(HttpError):
    """The body is compressed although we asked for it as it is."""


class UnwantedError(HttpError):
    """Whoever was handed the events of a stream wants no more of them."""


class BodyTooLargeError(HttpError):
    """The body exceeds the limit that the caller set."""
