"""A function the model may call, as Chat Completions nests it and Ollama after it: `{"type", "function": {…}}`."""

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Tool
from tiercel.wire import fields

_READ = frozenset(("type", "function"))
_READ_INSIDE = frozenset(("name", "description", "parameters", "strict"))


def read_function_tool(value: Json, param: str) -> Tool:
    """Raises `CallerError` naming the field. Unread fields of the inner object stand in `extra` under `function`."""
    tool = fields.as_object(value, param)
    function = tool.get("function")
    if not isinstance(function, dict):
        fields.refuse(f"{param}.function", "an object", function)
    name, description = function.get("name"), function.get("description")
    parameters, strict = function.get("parameters"), function.get("strict")
    if not isinstance(name, str):
        fields.refuse(f"{param}.function.name", "a string", name)
    if description is not None and not isinstance(description, str):
        fields.refuse(f"{param}.function.description", "a string", description)
    if parameters is not None and not isinstance(parameters, dict):
        fields.refuse(f"{param}.function.parameters", "an object", parameters)
    if strict is not None and not isinstance(strict, bool):
        fields.refuse(f"{param}.function.strict", "true or false", strict)
    extra = fields.leftovers(tool, _READ)
    if rest := fields.leftovers(function, _READ_INSIDE):
        extra["function"] = rest
    return Tool(name=name, description=description or "", parameters=parameters, strict=strict, extra=extra)


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
