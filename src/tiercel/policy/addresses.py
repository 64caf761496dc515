"""What may stand in the file as an address, a header or the name of an environment variable.

None of the complaints quotes the value: it may hold the very credential that must not be there.
"""

import ipaddress
import re
from urllib.parse import urlsplit

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
"""Capitals only: a key written where its variable's name belongs nearly always has small letters."""
QUERY = re.compile(r"(?:api-version=[A-Za-z0-9.-]{1,40})?")
"""The one parameter an address may have: Azure's version. Any other might be a credential."""
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
CREDENTIAL_WORDS = ("auth", "key", "token", "secret", "password", "cookie")
"""A header whose name holds one of these carries a credential."""
CONNECTION_HEADERS = {"host", "content-length", "transfer-encoding", "connection"}


def url_complaint(url: str, example: str) -> str | None:
    """Why this cannot be the address of a provider or proxy, or `None`."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return f"holds white space, control or non-ASCII characters; write it like {example}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return f"is not an address; write it like {example}"
    if parts.scheme not in ("http", "https"):
        return f"must begin with http:// or https://, like {example}"
    if not host or port == 0:
        return f"names no host; write it like {example}"
    if "@" in parts.netloc:
        return "holds a user name or password; credentials belong in environment variables"
    if parts.fragment or not QUERY.fullmatch(parts.query):
        return f"holds a query or fragment; write only the address, like {example}"
    return None


def is_loopback_url(url: str) -> bool:
    """Whether an address can only be this machine's; one that is no address is not."""
    return url_complaint(url, "") is None and is_loopback_host(urlsplit(url).hostname or "")


def is_loopback_host(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def header_complaint(name: str, value: str) -> str | None:
    if not HEADER_NAME.match(name):
        return "is not the name of a header"
    if any(word in name.lower() for word in CREDENTIAL_WORDS):
        return "is a credential, which never stands in this file; name its variable in key_env"
    if name.lower() in CONNECTION_HEADERS:
        return "is set by Tiercel itself; remove it"
    if not value.isascii() or not value.isprintable():
        return "has a value that no header can carry; use printable ASCII"
    return None


def variable_complaint(name: str) -> str | None:
    if VARIABLE.match(name):
        return None
    return "is not the name of an environment variable (capitals, digits, _); a key itself never stands in this file"


def key_complaint(value: str) -> str | None:
    if value.isascii() and value.isprintable() and " " not in value:
        return None
    return "holds characters that no key has (white space, control or non-ASCII); set it again"
