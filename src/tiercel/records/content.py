"""Prompts and answers as blocks, named by what they hold: a conversation's beginning is the same blocks each time.

Nothing is made of them unless the operator chose to keep content. Redaction comes before anything is written.
"""

import os
import secrets
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import msgspec

from tiercel.domain.record import Block, Content, Place
from tiercel.domain.request import Message, ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.domain.settings import ContentKept
from tiercel.records.redaction import redact

LARGEST_BLOCK_BYTES = 256_000
LARGEST_CONTENT_BYTES = 4_000_000
HASH_KEY_FILE = "content-secret"
SECRET_BYTES = 32

_encode = msgspec.json.Encoder(order="deterministic").encode


class ContentMaker:
    """Makes the content of requests in one of the ways to keep it."""

    def __init__(self, kept: ContentKept, secret: bytes) -> None:
        self._kept = kept
        self._secret = secret

    @classmethod
    def open(cls, folder: Path, kept: ContentKept) -> "ContentMaker | None":
        """`None` where nothing is kept. The secret of the hashes lies in the data folder. Raises `OSError`."""
        return None if kept == "none" else cls(kept, _secret_of(folder) if kept == "hashes" else b"")

    @classmethod
    def hashing(cls, folder: Path) -> "ContentMaker":
        """One that keeps hashes alone, whatever the operator keeps elsewhere. Raises `OSError`."""
        return cls("hashes", _secret_of(folder))

    def answer(self, response: ModelResponse) -> Block:
        """An answer alone, in one block: that of its message, as in a request's content, or of a list where it has
        several."""
        messages = [Message(role="assistant", parts=choice.parts) for choice in response.choices]
        return self._block("answer", messages[0] if len(messages) == 1 else messages, LARGEST_BLOCK_BYTES)

    def content(self, record_id: str, request: ModelRequest, response: ModelResponse | None) -> Content:
        """The messages, the tools and the answers. Of what is too large only hash and size are kept."""
        named: list[tuple[Place, Any]] = [("message", message) for message in request.messages]
        if request.tools:
            named.insert(0, ("tools", request.tools))
        for choice in response.choices if response is not None else ():
            # as the client will send it back, so that both are the same block
            named.append(("answer", Message(role="assistant", parts=choice.parts)))
        left = LARGEST_CONTENT_BYTES
        blocks = []
        for place, value in named:
            block = self._block(place, value, min(left, LARGEST_BLOCK_BYTES))
            left -= 0 if block.text is None else block.bytes
            blocks.append(block)
        return Content(record_id=record_id, blocks=tuple(blocks))

    def _block(self, place: Place, value: Any, room: int) -> Block:
        data = _encode(value)
        size = len(data)
        if self._kept == "hashes":
            key = blake2b(data, key=self._secret, digest_size=32).hexdigest()
            return Block(place=place, key=key, bytes=size)
        if self._kept == "redacted" and size <= LARGEST_BLOCK_BYTES:
            data = _encode(redact(msgspec.to_builtins(value)))
        if len(data) > room:  # a hash of what was not redacted could be guessed at
            key = (
                f"too-large-{secrets.token_hex(16)}" if self._kept == "redacted" else sha256(data).hexdigest()
            )
            return Block(place=place, key=key, bytes=size)
        return Block(place=place, key=sha256(data).hexdigest(), bytes=len(data), text=data.decode())


def _secret_of(folder: Path) -> bytes:
    path = folder / HASH_KEY_FILE
    if path.exists():
        known = path.read_bytes()
        if len(known) == SECRET_BYTES:
            return known
    secret = secrets.token_bytes(SECRET_BYTES)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
    return secret
