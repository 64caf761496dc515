"""What came of a request that an evaluation made, and the shape of what makes them: handed in, never imported."""

from typing import Protocol

import msgspec

from tiercel.domain.embedding import Vector
from tiercel.domain.record import Record
from tiercel.domain.response import ModelResponse


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one request: an answer, or vectors where texts were to be embedded, or the problem that the client
    was told of; and its record, if one is.

    Seconds run from the sending, as a client sees them: until the first token of any kind (TTFT), until the first that
    a reader or program can use (TTFA), and until the last byte. The first two are known of streams only.
    `retry_after_seconds` is how long the gateway asked to wait.
    """

    response: ModelResponse | None = None
    vectors: tuple[Vector, ...] = ()
    record: Record | None = None
    problem: str = ""
    retry_after_seconds: float | None = None
    seconds: float | None = None
    ttft_seconds: float | None = None
    ttfa_seconds: float | None = None


class Ask(Protocol):
    """Sends one chat completions body and waits for the whole answer.

    With `helped` the policy's retries, fallbacks, checks and escalations hold; without, whoever is named answers alone.
    Never raises for what a model or provider does.
    """

    async def __call__(self, body: bytes, *, helped: bool = False) -> Asked: ...


class AskAndEmbed(Ask, Protocol):
    """Also has texts embedded."""

    async def embed(self, body: bytes) -> Asked:
        """Sends one embeddings body; the vectors come in the order of its texts. Never raises, as above."""
        ...
