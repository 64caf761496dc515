"""A request for a server without a choice of tools: what must not be called is left out, and nothing can be forced."""

import msgspec

from tiercel.domain.request import ModelRequest
from tiercel.wire.tool_choice import allowed_mode


def without_tool_choice(request: ModelRequest, lost: list[str]) -> ModelRequest:
    """The request with its choice made by the list of tools, as far as that goes; a demand for a call is lost."""
    choice = request.tool_choice
    if choice is None:
        return request
    tools = request.tools
    if choice.mode == "none":
        tools = ()
    elif choice.mode in ("named", "allowed"):
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    if choice.mode in ("required", "named") or (
        choice.mode == "allowed" and allowed_mode(choice) == "required"
    ):
        lost.append("tool_choice")
    return msgspec.structs.replace(request, tools=tools, tool_choice=None)
