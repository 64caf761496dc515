"""The list of models in Anthropic's shape, for clients that ask for it in this format."""

from collections.abc import Sequence

import msgspec

from tiercel.domain.json import JsonObject

CREATED = "1970-01-01T00:00:00Z"
"""The format demands a time, and none is known."""


def encode_models(names: Sequence[str]) -> bytes:
    """All of them on one page."""
    first, last = (names[0], names[-1]) if names else (None, None)
    page = {"data": [_written(name) for name in names], "has_more": False, "first_id": first, "last_id": last}
    return msgspec.json.encode(page)


def encode_model(name: str) -> bytes:
    """One entry of the list by itself."""
    return msgspec.json.encode(_written(name))


def _written(name: str) -> JsonObject:
    return {"type": "model", "id": name, "display_name": name, "created_at": CREATED}
