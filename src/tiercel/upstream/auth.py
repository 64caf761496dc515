"""The credential of a call. It goes to its provider's own origin and nowhere else."""

from tiercel.domain.catalog import Provider
from tiercel.upstream.address import parse_url
from tiercel.upstream.errors import InvalidRequestError

Header = tuple[str, str]


def call_url(provider: Provider, path: str) -> str:
    """The URL of `path` (which begins with a slash) below the provider's base URL.

    Raises `InvalidRequestError` where the two together would lead to another origin than the base URL's.
    """
    url = provider.base_url.rstrip("/") + path
    if parse_url(url).origin != parse_url(provider.base_url).origin:
        raise InvalidRequestError("the call's address is not the provider's own")
    return url


def credential_of(provider: Provider) -> str:
    """The credential itself, or the empty string."""
    return provider.key.reveal() if provider.key else ""


def credential_headers(provider: Provider) -> tuple[Header, ...]:
    """The header that carries the provider's credential in its format; nothing where it has none."""
    credential = credential_of(provider)
    if not credential:
        return ()
    if provider.format == "anthropic":
        return (("x-api-key", credential),)
    return (("authorization", f"Bearer {credential}"),)


def call_headers(provider: Provider, from_codec: tuple[Header, ...]) -> list[Header]:
    """All headers of a call: the format's own, then the provider's, which win over it, then the credential."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    configured = tuple(provider.headers.items())
    for name, value in (*from_codec, *configured, *credential_headers(provider)):
        headers[name.lower()] = value
    return list(headers.items())
