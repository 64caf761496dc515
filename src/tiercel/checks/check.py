"""What a check is: it measures one choice of an answer. What happens next is decided by the policy's gate."""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeAlias, TypeVar

import msgspec

from tiercel.domain.catalog import Model
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Asks, OnError
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Choice

CHECK_SECONDS = 2.0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a check asks a model. `schema` is the JSON Schema that the answer is to have, as the strictest form of
    structured output that the model knows; the answer is to be checked all the same."""

    system: str
    prompt: str
    schema: JsonObject | None = None
    schema_name: str = "verdict"
    max_output_tokens: int = 1_024


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model said to a question, and which model it was."""

    text: str
    by: Model


Ask: TypeAlias = Callable[[Question], Awaitable[Reply]]
"""Asks the model that the gate names. Raises `CheckError` where it could not be asked or gave no answer."""


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """Another model's answer to the same request. `attempt` is its number in the climb; `choice` is `None` where there
    is no answer to compare, and `absent` says why."""

    attempt: int
    by: Model
    choice: Choice | None = None
    absent: str = ""


Options = TypeVar("Options", bound=msgspec.Struct)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured: one choice of an answer, and the request it answers.

    `cut_by_client` says that a finish `length` comes from the client's own cap, so that it got what it asked for.
    `opinions` are what the others said, for a check that asks for them; `by` is the model that gave this answer.
    `has_voice` is whether it counts among those that are compared.
    """

    request: ModelRequest
    choice: Choice
    cut_by_client: bool = False
    by: Model | None = None
    opinions: tuple[Opinion, ...] = ()
    has_voice: bool = True

    @property
    def nothing_to_read(self) -> str | None:
        """Why the text is not to be judged, `None` where it is.

        A refusal is not: whether to go elsewhere with it is the policy's business. Nor is text beside tool calls,
        which is only a preface.
        """
        if self.choice.refusal or self.choice.finish.reason == "content_filter":
            return "refused"
        if self.choice.tool_calls:
            return "tool calls"
        return None


class CheckInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a check says of itself. `options` gives each option's meaning in a line.

    `applies` "json" means: only to requests that ask for JSON. Where the option `always_with` is given, the check
    applies to every request. `needs_whole` says that a stream must wait for it until the answer is complete. `asks`
    says what kind of model it needs; the gate names which. `seconds` is how long it may take for one answer. `on_error`
    holds where the gate does not say what a check that could not do its work means.
    """

    name: str
    applies: Literal["always", "json"] = "always"
    needs_whole: bool = True
    summary: str
    options: dict[str, str] = {}
    always_with: str | None = None
    asks: Asks = "nobody"
    on_error: OnError = "open"
    seconds: float = CHECK_SECONDS


MeasureNow: TypeAlias = Callable[[Subject, JsonObject], Verdict]


class Check(Protocol):
    """Measures answers. Built in, or found through an entry point of the group `tiercel.checks`.

    A check runs on the server's event loop: what takes longer than a millisecond or so belongs in a thread or process.
    One that never waits may also have `measure_now(subject, options)`, which is then called instead: no timer is set
    for it. One that has `reads_logprobs(options)` says by it whether models are to be asked for them, and one that has
    `applies_with(options)` to which requests it applies.
    """

    @property
    def info(self) -> CheckInfo:
        """Its name, when it applies, and its options."""
        ...

    def problems(self, options: JsonObject) -> list[str]:
        """What is wrong with these options, in words with the fix; none if they can be used."""
        ...

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        """The verdict on one choice. Raises `CheckError` where it could not do its work."""
        ...


def read_options(shape: type[Options], options: JsonObject) -> Options:
    """The options as a value. Raises `CheckError` where they do not have its shape."""
    try:
        return msgspec.convert(options, shape)
    except msgspec.ValidationError as error:
        raise CheckError(f"options: {error}") from error


def option_problems(shape: type[Options], options: JsonObject) -> list[str]:
    """What keeps these options from being read, in words."""
    try:
        read_options(shape, options)
    except CheckError as error:
        return [str(error)]
    return []
