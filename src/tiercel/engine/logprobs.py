"""The probabilities of an answer's tokens, where a check reads them and the client did not ask for them."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from tiercel.domain.climb import Rung
from tiercel.domain.events import StreamEvent, TextDelta
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse

LOGPROBS = "logprobs"


def adds_logprobs(request: ModelRequest, rung: Rung) -> bool:
    """Whether this rung is to be asked for them on behalf of a check that reads them."""
    return request.sampling.logprobs is None and LOGPROBS not in rung.deployment.model.capabilities.rejects


def with_logprobs(request: ModelRequest) -> ModelRequest:
    """The request, asking for them. Its bytes cannot be sent on as they came."""
    return replace(request, sampling=replace(request.sampling, logprobs=True), raw=None)


def without_logprobs(response: ModelResponse) -> ModelResponse:
    """The answer as the client asked for it."""
    return replace(response, choices=tuple(replace(choice, logprobs=None) for choice in response.choices))


def without_streamed(
    receive: Callable[[Sequence[StreamEvent]], Awaitable[None] | None],
) -> Callable[[Sequence[StreamEvent]], Awaitable[None] | None]:
    """The receiver of a client that did not ask for them."""

    def receive_plain(events: Sequence[StreamEvent]) -> Awaitable[None] | None:
        return receive(
            [replace(event, logprobs=None) if isinstance(event, TextDelta) else event for event in events]
        )

    return receive_plain
