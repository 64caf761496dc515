"""A request that will be refused, told from its raw bytes: whose words the refusal has to use, and where it ends.

Under overload most requests are refused, and parsing them costs more than refusing them. So what is the same in nearly
every client's request is recognised without a parser, and only that: a POST whose headers are well-formed and say once,
in figures, how long its body is. Whatever could be read in two ways is no such request, and is the parser's.
"""

import re

MAX_HEAD_BYTES = 8 * 1024

_FRAMING = rb"content-length|transfer-encoding|expect|upgrade|connection:(?![ ]?keep-alive\r)"
_LINE = rb"(?!(?i:" + _FRAMING + rb"))[!#-'*+.0-9A-Z^-z|~-]++:[ -~\t]*+\r\n"
"""Any header that does not say where the request ends, or what becomes of the connection after it."""
_PLAIN = re.compile(
    rb"POST (/[!-~]*+) HTTP/1\.1\r\n"
    rb"(?:" + _LINE + rb")*+"
    rb"(?i:content-length):[ ]?([0-9]{1,9})\r\n"
    rb"(?:" + _LINE + rb")*+"
    rb"\r\n"
)


def plain_request(data: bytes) -> tuple[bytes, int] | None:
    """The URL and the length in bytes, head and body, of the request that begins here; `None` unless it is plain."""
    found = _PLAIN.match(data, 0, MAX_HEAD_BYTES)
    return None if found is None else (found[1], found.end() + int(found[2]))
