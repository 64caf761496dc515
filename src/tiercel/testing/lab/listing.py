"""The lists of models, in the shape of each format. Pure."""

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Format
from tiercel.testing.lab.delivering import CREATED
from tiercel.testing.lab.models import SimulatedModel
from tiercel.wire.gemini.model_list import ListedModel, encode_models


def listed(format: Format, names: list[str], models: dict[str, SimulatedModel]) -> bytes:
    """The list of these names; `models` has what is known of them."""
    match format:
        case "anthropic":
            rows = [{"type": "model", "id": name, "display_name": f"{name} (simulated)"} for name in names]
            ends = {"first_id": names[0], "last_id": names[-1]}
            return msgspec.json.encode({"data": rows, "has_more": False, **ends})
        case "gemini":
            return encode_models([_with_window(name, models) for name in names])
        case "ollama":
            return msgspec.json.encode({"models": [{"name": name, "model": name} for name in names]})
        case _:
            entries: list[JsonObject] = [
                {"id": name, "object": "model", "created": CREATED, "owned_by": "simulated"} for name in names
            ]
            return msgspec.json.encode({"object": "list", "data": entries})


def _with_window(name: str, models: dict[str, SimulatedModel]) -> ListedModel:
    return ListedModel(name=name, window=models[name].window if name in models else None)
