"""The shape every codec has. Hub, not pairs: each knows its own bytes and our nouns, never another format.

A codec is pure: ids and times come in with `Stamp`, what was decided about a call with `Target`. The client side
(decode a request, encode an answer) and the upstream side (encode a request, decode an answer) are the same format
read from both ends, so that the lab serves with the very codecs the gateway calls with.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from tiercel.domain.catalog import Target
from tiercel.domain.errors import ProblemKind, UpstreamDataError
from tiercel.domain.events import StreamEvent
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp


class EncodedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request ready for the wire: path below `base_url`, the format's own headers (no credential), body.

    `lost` names what the target cannot carry (`logprobs`, `messages[2].audio`, `temperature` …), sorted, no values.
    """

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()


class ErrorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an error body says, in the provider's own words: input of the table in `upstream/failures.py`."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    status: int | None = None
    retry_after_seconds: float | None = None


class UpstreamReplyError(UpstreamDataError):
    """A 200 whose body is an error object: readable, but no answer. `facts` go where those of an error answer go."""

    def __init__(self, facts: ErrorFacts) -> None:
        super().__init__("the upstream answered 200 with an error in the body")
        self.facts = facts


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error of ours for a client: the codec gives it the format's shape, `gateway/problems.py` the HTTP status."""

    kind: ProblemKind
    message: str
    request_id: str
    param: str | None = None


class StreamDecoder(Protocol):
    """Bytes of one upstream stream, cut anywhere, into events.

    Guarantees: exactly one `Finished` per choice, after its content; tool calls indexed densely from 0 with id and
    name once; the last event is `End`, or `Broken` when the stream carried an error, could not be read, or ended
    without what its format demands. Never raises on what a provider sends.
    """

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """The events that these bytes complete; may be none."""
        ...

    def close(self) -> Sequence[StreamEvent]:
        """The upstream closed: the last events, ending in `End` or `Broken` unless one was already seen."""
        ...


class StreamEncoder(Protocol):
    """Events into the bytes of one client's stream. The only place that knows the format's rules of order.

    `UsageUpdate` and `Finished` may be held back until the format's place for them; `End` writes whatever closes a
    good stream; after `Broken`, or `problem`, nothing more may be written.
    """

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """The bytes for these events; may be empty."""
        ...

    def problem(self, problem: Problem) -> bytes:
        """An explicit error in the format's own shape after the 200 was sent; never an invented finish."""
        ...

    def heartbeat(self) -> bytes:
        """Bytes that keep a client waiting without meaning anything."""
        ...


class Codec(Protocol):
    """One wire format, both ends."""

    format: Format

    def decode_request(self, body: bytes) -> ModelRequest:
        """A client's body as a request. Raises `CallerError` naming the field; keeps unknown fields in `extra`."""
        ...

    def encode_response(self, response: ModelResponse, stamp: Stamp) -> bytes:
        """A whole answer in this format's shape."""
        ...

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        """An encoder for one stream to one client; `request` says, among others, whether usage was asked for."""
        ...

    def encode_problem(self, problem: Problem) -> bytes:
        """The body of an error answer."""
        ...

    def encode_request(self, request: ModelRequest, target: Target) -> EncodedCall:
        """The call of `target`. Where the client's format is this one and nothing but the model's name has to change,
        the name is spliced into the original bytes."""
        ...

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        """A whole answer. Raises `UpstreamReplyError` where it is an error in disguise, `UpstreamDataError` where it is
        not what the format says."""
        ...

    def stream_decoder(self, target: Target) -> StreamDecoder:
        """A decoder for one stream of one call."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """What an error answer says; an unreadable body gives empty facts. `headers` have lower-case names."""
        ...


class TokenCounter(Protocol):
    """How a format asks for, and answers with, the number of tokens in a request. Modules are such counters."""

    def decode_count_request(self, body: bytes) -> ModelRequest:
        """A client's question. Raises `CallerError` naming the field."""
        ...

    def encode_count(self, total: int) -> bytes:
        """The answer to a client."""
        ...

    def encode_count_request(self, request: ModelRequest, target: Target) -> EncodedCall:
        """The question for an upstream, whatever format the request came in."""
        ...

    def decode_count(self, body: bytes) -> int:
        """An upstream's count. Raises `UpstreamDataError`."""
        ...
