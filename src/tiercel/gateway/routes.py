"""Every path that is served, in one table: who may come there, and what answers."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from tiercel.domain.errors import CallerError
from tiercel.gateway.endpoints.count_tokens import count_tokens
from tiercel.gateway.endpoints.embeddings import embed
from tiercel.gateway.endpoints.feedback import post_feedback
from tiercel.gateway.endpoints.generate import generate
from tiercel.gateway.endpoints.health import healthz, readyz
from tiercel.gateway.endpoints.models import get_model, list_models
from tiercel.gateway.endpoints.records import get_record
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.runtime import Runtime
from tiercel.gateway.surfaces import (
    CHAT_COMPLETIONS,
    COUNT_CONTENT,
    COUNT_INPUT,
    COUNT_MESSAGE,
    CREATE_EMBEDDINGS,
    CREATE_MESSAGE,
    CREATE_RESPONSE,
    GEMINI_PATH,
    Counting,
    Embedding,
    Generation,
    batch_embed_contents,
    embed_content,
    generate_content,
)

Handler: TypeAlias = Callable[[Runtime, Exchange], Awaitable[None]]
NamedHandler: TypeAlias = Callable[[Runtime, Exchange, str], Awaitable[None]]

H = TypeVar("H")


def _generates(how: Generation) -> Handler:
    async def handler(runtime: Runtime, exchange: Exchange) -> None:
        await generate(runtime, exchange, how)

    return handler


def _counts(how: Counting) -> Handler:
    async def handler(runtime: Runtime, exchange: Exchange) -> None:
        await count_tokens(runtime, exchange, how)

    return handler


def _embeds(how: Embedding) -> Handler:
    async def handler(runtime: Runtime, exchange: Exchange) -> None:
        await embed(runtime, exchange, how)

    return handler


PUBLIC: dict[str, dict[str, Handler]] = {
    "/healthz": {"GET": healthz, "HEAD": healthz},
    "/readyz": {"GET": readyz, "HEAD": readyz},
}
"""Routes that need no key: they say nothing about anybody."""

ROUTES: dict[str, dict[str, Handler]] = {
    "/v1/chat/completions": {"POST": _generates(CHAT_COMPLETIONS)},
    "/v1/responses": {"POST": _generates(CREATE_RESPONSE)},
    "/v1/responses/input_tokens": {"POST": _counts(COUNT_INPUT)},
    "/v1/messages": {"POST": _generates(CREATE_MESSAGE)},
    "/v1/messages/count_tokens": {"POST": _counts(COUNT_MESSAGE)},
    "/v1/embeddings": {"POST": _embeds(CREATE_EMBEDDINGS)},
    "/v1/models": {"GET": list_models},
    "/v1beta/models": {"GET": list_models},
    "/v1/feedback": {"POST": post_feedback},
}

NAMED_ROUTES: dict[str, dict[str, NamedHandler]] = {
    "/v1/models/": {"GET": get_model},
    "/v1beta/models/": {"GET": get_model},
    "/v1/records/": {"GET": get_record},
}
"""Routes that end in a name."""


def public_handler(exchange: Exchange) -> Handler | None:
    """What answers without a key; `None` for every path that needs one."""
    routes = PUBLIC.get(exchange.path)
    return None if routes is None else _pick(routes, exchange)


def find_handler(exchange: Exchange) -> Handler:
    """What answers here. Raises `CallerError` where nothing does."""
    routes = ROUTES.get(exchange.path)
    if routes is not None:
        return _pick(routes, exchange)
    called = GEMINI_PATH.match(exchange.path)
    if called is not None:
        return _pick({"POST": _verb(called["verb"], called["model"], exchange)}, exchange)
    for prefix, named_routes in NAMED_ROUTES.items():
        name = exchange.path.removeprefix(prefix)
        if name != exchange.path and name:
            return _bound(_pick(named_routes, exchange), name)
    raise _not_found(exchange)


def _verb(verb: str, model: str, exchange: Exchange) -> Handler:
    """What Gemini's clients ask of a model: the path ends in `models/NAME:VERB`."""
    match verb:
        case "generateContent":
            return _generates(generate_content(model, stream=False, as_events=False))
        case "streamGenerateContent":
            as_events = exchange.parameter("alt") == "sse"
            return _generates(generate_content(model, stream=True, as_events=as_events))
        case "countTokens":
            return _counts(COUNT_CONTENT.of_model(model))
        case "embedContent":
            return _embeds(embed_content(model))
        case "batchEmbedContents":
            return _embeds(batch_embed_contents(model))
        case _:
            raise _not_found(exchange)


def _bound(handler: NamedHandler, name: str) -> Handler:
    async def bound(runtime: Runtime, exchange: Exchange) -> None:
        await handler(runtime, exchange, name)

    return bound


def _pick(routes: dict[str, H], exchange: Exchange) -> H:
    handler = routes.get(exchange.method)
    if handler is None:
        raise CallerError("method_not_allowed", f"{exchange.path} takes {' or '.join(sorted(routes))}")
    return handler


def _not_found(exchange: Exchange) -> CallerError:
    return CallerError("not_found", f"there is no {exchange.path[:80]!r} here; docs/api.md lists what is")
