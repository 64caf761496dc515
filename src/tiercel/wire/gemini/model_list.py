"""The list of models in Gemini's shape, for clients that ask for it in this format."""

from collections.abc import Sequence

import msgspec

from tiercel.domain.json import JsonObject

METHODS = ("generateContent", "streamGenerateContent", "countTokens")


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    """One name that a client may ask for. Limits are in tokens, `None` where they are not known."""

    name: str
    window: int | None = None
    max_output: int | None = None


def encode_models(models: Sequence[ListedModel]) -> bytes:
    """All of them on one page, so that no token for a next one is needed."""
    return msgspec.json.encode({"models": [_written(model) for model in models]})


def encode_model(model: ListedModel) -> bytes:
    """One entry of the list by itself."""
    return msgspec.json.encode(_written(model))


def _written(model: ListedModel) -> JsonObject:
    written: JsonObject = {
        "name": f"models/{model.name}",
        "displayName": model.name,
        "supportedGenerationMethods": METHODS,
    }
    if model.window is not None:
        written["inputTokenLimit"] = model.window
    if model.max_output is not None:
        written["outputTokenLimit"] = model.max_output
    return written
