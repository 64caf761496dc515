"""Every path that is served, in one table: which roles may come there, and what answers. Who is not named may not."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Generic, TypeAlias, TypeVar

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.keys import Role
from tiercel.gateway.endpoints.count_tokens import count_tokens
from tiercel.gateway.endpoints.embeddings import embed
from tiercel.gateway.endpoints.feedback import post_feedback
from tiercel.gateway.endpoints.generate import generate
from tiercel.gateway.endpoints.health import healthz, readyz
from tiercel.gateway.endpoints.metrics import get_metrics
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


class Route(msgspec.Struct, Generic[H], frozen=True):
    """What answers, and for whom."""

    handler: H
    roles: frozenset[Role]


ASKERS: frozenset[Role] = frozenset(("client", "operator"))
"""Those who may spend money, and say what they think of an answer."""
READERS: frozenset[Role] = frozenset(("client", "viewer", "operator"))
"""Those who may look; at which records, `AccessKey.sees` decides."""
OPERATORS: frozenset[Role] = frozenset(("operator",))
"""Those who may see what concerns everybody."""


# each of these is the endpoint itself with its way filled in: no coroutine between it and the application
def _generates(how: Generation) -> Handler:
    return partial(generate, how=how)


def _counts(how: Counting) -> Handler:
    return partial(count_tokens, how=how)


def _embeds(how: Embedding) -> Handler:
    return partial(embed, how=how)


PUBLIC: dict[str, dict[str, Handler]] = {
    "/healthz": {"GET": healthz, "HEAD": healthz},
    "/readyz": {"GET": readyz, "HEAD": readyz},
}
"""Routes that need no key: they say nothing about anybody."""

ROUTES: dict[str, dict[str, Route[Handler]]] = {
    "/v1/chat/completions": {"POST": Route(_generates(CHAT_COMPLETIONS), ASKERS)},
    "/v1/responses": {"POST": Route(_generates(CREATE_RESPONSE), ASKERS)},
    "/v1/responses/input_tokens": {"POST": Route(_counts(COUNT_INPUT), ASKERS)},
    "/v1/messages": {"POST": Route(_generates(CREATE_MESSAGE), ASKERS)},
    "/v1/messages/count_tokens": {"POST": Route(_counts(COUNT_MESSAGE), ASKERS)},
    "/v1/embeddings": {"POST": Route(_embeds(CREATE_EMBEDDINGS), ASKERS)},
    "/v1/models": {"GET": Route(list_models, READERS)},
    "/v1beta/models": {"GET": Route(list_models, READERS)},
    "/v1/feedback": {"POST": Route(post_feedback, ASKERS)},
    "/metrics": {"GET": Route(get_metrics, OPERATORS)},
}

NAMED_ROUTES: dict[str, dict[str, Route[NamedHandler]]] = {
    "/v1/models/": {"GET": Route(get_model, READERS)},
    "/v1beta/models/": {"GET": Route(get_model, READERS)},
    "/v1/records/": {"GET": Route(get_record, READERS)},
}
"""Routes that end in a name."""


def public_handler(methods: dict[str, Handler], exchange: Exchange) -> Handler:
    """What answers without a key, of what is served at its path. Raises `CallerError` for another method."""
    handler = methods.get(exchange.method)
    if handler is None:
        raise _other_method(methods, exchange)
    return handler


def find_handler(exchange: Exchange) -> Handler:
    """What answers here. Raises `CallerError` where nothing does, and where it does not for the role of who asks."""
    methods = ROUTES.get(exchange.path) or _named_here(exchange)
    route = methods.get(exchange.method)
    if route is None:
        raise _other_method(methods, exchange)
    key = exchange.key
    if key is None or key.role not in route.roles:
        role = "nobody" if key is None else key.role
        raise CallerError(
            "permission", f"{exchange.method} {exchange.path[:80]} is not for keys of role {role!r}"
        )
    return route.handler


def _named_here(exchange: Exchange) -> dict[str, Route[Handler]]:
    """What is served at a path with a name in it."""
    called = GEMINI_PATH.match(exchange.path)
    if called is not None:
        return {"POST": Route(_verb(called["verb"], called["model"], exchange), ASKERS)}
    for prefix, methods in NAMED_ROUTES.items():
        name = exchange.path.removeprefix(prefix)
        if name != exchange.path and name:
            return {
                method: Route(_bound(route.handler, name), route.roles) for method, route in methods.items()
            }
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
    return lambda runtime, exchange: handler(runtime, exchange, name)


def _other_method(methods: Iterable[str], exchange: Exchange) -> CallerError:
    return CallerError("method_not_allowed", f"{exchange.path} takes {' or '.join(sorted(methods))}")


def _not_found(exchange: Exchange) -> CallerError:
    return CallerError("not_found", f"there is no {exchange.path[:80]!r} here; docs/api.md lists what is")
