"""A function the model may call, as Chat Completions nests it and Ollama after it: `{"type", "function": {…}}`."""

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Tool
from tiercel.wire import fields

_READ = frozenset(("name", "description", "parameters", "strict"))


def read_function_tool(value: Json, param: str) -> Tool:
    """Raises `CallerError` naming the field. Unread fields of the inner object stand in `extra` under `function`."""
    tool = fields.as_object(value, param)
    function = fields.as_object(tool.get("function"), f"{param}.function")
    extra = fields.leftovers(tool, frozenset(("type", "function")))
    if rest := fields.leftovers(function, _READ):
        extra["function"] = rest
    return Tool(
        name=fields.text(function, "name", f"{param}.function.name"),
        description=fields.optional_text(function, "description", f"{param}.function.description") or "",
        parameters=fields.optional_object(function, "parameters", f"{param}.function.parameters"),
        strict=fields.optional_flag(function, "strict", f"{param}.function.strict"),
        extra=extra,
    )


def written_function_tool(tool: Tool, native: bool, param: str, lost: list[str]) -> JsonObject:
    """The inverse; `native` says that the tool's unread fields mean something here, else they are `lost`."""
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    if not native:
        lost.extend(f"{param}.{key}" for key in tool.extra)
        return {"type": "function", "function": function}
    extra = dict(tool.extra)
    function |= extra.pop("function", {})
    return {"type": "function", "function": function, **extra}
