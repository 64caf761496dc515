"""What is refused unread must be what the parser would have read: nothing may hide in it or behind it."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.security.framing_cases import FRAMING
from tests.security.raw_bytes import HIDDEN
from tiercel.gateway.unread import plain_request

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
SDK = (
    HEAD + b"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nUser-Agent: OpenAI/Python 2.1.0\r\n"
    b"X-Stainless-Raw-Response: true\r\nAuthorization: Bearer sk-0123456789\r\nContent-Length: 4\r\n\r\nbody"
)


class Reading:
    """What the parser makes of these bytes."""

    def __init__(self, data: bytes) -> None:
        self.url = b""
        self.begun = 0
        self.complete = 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_message_complete(self) -> None:
        self.complete += 1


@pytest.mark.parametrize("connection", [b"", b"connection: keep-alive\r\n", b"Connection:keep-alive\r\n"])
@pytest.mark.parametrize("length", [b"Content-Length: 4", b"content-length:4", b"CONTENT-LENGTH: 0004"])
def test_usual_requests_are_plain(connection: bytes, length: bytes) -> None:
    data = HEAD + connection + length + b"\r\nX-Later: yes\r\n\r\n"
    assert plain_request(data + b"body" + HIDDEN) == (b"/v1/chat/completions", len(data) + 4)


def test_the_length_counts_what_has_not_come_yet() -> None:
    assert plain_request(SDK[:-4]) == (b"/v1/chat/completions", len(SDK))


@pytest.mark.parametrize("data", FRAMING.values(), ids=FRAMING.keys())
def test_what_could_be_read_in_two_ways_is_the_parsers(data: bytes) -> None:
    """Those that are plain have only their Host against them, which no refusal needs."""
    plain = plain_request(data)
    assert plain is None or (Reading(data[: plain[1]]).complete, data[plain[1] :]) == (1, HIDDEN)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SDK[:-10],
        SDK.replace(b"POST", b"GET"),
        SDK.replace(b"POST", b"\r\nPOST"),
        SDK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        SDK.replace(b"keep-alive", b"close"),
        SDK.replace(b"keep-alive", b"keep-alive, close"),
        SDK.replace(b"Host", b"Expect: 100-continue\r\nHost"),
        SDK.replace(b"Host", b"Upgrade: h2c\r\nHost"),
        SDK.replace(b"Content-Length: 4\r\n", b""),
        SDK.replace(b"/v1/chat/completions", b"http://localhost/v1/chat/completions"),
        SDK.replace(b"gzip", b"g" * 9_000),
    ],
)
def test_what_is_not_usual_is_the_parsers(data: bytes) -> None:
    assert plain_request(data) is None


NAMES = [
    "content-length",
    "Content-Length",
    "transfer-encoding",
    "connection",
    "expect",
    "x",
    "X-Y",
    "",
    "a b",
]
VALUES = [
    "4",
    "0",
    "12",
    "4 ",
    " 4",
    "+4",
    "keep-alive",
    "close",
    "chunked",
    "x\ty",
    "\x00",
    "é",
    "a\r\n b",
    "a\nb",
]
LINE = st.builds(
    "{}:{}{}\r\n".format, st.sampled_from(NAMES), st.sampled_from(["", " ", "  "]), st.sampled_from(VALUES)
)


@given(lines=st.lists(LINE, max_size=5), body=st.binary(max_size=15))
def test_what_is_plain_ends_where_the_parser_says(lines: list[str], body: bytes) -> None:
    data = HEAD + "".join(lines).encode("latin-1") + b"\r\n" + body
    plain = plain_request(data)
    if plain is None:
        return
    url, length = plain
    whole = (data + b"." * 15)[:length]
    read = Reading(whole)
    assert (read.url, read.begun, read.complete) == (url, 1, 1)
    assert read.parser.should_keep_alive()
    assert Reading(whole[:-1]).complete == 0
