"""GET /v1/models: everything that `model` may be here: auto, tiers, rules, aliases, models, deployments."""

from tiercel.domain.errors import CallerError
from tiercel.domain.json import JsonObject
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.runtime import Runtime
from tiercel.routing.plan import known_models


async def list_models(runtime: Runtime, exchange: Exchange) -> None:
    """The list in OpenAI's shape; `tiercel.kind` says what each name is."""
    await exchange.answer_json({"object": "list", "data": list(_shown(runtime).values())})


async def get_model(runtime: Runtime, exchange: Exchange, name: str) -> None:
    """One entry of the list."""
    found = _shown(runtime).get(name)
    if found is None:
        raise CallerError(
            "model_not_found", f"there is no model {name[:80]!r} here; GET /v1/models lists them"
        )
    await exchange.answer_json(found)


def _shown(runtime: Runtime) -> dict[str, JsonObject]:
    state = runtime.state
    return {
        known.name: {
            "id": known.name,
            "object": "model",
            "created": 0,
            "owned_by": "tiercel",
            "tiercel": {"kind": known.kind},
        }
        for known in known_models(state.policy, state.settings.catalog)
    }
