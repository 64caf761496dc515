"""What a client says and hears, in no SDK's shape: every client of the matrix is driven through these."""

from typing import Any, Literal, Protocol

import msgspec

from tiercel.domain.json import JsonObject

Finish = Literal["stop", "tool_calls", "length"]
Fault = Literal["invalid_request", "authentication", "server"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call as the client read it, its arguments parsed."""

    id: str
    name: str
    arguments: JsonObject


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the client's own types say it was answered.

    `native` is the answer in the SDK's own shape, as its user would put it into the next request. `thought` is the
    thinking that was shown, `None` where the client never shows any.
    """

    text: str
    finish: Finish
    calls: tuple[Call, ...] = ()
    input_tokens: int
    output_tokens: int
    thought: str | None = None
    native: Any = None


class User(msgspec.Struct, frozen=True, kw_only=True):
    """The user's turn. `picture` is a PNG in base64."""

    text: str
    picture: str | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The model's turn, given back as the SDK gave it."""

    answer: Answer


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool returned for a call."""

    call: Call
    text: str


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The results of all calls of the turn before."""

    results: tuple[Result, ...]


Turn = User | Said | Results


class ToolDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A function the model may call."""

    name: str
    description: str
    parameters: JsonObject


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `thinks` asks for thinking, shown and sealed as far as the format can ask for that."""

    model: str
    turns: tuple[Turn, ...]
    system: str | None = None
    tools: tuple[ToolDefinition, ...] = ()
    schema: JsonObject | None = None
    thinks: bool = False
    stream: bool = False


class RefusedError(Exception):
    """The SDK raised its own exception: which of its kinds, and what it says."""

    def __init__(self, kind: Fault, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Client(Protocol):
    """A client program, pointed at the gateway."""

    def ask(self, ask: Ask) -> Answer:
        """Send the request and read the whole answer; a stream is added up the SDK's own way where it has one.

        Raises `RefusedError` for the SDK's own exceptions.
        """

    def close(self) -> None:
        """Let go of connections."""
