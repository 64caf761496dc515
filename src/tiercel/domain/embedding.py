"""Embeddings: texts in, one vector for each out, in the same order."""

from typing import Literal

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Format
from tiercel.domain.response import Usage

Vector = tuple[float, ...]

NOT_EMBEDDING: frozenset[Format] = frozenset(("anthropic",))
"""Formats that have no call for embeddings."""
ASSUMED_WINDOW = 8_192
"""Tokens that one text may have, where a model does not say: that of OpenAI's models, and of most."""


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be embedded: `texts`, or as token ids `tokens`; never both. `encoding` is how the client wants the
    vectors written, `extra` what nobody here reads, as the client's `format` spells it."""

    model: str
    format: Literal["openai_chat", "gemini"] = "openai_chat"
    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[int, ...], ...] = ()
    dimensions: int | None = None
    encoding: Literal["float", "base64"] = "float"
    user: str | None = None
    extra: JsonObject = {}

    @property
    def count(self) -> int:
        """How many vectors answer it."""
        return len(self.texts) or len(self.tokens)


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """The vectors in the order of the request. `usage` is `None` where the provider did not count."""

    vectors: tuple[Vector, ...]
    model: str = ""
    usage: Usage | None = None
