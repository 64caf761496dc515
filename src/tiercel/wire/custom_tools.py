"""Custom tools (free text in, no schema), which OpenAI's two formats write differently: nested in one, flat in the
other. A tool that is not custom, or whose shape is unknown, has no other form: `None`."""

from tiercel.domain.json import JsonObject

_FLAT_FIELDS = ("name", "description", "format")


def flat_custom_tool(raw: JsonObject) -> JsonObject | None:
    """The Responses form of Chat Completions' `{"type": "custom", "custom": {...}}`."""
    body = raw.get("custom")
    if raw.get("type") != "custom" or not isinstance(body, dict):
        return None
    written = {"type": "custom", **body}
    grammar = _inside(body.get("format"), "grammar")
    if grammar is not None:
        written["format"] = {"type": "grammar", **grammar}
    return written


def nested_custom_tool(raw: JsonObject) -> JsonObject | None:
    """The inverse: Chat Completions' form of a Responses custom tool."""
    if raw.get("type") != "custom" or "name" not in raw:
        return None
    body = {key: raw[key] for key in _FLAT_FIELDS if key in raw}
    written = body.get("format")
    if isinstance(written, dict) and written.get("type") == "grammar":
        grammar = {key: value for key, value in written.items() if key != "type"}
        body["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": "custom", "custom": body}


def _inside(value: object, key: str) -> JsonObject | None:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else None
