"""The client formats as the gateway serves them: which routes speak which, and what differs beside the body.

A surface is a codec with the few things that its clients find outside the body: ids, status codes, header names. All
surfaces go through the same facts, ladder, checks and records.
"""

from collections.abc import Callable

import msgspec

from tiercel.domain.errors import ProblemKind
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Stamp
from tiercel.gateway.exchange import Exchange, Headers
from tiercel.wire.codec import Codec, StreamEncoder
from tiercel.wire.registry import CODECS

EVENT_STREAM = b"text/event-stream; charset=utf-8"


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """One client format. `statuses` are those that its vendor spells otherwise than our own table.

    `forwarded` names headers that an upstream of the same format is sent as they came.
    """

    codec: Codec
    id_prefix: str = ""
    id_header: bytes = b"x-request-id"
    statuses: dict[ProblemKind, int] = {}
    forwarded: tuple[bytes, ...] = ()


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """How one endpoint reads a request and streams its answer."""

    surface: Surface
    decode: Callable[[bytes], ModelRequest]
    encoder: Callable[[ModelRequest, Stamp], StreamEncoder]
    stream_type: bytes = EVENT_STREAM


CHAT = Surface(codec=CODECS["openai_chat"], id_prefix="chatcmpl-")
MESSAGES = Surface(
    codec=CODECS["anthropic"],
    id_prefix="msg_",
    id_header=b"request-id",
    statuses={"overloaded": 529},
    forwarded=(b"anthropic-version", b"anthropic-beta"),
)


def generation_of(surface: Surface) -> Generation:
    """The plain case: everything stands in the body."""
    codec = surface.codec
    return Generation(surface=surface, decode=codec.decode_request, encoder=codec.stream_encoder)


CHAT_COMPLETIONS = generation_of(CHAT)
CREATE_MESSAGE = generation_of(MESSAGES)


def surface_of(exchange: Exchange) -> Surface:
    """Whose words an answer that is not a model's should use: told by the path, else by the headers."""
    path = exchange.path
    if path.startswith("/v1/messages"):
        return MESSAGES
    if path.startswith("/v1/models") and exchange.header(b"anthropic-version") is not None:
        return MESSAGES
    return CHAT


def forwarded_headers(surface: Surface, exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """The client's own headers that go along to an upstream of its format."""
    found = []
    for name in surface.forwarded:
        value = exchange.header(name)
        if value is not None and value.isascii() and value.isprintable():
            found.append((name.decode("ascii"), value))
    return tuple(found)


def stream_headers(content_type: bytes) -> Headers:
    """What every stream says of itself: its type, and that nobody on the way may keep or collect it."""
    return [(b"content-type", content_type), (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
