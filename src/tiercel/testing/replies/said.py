"""What a scripted answer says, in no format's words."""

import re
from typing import Literal

import msgspec

from tiercel.domain.json import Json, JsonObject

SayFinish = Literal["stop", "length", "tool_calls", "content_filter"]
CREATED = 1_700_000_000
_WORDS = re.compile(r"\s*\S+|\s+")


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call in an answer; `arguments` is JSON text, sent as it stands where the format sends text."""

    name: str
    arguments: str = "{}"
    id: str = "call_1"

    @property
    def arguments_value(self) -> Json:
        """The arguments as JSON, for the formats that send an object."""
        return msgspec.json.decode(self.arguments.encode())


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says. Tokens are what the provider claims to have counted, the cached inside `input_tokens`."""

    text: str = ""
    calls: tuple[Called, ...] = ()
    finish: SayFinish = "stop"
    reasoning: str = ""
    model: str = "scripted"
    id: str = "scripted-1"
    input_tokens: int = 10
    cached_tokens: int = 0
    output_tokens: int = 5
    reasoning_tokens: int = 0


def words(text: str) -> list[str]:
    """The pieces in which a text streams: each word with the space before it."""
    return _WORDS.findall(text)


def halves(text: str) -> tuple[str, str]:
    """A text cut in the middle, as arguments come in pieces."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def data_frame(body: JsonObject) -> bytes:
    """A server-sent event with nothing but data."""
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def named_frame(body: JsonObject) -> bytes:
    """A server-sent event that bears its type's name."""
    return b"event: " + str(body["type"]).encode() + b"\n" + data_frame(body)
