"""Where a call goes and the credential it carries, which goes to its provider's own origin and nowhere else."""

from urllib.parse import parse_qsl, urlencode

from tiercel.domain.catalog import Provider
from tiercel.domain.request import Format
from tiercel.upstream.address import parse_url
from tiercel.upstream.errors import InvalidRequestError
from tiercel.wire.quirks import Auth, quirks_named

Header = tuple[str, str]

_AUTH: dict[Format, Auth] = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
"""Where a format has the credential; the others have a bearer token."""


def call_url(provider: Provider, path: str) -> str:
    """The URL of `path` (which begins with a slash) below the provider's base URL.

    Both may have a query; where they name the same parameter, the base URL's word counts, as the operator's. Raises
    `InvalidRequestError` where the two together would lead to another origin than the base URL's.
    """
    base, _, own_query = provider.base_url.partition("?")
    if own_query:
        path, _, query = path.partition("?")
        path = f"{path}?{urlencode({**dict(parse_qsl(query)), **dict(parse_qsl(own_query))})}"
    url = base.rstrip("/") + path
    if parse_url(url).origin != parse_url(provider.base_url).origin:
        raise InvalidRequestError("the call's address is not the provider's own")
    return url


def credential_of(provider: Provider) -> str:
    """The credential itself, or the empty string."""
    return provider.key.reveal() if provider.key else ""


def credential_headers(provider: Provider, format: Format) -> tuple[Header, ...]:
    """The header that carries the credential, where this server or else the call's format has it; nothing without."""
    credential = credential_of(provider)
    if not credential:
        return ()
    auth = quirks_named(provider.quirks).auth or _AUTH.get(format, "bearer")
    return (("authorization", f"Bearer {credential}") if auth == "bearer" else (auth, credential),)


def call_headers(provider: Provider, from_codec: tuple[Header, ...], format: Format) -> list[Header]:
    """All headers of a call: the format's own, then the provider's, which win over it, then the credential."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    configured = tuple(provider.headers.items())
    for name, value in (*from_codec, *configured, *credential_headers(provider, format)):
        headers[name.lower()] = value
    return list(headers.items())
