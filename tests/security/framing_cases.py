"""Requests whose length, host or lines two servers could read differently. Each must be refused, and nothing after it
answered."""

from tests.security.raw_bytes import HIDDEN

HOST = b"Host: localhost\r\n"


def post(headers: bytes, body: bytes = b"") -> bytes:
    """A request with these headers, and another one hidden behind its body."""
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body + HIDDEN


def line(first: bytes, headers: bytes = HOST) -> bytes:
    return first + b"\r\n" + headers + b"\r\n" + HIDDEN


CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"0\r\n\r\n"
LENGTH = b"Content-Length: 5\r\n"

FRAMING: dict[str, bytes] = {
    "length, then chunked": post(LENGTH + CHUNKED, EMPTY),
    "chunked, then length": post(CHUNKED + LENGTH, EMPTY),
    "chunked in capitals, and a length": post(b"TRANSFER-ENCODING: CHUNKED\r\n" + LENGTH, EMPTY),
    "chunked is not last": post(b"Transfer-Encoding: chunked, identity\r\n", EMPTY),
    "an unknown coding": post(b"Transfer-Encoding: xchunked\r\n", EMPTY),
    "identity": post(b"Transfer-Encoding: identity\r\n", EMPTY),
    "gzip alone": post(b"Transfer-Encoding: gzip\r\n", EMPTY),
    "a coding with a parameter": post(b"Transfer-Encoding: chunked;q=1\r\n", EMPTY),
    "a coding with a quote": post(b'Transfer-Encoding: "chunked"\r\n', EMPTY),
    "chunked twice on one line": post(b"Transfer-Encoding: chunked, chunked\r\n", EMPTY),
    "chunked and another in two lines": post(CHUNKED + b"Transfer-Encoding: cow\r\n", EMPTY),
    "a space before the colon": post(b"Transfer-Encoding : chunked\r\n", EMPTY),
    "a tab before the colon": post(b"Content-Length\t: 5\r\n", b"12345"),
    "a vertical tab in the coding": post(b"Transfer-Encoding: \x0bchunked\r\n", EMPTY),
    "a NUL in the coding": post(b"Transfer-Encoding: chunked\x00\r\n", EMPTY),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", EMPTY),
    "a folded length": post(b"X: 1\r\n Content-Length: 5\r\n", b"12345"),
    "a leading blank line of headers": post(b" Transfer-Encoding: chunked\r\n", EMPTY),
    "an end of line by LF before chunked": post(b"X: 1\nTransfer-Encoding: chunked\r\n", EMPTY),
    "an end of line by CR before chunked": post(b"X: 1\rTransfer-Encoding: chunked\r\n", EMPTY),
    "two lengths that differ": post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"12345"),
    "two lengths alike": post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"12345"),
    "a list of lengths": post(b"Content-Length: 5, 5\r\n", b"12345"),
    "a length with a plus": post(b"Content-Length: +5\r\n", b"12345"),
    "a negative length": post(b"Content-Length: -1\r\n", b"12345"),
    "a length in hexadecimal": post(b"Content-Length: 0x5\r\n", b"12345"),
    "a length with an exponent": post(b"Content-Length: 5e0\r\n", b"12345"),
    "a length with a space in it": post(b"Content-Length: 5 5\r\n", b"12345"),
    "a length with an underscore": post(b"Content-Length: 1_0\r\n", b"1234567890"),
    "a length of other digits": post("Content-Length: ٥\r\n".encode(), b"12345"),
    "a length of nothing": post(b"Content-Length: \r\n", b"12345"),
    "a length beyond all numbers": post(b"Content-Length: 18446744073709551621\r\n", b"12345"),
    "a chunk of 0x5": post(CHUNKED, b"0x5\r\n12345\r\n" + EMPTY),
    "a chunk of +5": post(CHUNKED, b"+5\r\n12345\r\n" + EMPTY),
    "a chunk of -1": post(CHUNKED, b"-1\r\n12345\r\n" + EMPTY),
    "a chunk of no digits": post(CHUNKED, b"\r\n12345\r\n" + EMPTY),
    "a chunk of a letter": post(CHUNKED, b"g\r\n12345\r\n" + EMPTY),
    "a chunk with a NUL": post(CHUNKED, b"5\x00\r\n12345\r\n" + EMPTY),
    "a chunk beyond all numbers": post(CHUNKED, b"FFFFFFFFFFFFFFFFF\r\n12345\r\n" + EMPTY),
    "a chunk that ends by LF": post(CHUNKED, b"5\n12345\r\n" + EMPTY),
    "a chunk that ends by CR": post(CHUNKED, b"5\r12345\r\n" + EMPTY),
    "a chunk longer than it says": post(CHUNKED, b"5\r\n123456789\r\n" + EMPTY),
    "a chunk without its end": post(CHUNKED, b"5\r\n12345" + EMPTY),
    "a chunk whose end is LF": post(CHUNKED, b"5\r\n12345\n" + EMPTY),
    "a chunk with a space before its size": post(CHUNKED, b" 5\r\n12345\r\n" + EMPTY),
    "an extension with LF in it": post(CHUNKED, b"5;a\nb\r\n12345\r\n" + EMPTY),
    "lines that end by LF": b"POST / HTTP/1.1\nHost: localhost\nContent-Length: 5\n\n12345" + HIDDEN,
    "lines that end by CR": b"POST / HTTP/1.1\rHost: localhost\rContent-Length: 5\r\r12345" + HIDDEN,
    "a name with a space": post(b"Content Length: 5\r\n", b"12345"),
    "a header without a name": post(b": 5\r\n"),
    "a header without a colon": post(b"Content-Length\r\n"),
    "a name with a control character": post(b"X\x01: 5\r\n"),
    "a value with a NUL": post(b"X: a\x00b\r\n"),
    "no host": line(b"GET /healthz HTTP/1.1", b""),
    "two hosts": line(b"GET /healthz HTTP/1.1", HOST + b"Host: elsewhere\r\n"),
    "an empty host": line(b"GET /healthz HTTP/1.1", b"Host: \r\n"),
    "a host with a path": line(b"GET /healthz HTTP/1.1", b"Host: localhost/?\r\n"),
    "a host with a name before it": line(b"GET /healthz HTTP/1.1", b"Host: evil@localhost\r\n"),
    "a list of hosts": line(b"GET /healthz HTTP/1.1", b"Host: localhost, elsewhere\r\n"),
    "a host with a backslash": line(b"GET /healthz HTTP/1.1", b"Host: localhost\\@elsewhere\r\n"),
    "a host with a port of letters": line(b"GET /healthz HTTP/1.1", b"Host: localhost:http\r\n"),
    "no version": line(b"GET /healthz"),
    "version 0.9": line(b"GET /healthz HTTP/0.9"),
    "version 2.0": line(b"GET /healthz HTTP/2.0"),
    "version 9.9": line(b"GET /healthz HTTP/9.9"),
    "a version in small letters": line(b"GET /healthz http/1.1"),
    "a method in small letters": line(b"get /healthz HTTP/1.1"),
    "an unknown method": line(b"SPEND /v1/models HTTP/1.1"),
    "a method to connect elsewhere": line(b"CONNECT elsewhere:443 HTTP/1.1"),
    "a path with a space": line(b"GET /healthz /x HTTP/1.1"),
    "a path with a NUL": line(b"GET /heal\x00thz HTTP/1.1"),
    "a path that is no path": line(b"GET healthz HTTP/1.1"),
    "a space before the method": line(b" GET /healthz HTTP/1.1"),
    "a path that does not end": b"GET /" + b"x" * 200_000,
    "a header that does not end": line(b"GET /healthz HTTP/1.1", HOST + b"X: " + b"y" * 200_000),
    "a name that does not end": line(b"GET /healthz HTTP/1.1", HOST + b"y" * 200_000),
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
}
