"""The official SDKs as oracles: what a program that uses one of them gets to see of one request, in one shape.

Nothing here reads bytes: what counts is what the SDK makes of them, retries included.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from typing import Any, Literal

import anthropic
import httpx2
import msgspec
import openai
from google import genai
from google.genai import errors, types

ClientName = Literal["chat", "responses", "messages", "gemini"]
CLIENTS: tuple[ClientName, ...] = ("chat", "responses", "messages", "gemini")
PROMPT = "Say hello"

_answers: ContextVar[list[httpx2.Response]] = ContextVar("answers")


class Seen(msgspec.Struct, kw_only=True):
    """What the program saw: the text so far and the finish, or what the SDK raised.

    `word` is the code, type or status by which the format names the error. `headers` are those of the last answer and
    `tries` is how many HTTP requests the SDK made.
    """

    text: str = ""
    finish: str | None = None
    error: str | None = None
    status: int | None = None
    word: str | None = None
    message: str = ""
    headers: dict[str, str] = {}
    tries: int = 0


class Sdks:
    """All of them, pointed at one gateway, sharing one pool of connections. `retries` is how often they come back."""

    def __init__(self, root_url: str, pool: httpx2.AsyncClient, retries: int) -> None:
        self.openai = openai.AsyncOpenAI(
            base_url=f"{root_url}/v1", api_key="unused", http_client=pool, max_retries=retries
        )
        self.anthropic = anthropic.AsyncAnthropic(
            base_url=root_url, api_key="unused", http_client=pool, max_retries=retries
        )
        options = types.HttpOptions(base_url=root_url, api_version="v1beta", httpx_async_client=pool)
        self.google = genai.Client(api_key="unused", http_options=options).aio

    async def ask(self, client: ClientName, model: str, *, stream: bool) -> Seen:
        """One request through this SDK, to its end or to its exception."""
        _answers.set([])
        seen = Seen()
        try:
            await _ASKS[client, stream](self, model, seen)
        except (openai.OpenAIError, anthropic.AnthropicError, errors.APIError) as error:
            _take_error(seen, error)
        answers = _answers.get()
        for answer in answers:  # Google's SDK leaves a stream open that ended in an error
            await answer.aclose()
        seen.tries = len(answers)
        seen.headers = dict(answers[-1].headers)
        return seen


@asynccontextmanager
async def sdks(root_url: str, *, retries: int = 2) -> AsyncIterator[Sdks]:
    """The SDKs for one gateway, closed at the end."""
    limits = httpx2.Limits(max_connections=100)
    pool = httpx2.AsyncClient(event_hooks={"response": [_note]}, limits=limits, timeout=30.0, verify=False)
    async with pool:
        yield Sdks(root_url, pool, retries)


async def _note(response: httpx2.Response) -> None:
    """What `ask` looks at; whoever uses an SDK itself looks for themselves."""
    answers = _answers.get(None)
    if answers is not None:
        answers.append(response)


def _take_error(seen: Seen, error: Exception) -> None:
    seen.error = type(error).__name__
    if isinstance(error, errors.APIError):
        seen.status, seen.word, seen.message = error.code, error.status, error.message or ""
        return
    seen.status = getattr(error, "status_code", None)
    seen.message = getattr(error, "message", str(error))
    body = getattr(error, "body", None)
    if isinstance(error, anthropic.AnthropicError):
        said = body.get("error") if isinstance(body, dict) else None
        seen.word = said.get("type") if isinstance(said, dict) else None
        seen.message = said.get("message", "") if isinstance(said, dict) else seen.message
    else:
        seen.word = getattr(error, "code", None)


async def _chat_whole(to: Sdks, model: str, seen: Seen) -> None:
    answer: Any = await to.openai.chat.completions.create(model=model, messages=_messages())
    seen.text, seen.finish = answer.choices[0].message.content, answer.choices[0].finish_reason


async def _chat_stream(to: Sdks, model: str, seen: Seen) -> None:
    stream: Any = await to.openai.chat.completions.create(model=model, messages=_messages(), stream=True)
    async for chunk in stream:
        for choice in chunk.choices:
            seen.text += choice.delta.content or ""
            seen.finish = choice.finish_reason or seen.finish


async def _responses_whole(to: Sdks, model: str, seen: Seen) -> None:
    answer = await to.openai.responses.create(model=model, input=PROMPT)
    seen.text, seen.finish = answer.output_text, answer.status


async def _responses_stream(to: Sdks, model: str, seen: Seen) -> None:
    """Through the helper, which fails on any event out of order."""
    async with to.openai.responses.stream(model=model, input=PROMPT) as stream:
        async for event in stream:
            if event.type == "response.output_text.delta":
                seen.text += event.delta
            elif event.type in ("response.completed", "response.incomplete"):
                seen.finish = event.response.status


async def _messages_whole(to: Sdks, model: str, seen: Seen) -> None:
    answer: Any = await to.anthropic.messages.create(model=model, messages=_messages(), max_tokens=4_096)
    seen.text = "".join(block.text for block in answer.content if block.type == "text")
    seen.finish = answer.stop_reason


async def _messages_stream(to: Sdks, model: str, seen: Seen) -> None:
    async with to.anthropic.messages.stream(model=model, messages=_messages(), max_tokens=4_096) as stream:
        async for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                seen.text += event.delta.text
            elif event.type == "message_delta":
                seen.finish = event.delta.stop_reason


async def _gemini_whole(to: Sdks, model: str, seen: Seen) -> None:
    answer: Any = await to.google.models.generate_content(model=model, contents=PROMPT)
    seen.text, seen.finish = answer.text or "", answer.candidates[0].finish_reason.value


async def _gemini_stream(to: Sdks, model: str, seen: Seen) -> None:
    stream: Any = await to.google.models.generate_content_stream(model=model, contents=PROMPT)
    async with aclosing(stream):
        async for chunk in stream:
            seen.text += chunk.text or ""
            for candidate in chunk.candidates or ():
                seen.finish = candidate.finish_reason.value if candidate.finish_reason else seen.finish


def _messages() -> Any:
    return [{"role": "user", "content": PROMPT}]


_ASKS: dict[tuple[ClientName, bool], Callable[[Sdks, str, Seen], Awaitable[None]]] = {
    ("chat", False): _chat_whole,
    ("chat", True): _chat_stream,
    ("responses", False): _responses_whole,
    ("responses", True): _responses_stream,
    ("messages", False): _messages_whole,
    ("messages", True): _messages_stream,
    ("gemini", False): _gemini_whole,
    ("gemini", True): _gemini_stream,
}
