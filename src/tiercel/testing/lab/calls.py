"""Which tools a simulated model calls: the task's own, those a prompt names, or one that is demanded. Pure."""

import re

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Tool, ToolCall
from tiercel.testing.lab.from_schema import smallest
from tiercel.testing.lab.scene import Scene
from tiercel.testing.lab.thoughts import sealed_calls

FREE_TEXT = "Simulated input."
_EMPTY: JsonObject = {"type": "object"}


def calls_of(scene: Scene) -> tuple[ToolCall, ...]:
    """The calls of the answer, several where the prompt names several tools, or one as `NAME x2`.

    What tools returned is answered with words, unless another call is demanded.
    """
    request = scene.request
    mode = "auto" if request.tool_choice is None else request.tool_choice.mode
    if not request.tools or mode == "none" or (scene.tools_answered and not scene.must_call):
        return ()
    if scene.task is not None and scene.task.calls:
        made = tuple(
            ToolCall(id=_call_id(scene, number), name=call.name, arguments=call.arguments)
            for number, call in enumerate(scene.task.calls)
        )
    else:
        made = tuple(_call(scene, tool, number) for number, tool in enumerate(_chosen(scene)))
    if request.parallel_tool_calls is False:
        made = made[:1]
    return sealed_calls(scene, made)


def _chosen(scene: Scene) -> list[Tool]:
    choice = scene.request.tool_choice
    allowed = () if choice is None else choice.names
    callable_ones = [tool for tool in scene.request.tools if tool.raw is None or _is_custom(tool)]
    offered = [tool for tool in callable_ones if not allowed or tool.name in allowed]
    last = scene.last_said
    named = _named(last.text, offered) if last is not None and last.role == "user" else []
    return named or (offered[:1] if scene.must_call else [])


def _named(text: str, offered: list[Tool]) -> list[Tool]:
    """The tools a text names, in its order; `NAME x2` counts twice."""
    found: list[tuple[int, Tool]] = []
    for tool in offered:
        match = re.search(rf"(?<![\w.-]){re.escape(tool.name)}(?![\w-])(?: x([1-9]))?", text)
        if match:
            found += [(match.start(), tool)] * int(match[1] or 1)
    return [tool for _, tool in sorted(found, key=lambda pair: pair[0])]


def _call(scene: Scene, tool: Tool, number: int) -> ToolCall:
    call_id = _call_id(scene, number)
    if _is_custom(tool):
        return ToolCall(id=call_id, name=tool.name, arguments=FREE_TEXT, kind="custom")
    arguments = msgspec.json.encode(smallest(tool.parameters or _EMPTY)).decode()
    return ToolCall(id=call_id, name=tool.name, arguments=arguments)


def _is_custom(tool: Tool) -> bool:
    return tool.raw is not None and tool.raw.get("type") == "custom"


def _call_id(scene: Scene, number: int) -> str:
    beginning = "toolu" if scene.request.format == "anthropic" else "call"
    return f"{beginning}_{int(scene.draw(f'call {number}') * 16**12):012x}"
