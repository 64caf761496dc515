"""What a request says before its body: read off the parser, with limits, and known when it comes again."""

import re
from urllib.parse import unquote

import httptools
import msgspec

HOST = re.compile(r"^(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?$")
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
INVALID = (400, "Invalid HTTP request received.")
ONE_HOST = (400, "Exactly one valid Host header is required.")
TOO_MANY = (431, "Too many or too large headers.")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says before its body. Of headers sent twice the first counts; names are in lower case."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    keeps_alive: bool
    """Whether another request may follow on the connection."""
    is_urgent: bool
    """Whether it is answered at once, whoever else waits."""


class KnownHead(msgspec.Struct, frozen=True, kw_only=True):
    """A head that came before: as bytes, around the length of its body, and as what it meant."""

    before: bytes
    behind: bytes
    head: Head


class UnreadableError(Exception):
    """What came is no request, or none that is taken. Raised in the parser's callbacks, which then reads no further."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = (status, message)


def read_head(
    parser: httptools.HttpRequestParser, url: bytes, headers: dict[bytes, bytes], *, is_urgent: bool
) -> Head:
    """What the parser has read, if it is right. Raises `UnreadableError`."""
    if HOST.match(headers.get(b"host", b"").decode("latin-1")) is None:
        raise UnreadableError(*ONE_HOST)
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        raise UnreadableError(505, "HTTP/1.1 is spoken here.")
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError) as error:
        raise UnreadableError(*INVALID) from error
    return Head(
        method=parser.get_method().decode("ascii"),
        path=unquote(path) if "%" in path else path,
        query=parsed.query or b"",
        headers=headers,
        keeps_alive=version == "1.1" and parser.should_keep_alive(),
        is_urgent=is_urgent,
    )
