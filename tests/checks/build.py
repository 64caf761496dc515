"""Short ways to say what a check is given."""

from collections.abc import Sequence

from tiercel.checks.check import Check, Embedded, Likelihood, Question, Reply, Subject
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Message, ModelRequest, Part, ResponseFormat, Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse

PLAIN = ModelRequest(format="openai_chat", model="auto", messages=())
JSON_OBJECT = ModelRequest(
    format="openai_chat", model="auto", messages=(), response_format=ResponseFormat(kind="json_object")
)


def asking_for(schema: JsonObject | bool) -> ModelRequest:
    """A request whose answer must fit `schema`."""
    wanted = ResponseFormat(kind="json_schema", name="answer", schema=schema)
    return ModelRequest(format="openai_chat", model="auto", messages=(), response_format=wanted)


def saying(text: str) -> ModelRequest:
    """A request whose user says this."""
    return ModelRequest(
        format="openai_chat", model="auto", messages=(Message(role="user", parts=(Text(text=text),)),)
    )


def choice(text: str = "", *parts: Part, finish: FinishReason = "stop", index: int = 0) -> Choice:
    """One choice with this text, then these parts."""
    texts = (Text(text=text),) if text else ()
    return Choice(index=index, parts=(*texts, *parts), finish=Finish(reason=finish))


def response(*texts: str) -> ModelResponse:
    """An answer with one finished choice per text."""
    return ModelResponse(choices=tuple(choice(text, index=index) for index, text in enumerate(texts)))


def tool_call(arguments: str = "{}") -> ToolCall:
    return ToolCall(id="call_1", name="look_up", arguments=arguments)


class Nobody:
    """The means to have models called, where there are none: a test overrides what it needs."""

    async def __call__(self, question: Question, /) -> Reply:
        raise CheckError("nobody is asked here")

    async def decide(self, question: Question, /) -> Likelihood:
        raise CheckError("nobody decides here")

    async def embed(self, texts: Sequence[str], /) -> Embedded:
        raise CheckError("nobody embeds here")


async def measure(
    check: Check,
    answer: str | Choice,
    options: JsonObject | None = None,
    *,
    request: ModelRequest = PLAIN,
    cut_by_client: bool = False,
) -> Verdict:
    """The verdict of `check` on one answer."""
    chosen = choice(answer) if isinstance(answer, str) else answer
    subject = Subject(request=request, choice=chosen, cut_by_client=cut_by_client)
    return await check.measure(subject, options or {}, None)
