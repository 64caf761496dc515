"""GET /v1/models: everything that `model` may be here: auto, tiers, rules, aliases, models, deployments.

In the shape of whoever asks: OpenAI's, Anthropic's or Gemini's.
"""

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.json import JsonObject
from tiercel.domain.keys import AccessKey
from tiercel.gateway.exchange import JSON, Exchange
from tiercel.gateway.runtime import Runtime, State
from tiercel.gateway.surfaces import GEMINI, MESSAGES, Surface, surface_of
from tiercel.routing.names import Named
from tiercel.routing.plan import known_models
from tiercel.wire.anthropic import model_list as anthropic_list
from tiercel.wire.gemini import model_list as gemini_list
from tiercel.wire.gemini.model_list import ListedModel


async def list_models(runtime: Runtime, exchange: Exchange) -> None:
    """The list; in OpenAI's shape `tiercel.kind` says what each name is."""
    # made in a function of its own, so that a client who hardly reads holds these bytes and nothing else
    body = _list(runtime.state, exchange.caller, surface_of(exchange))
    await exchange.answer(200, [JSON], body)


async def get_model(runtime: Runtime, exchange: Exchange, name: str) -> None:
    """One entry of the list."""
    state = runtime.state
    known = _known(state, exchange.caller)
    named = next((one for one in known if one.name == name), None)
    if named is None:
        raise CallerError(
            "model_not_found", f"there is no model {name[:80]!r} here; GET /v1/models lists them"
        )
    surface = surface_of(exchange)
    if surface is MESSAGES:
        await exchange.answer(200, [JSON], anthropic_list.encode_model(name))
    elif surface is GEMINI:
        await exchange.answer(200, [JSON], gemini_list.encode_model(_sized(named, state)))
    else:
        await exchange.answer_json(_shown(named))


def _list(state: State, key: AccessKey, surface: Surface) -> bytes:
    known = _known(state, key)
    if surface is MESSAGES:
        return anthropic_list.encode_models([named.name for named in known])
    if surface is GEMINI:
        return gemini_list.encode_models([_sized(named, state) for named in known])
    return msgspec.json.encode({"object": "list", "data": [_shown(named) for named in known]})


def _known(state: State, key: AccessKey) -> list[Named]:
    """What this key may name. Rules and aliases stand for what it may use of their ladders."""
    known = known_models(state.policy, state.settings.catalog)
    bound = ("tier", "model", "deployment") if key.allowed else ()
    return [named for named in known if named.kind not in bound or named.name in key.allowed]


def _shown(named: Named) -> JsonObject:
    return {
        "id": named.name,
        "object": "model",
        "created": 0,
        "owned_by": "tiercel",
        "tiercel": {"kind": named.kind},
    }


def _sized(named: Named, state: State) -> ListedModel:
    """With the limits of a model; other names stand for several."""
    model = state.settings.catalog.models.get(named.name)
    if model is None or named.kind != "model":
        return ListedModel(name=named.name)
    capabilities = model.capabilities
    return ListedModel(name=named.name, window=capabilities.window, max_output=capabilities.max_output)
