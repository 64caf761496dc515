"""A tool call's arguments as this format has them: an object, most often."""

import msgspec

from tiercel.domain.json import Json


def arguments_text(value: Json) -> str:
    """The object as JSON text; text (some models' templates give it) as it is, nothing as `{}`."""
    if isinstance(value, str):
        return value if value.strip() else "{}"
    return "{}" if value is None else msgspec.json.encode(value).decode()
