"""Questions and answers between the two processes of a box, over a pair of pipes.

While one side waits for an answer it also answers what the other asks meanwhile: a function of the tests that was
handed to the program is called back in this way.
"""

import json
import os
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

HEADER = struct.Struct(">I")
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


class ChannelError(Exception):
    """The other side is gone, or said what makes no sense; nothing more can be had from it."""


class Channel:
    """One end. `answer` is given the other side's questions, which are those messages that have an `op`."""

    def __init__(self, source: int, sink: int, answer: Callable[[Message], Message]) -> None:
        self._source = source
        self._sink = sink
        self._answer = answer

    def ask(self, question: Message) -> Message:
        """The answer to `question`. Raises `ChannelError`, and `ValueError` for what is too long to send."""
        self._send(question)
        while "op" in (received := self._receive()):
            self._reply(received)
        return received

    def serve(self) -> None:
        """Answer questions until the other side is gone, which raises `ChannelError`."""
        while True:
            self._reply(self._receive())

    def _reply(self, question: Message) -> None:
        try:
            self._send(self._answer(question))
        except ValueError as error:
            self._send({"raised": ["ValueError"], "text": str(error), "args": [], "trace": ""})

    def _send(self, message: Message) -> None:
        body = json.dumps(message, separators=(",", ":")).encode("ascii")
        if len(body) > MAX_MESSAGE_BYTES:
            raise ValueError(f"a value of {len(body)} bytes is too long to hand over")
        rest = memoryview(HEADER.pack(len(body)) + body)
        while rest:
            try:
                rest = rest[os.write(self._sink, rest) :]
            except OSError as error:
                raise ChannelError("nobody reads") from error

    def _receive(self) -> Message:
        (length,) = HEADER.unpack(self._read(HEADER.size))
        if length > MAX_MESSAGE_BYTES:
            raise ChannelError("a message that is too long")
        try:
            message = json.loads(self._read(length))
        except (ValueError, RecursionError) as error:
            raise ChannelError("a message that is no JSON") from error
        if not isinstance(message, dict):
            raise ChannelError("a message that is no object")
        return message

    def _read(self, count: int) -> bytes:
        pieces: list[bytes] = []
        while count:
            try:
                piece = os.read(self._source, min(count, 65536))
            except OSError as error:
                raise ChannelError("it cannot be read") from error
            if not piece:
                raise ChannelError("it is gone")
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)
