"""What a check is: it measures one choice of an answer. What happens next is decided by the policy's gate."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar

import msgspec

from tiercel.domain.catalog import Model
from tiercel.domain.climb import Verdict
from tiercel.domain.embedding import Vector
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Asks, OnError
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Choice

CHECK_SECONDS = 2.0
ASKED_SECONDS = 60.0
"""For a check that asks a model for words."""
COUNTED_SECONDS = 15.0
"""For one that asks for numbers only, vectors or probabilities: they come at once or not at all."""


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


class Likelihood(msgspec.Struct, frozen=True, kw_only=True):
    """How likely something is, by an API that gives probabilities and no words, and which model it was."""

    probability: float
    by: Model


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """The vectors of texts, in their order. `cut` is how many of the texts were too long for the model `by` and were
    cut to their beginning."""

    vectors: tuple[Vector, ...]
    by: Model
    cut: int = 0


class Ask(Protocol):
    """Calls the models that the gate names. All raise `CheckError` where none could be called or gave no answer."""

    async def __call__(self, question: Question, /) -> Reply:
        """What the model of the gate's `ask` says."""
        ...

    async def decide(self, question: Question, /) -> Likelihood:
        """How likely it is that what `system` states is true of `prompt`, by the model of the gate's `ask`."""
        ...

    async def embed(self, texts: Sequence[str], /) -> Embedded:
        """The vectors of these texts, in one call, by the model of the gate's `embed`."""
        ...


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


Embeds = Literal["never", "may", "must"]
"""Whether a check can use a model that embeds, or cannot do without."""


class CheckInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a check says of itself. `options` gives each option's meaning in a line.

    `applies` "json" means: only to requests that ask for JSON. Where the option `always_with` is given, the check
    applies to every request. `needs_whole` says that a stream must wait for it until the answer is complete. `asks`
    says what kind of model it needs, `embeds` whether it has texts embedded; the gate names which models. `seconds` is
    how long it may take for one answer. `reads_json` is whether it wants JSON of a schema, which can be followed as it
    comes. `on_error` holds where the gate does not say what a check that could not do its
    work means.
    """

    name: str
    applies: Literal["always", "json"] = "always"
    needs_whole: bool = True
    summary: str
    options: dict[str, str] = {}
    always_with: str | None = None
    asks: Asks = "nobody"
    embeds: Embeds = "never"
    on_error: OnError = "open"
    seconds: float = CHECK_SECONDS
    reads_json: bool = False


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a check needs where that depends on its options; each as in `CheckInfo`. `logprobs` is whether models are
    to be asked for the probabilities of their tokens, `opinions` how many models its gate must name at least."""

    asks: Asks = "nobody"
    opinions: int = 1
    embeds: Embeds = "never"
    logprobs: bool = False
    seconds: float = CHECK_SECONDS


MeasureNow: TypeAlias = Callable[[Subject, JsonObject], Verdict]


class Check(Protocol):
    """Measures answers. Built in, or found through an entry point of the group `tiercel.checks`.

    A check runs on the server's event loop: what takes longer than a millisecond or so belongs in a thread or process.
    One that never waits may also have `measure_now(subject, options)`, which is then called instead: no timer is set
    for it. One that has `needs(options)` says by it what it needs, in place of what `info` says, and one that has
    `applies_with(options)` to which requests it applies. One that has `suspects(text)` can tell from an answer's
    beginning that it may well miss: where the policy holds beginnings back, such an answer waits for its end.
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
