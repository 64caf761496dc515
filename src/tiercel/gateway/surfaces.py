"""The client formats as the gateway serves them: which routes speak which, and what differs beside the body.

A surface is a codec with the few things that its clients find outside the body: ids, status codes, header names. All
surfaces go through the same facts, ladder, checks and records.
"""

import re
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from tiercel.domain.embedding import EmbeddingRequest, Embeddings
from tiercel.domain.errors import CallerError, ProblemKind
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Stamp
from tiercel.gateway.exchange import Exchange
from tiercel.wire.codec import Codec, StreamEncoder
from tiercel.wire.embeddings import (
    decode_batch_embed_contents,
    decode_embed_content,
    decode_embedding_request,
    encode_batch_embed_contents,
    encode_embed_content,
    encode_embeddings_answer,
)
from tiercel.wire.gemini.stream_encoder import JsonArrayEncoder
from tiercel.wire.openai_responses.request_decoder import needs_server_state
from tiercel.wire.registry import CODECS, COUNTERS

GEMINI_PATH = re.compile(
    r"^/v1(?:beta1?|alpha)?/(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/(?P<model>.+):(?P<verb>\w+)$"
)
"""Where AI Studio's and Vertex' clients call."""
JSON_TYPE = b"application/json"
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


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """How one endpoint reads a request whose tokens are to be counted, and answers."""

    surface: Surface
    decode: Callable[[bytes], ModelRequest]
    encode: Callable[[int], bytes]

    def of_model(self, model: str) -> "Counting":
        """The same for a client that names the model in the path."""
        return replace(self, decode=lambda body: replace(self.decode(body), model=model))


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """How one endpoint reads what is to be embedded, and answers. `encode` gets the model's name to show."""

    decode: Callable[[bytes], EmbeddingRequest]
    encode: Callable[[Embeddings, EmbeddingRequest, str], bytes]


CHAT = Surface(codec=CODECS["openai_chat"], id_prefix="chatcmpl-")
RESPONSES = Surface(codec=CODECS["openai_responses"], id_prefix="resp_")
MESSAGES = Surface(
    codec=CODECS["anthropic"],
    id_prefix="msg_",
    id_header=b"request-id",
    statuses={"overloaded": 529},
    forwarded=(b"anthropic-version", b"anthropic-beta"),
)
GEMINI = Surface(codec=CODECS["gemini"])


def counting_of(surface: Surface) -> Counting:
    """Counting as this surface's format has it."""
    counter = COUNTERS[surface.codec.format]
    return Counting(surface=surface, decode=counter.decode_count_request, encode=counter.encode_count)


def generation_of(surface: Surface) -> Generation:
    """The plain case: everything stands in the body."""
    codec = surface.codec
    return Generation(surface=surface, decode=codec.decode_request, encoder=codec.stream_encoder)


def _decode_response_request(body: bytes) -> ModelRequest:
    request = RESPONSES.codec.decode_request(body)
    missing = needs_server_state(request)
    if missing is not None:
        raise CallerError(
            "unsupported_value",
            f"{missing}: no conversations, prompts or answers are kept here for later; send the whole "
            "conversation as input",
            param=missing,
        )
    return request


CHAT_COMPLETIONS = generation_of(CHAT)
CREATE_MESSAGE = generation_of(MESSAGES)
CREATE_RESPONSE = Generation(
    surface=RESPONSES, decode=_decode_response_request, encoder=RESPONSES.codec.stream_encoder
)

COUNT_MESSAGE = counting_of(MESSAGES)
COUNT_INPUT = counting_of(RESPONSES)
COUNT_CONTENT = counting_of(GEMINI)

CREATE_EMBEDDINGS = Embedding(decode=decode_embedding_request, encode=encode_embeddings_answer)


def embed_content(model: str) -> Embedding:
    """One content, for Gemini's clients, which name the model in the path."""
    return Embedding(decode=lambda body: decode_embed_content(body, model), encode=encode_embed_content)


def batch_embed_contents(model: str) -> Embedding:
    """Several of them."""
    return Embedding(
        decode=lambda body: decode_batch_embed_contents(body, model), encode=encode_batch_embed_contents
    )


def _array_encoder(request: ModelRequest, stamp: Stamp) -> StreamEncoder:
    return JsonArrayEncoder(stamp)


def generate_content(model: str, *, stream: bool, as_events: bool) -> Generation:
    """Gemini's clients say in the path what others say in the body, and may want their stream as one JSON array."""

    def decode(body: bytes) -> ModelRequest:
        return replace(GEMINI.codec.decode_request(body), model=model, stream=stream)

    if stream and not as_events:
        return Generation(surface=GEMINI, decode=decode, encoder=_array_encoder, stream_type=JSON_TYPE)
    return Generation(surface=GEMINI, decode=decode, encoder=GEMINI.codec.stream_encoder)


def surface_at(path: str) -> Surface:
    """Whose words an answer that is not a model's should use, as far as the path tells."""
    if path.startswith("/v1/messages"):
        return MESSAGES
    if path.startswith("/v1/responses"):
        return RESPONSES
    if path.startswith(("/v1beta", "/v1alpha")) or GEMINI_PATH.match(path) is not None:
        return GEMINI
    return CHAT


def surface_of(exchange: Exchange) -> Surface:
    """The same, told by the headers where the path does not."""
    surface = surface_at(exchange.path)
    if surface is CHAT and exchange.path.startswith("/v1/models"):
        if exchange.header(b"anthropic-version") is not None or exchange.header(b"x-api-key") is not None:
            return MESSAGES
        if exchange.header(b"x-goog-api-key") is not None or exchange.parameter("key") is not None:
            return GEMINI
    return surface


def forwarded_headers(surface: Surface, exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """The client's own headers that go along to an upstream of its format."""
    found = []
    for name in surface.forwarded:
        value = exchange.header(name)
        if value is not None and value.isascii() and value.isprintable():
            found.append((name.decode("ascii"), value))
    return tuple(found)


def stream_lines(content_type: bytes) -> bytes:
    """What every stream says of itself: its type, and that nobody on the way may keep or collect it."""
    return b"content-type: %b\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n" % content_type
