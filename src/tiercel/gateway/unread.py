"""Requests that need no parser, told from their raw bytes: those that will be refused, and those that come again.

Under overload most requests are refused, and parsing them costs more than refusing them; all that is wanted then is
whose words the refusal has to use, and where the request ends. And a client says the same before each of its bodies but
for its length. So what is the same in nearly every client's request is recognised, and only that: a POST whose headers
are well-formed and say once, in figures, how long its body is. Whatever could be read in two ways is no such request,
and is the parser's.
"""

import re

MAX_HEAD_BYTES = 8 * 1024
MAX_LENGTH_DIGITS = 9

_FRAMING = rb"content-length|transfer-encoding|expect|upgrade|connection:(?![ ]?keep-alive\r)"
_LINE = rb"(?!(?i:" + _FRAMING + rb"))[!#-'*+.0-9A-Z^-z|~-]++:[ -~\t]*+\r\n"
"""Any header that does not say where the request ends, or what becomes of the connection after it."""
_LENGTH = rb"[0-9]{1,%d}" % MAX_LENGTH_DIGITS
_PLAIN = re.compile(
    rb"POST (/[!-~]*+) HTTP/1\.1\r\n"
    rb"(?:" + _LINE + rb")*+"
    rb"(?i:content-length):[ ]?(" + _LENGTH + rb")\r\n"
    rb"(?:" + _LINE + rb")*+"
    rb"\r\n"
)


def plain_request(data: bytes) -> tuple[bytes, int] | None:
    """The URL and the length in bytes, head and body, of the request that begins here; `None` unless it is plain."""
    found = _PLAIN.match(data, 0, MAX_HEAD_BYTES)
    return None if found is None else (found[1], found.end() + int(found[2]))


def around_length(data: bytes) -> tuple[bytes, bytes] | None:
    """What stands before and behind the figures of the body's length in the head that is here as a whole; `None` unless
    it is plain."""
    found = _PLAIN.match(data, 0, MAX_HEAD_BYTES)
    return None if found is None else (data[: found.start(2)], data[found.end(2) : found.end()])
