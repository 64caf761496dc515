"""Are the tool calls ones that can be run: known names, arguments that fit each tool's schema, no going in circles?

Whether calling was wise, or the arguments are true, is not asked.
"""

from difflib import get_close_matches

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.checks.comparing.calls import call_key
from tiercel.checks.isolated import Isolated
from tiercel.checks.json_text import NotJSONError, parse_strict
from tiercel.checks.schemas import Finding, Prepared, SchemaError, examine, prepare
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import ModelRequest, Tool, ToolCall, ToolChoice
from tiercel.wire.tool_choice import allowed_mode

NAME = "tool_calls"

MAX_CALLS = 128
AGAIN = "Answer again."


class ToolCallOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`repeats` is how often the very same call may already stand in the conversation; 0 switches this off."""

    repeats: int = 5


class ToolCalls:
    """The share of the calls that can be run; 0 where calling at all, or so many, was not as the request says."""

    info = CheckInfo(
        name=NAME,
        summary="tool calls name known tools, fit their schemas and the request's rules, and go in no circle",
        options={
            "repeats": "how often the same call may already have been made in the conversation (default 5; 0: no limit)"
        },
    )

    def __init__(self, isolated: Isolated) -> None:
        self._isolated = isolated

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(ToolCallOptions, options)
        if not found and read_options(ToolCallOptions, options).repeats < 0:
            found.append(f"repeats is {options['repeats']}: give 0 or more")
        return found

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(ToolCallOptions, options)
        if subject.choice.refusal or subject.choice.finish.reason == "content_filter":
            return Verdict(check=NAME, score=1.0, reason="refused")
        request, calls = subject.request, subject.choice.tool_calls
        if broken := broken_rule(request, calls):
            return Verdict(check=NAME, score=0.0, reason=broken, message=f"{broken.capitalize()}. {AGAIN}")
        if not calls:
            return Verdict(check=NAME, score=1.0, reason="no tool calls")
        if repeated := going_in_circles(request, calls, wanted.repeats):
            message = f"{repeated.capitalize()}. Use what it returned, or do something else."
            return Verdict(check=NAME, score=0.0, reason=repeated, message=message)
        complaints = [complaint for call in calls if (complaint := await self._complaint(request, call))]
        if not complaints:
            return Verdict(check=NAME, score=1.0, reason=f"{len(calls)} valid")
        score = 1 - len(complaints) / len(calls)
        message = f"The tool calls cannot be run: {'; '.join(complaints)}. Make the calls again, corrected."
        return Verdict(check=NAME, score=score, reason=complaints[0], message=message)

    async def _complaint(self, request: ModelRequest, call: ToolCall) -> str | None:
        """What keeps this call from being run, `None` where nothing does. Quotes the tools' names and schemas only."""
        tool = next((tool for tool in request.tools if tool.name == call.name), None)
        if tool is None:
            names = [tool.name for tool in request.tools]
            close = get_close_matches(call.name[:200], names, n=1)
            return f"unknown tool{f', perhaps {close[0]!r} is meant' if close else ''}"
        if call.kind == "custom":
            return None
        try:
            value = parse_strict(call.arguments or "{}")
        except NotJSONError as error:
            return f"{tool.name}: arguments are no JSON: {error}"
        if not isinstance(value, dict):
            return f"{tool.name}: arguments are no object"
        found = await self._examined(tool, call.arguments or "{}", value)
        return None if found.valid else f"{tool.name}: {found.path}: {found.message}"

    async def _examined(self, tool: Tool, text: str, value: JsonObject) -> Finding:
        """Where it is evidently cheap here, else in the worker. Raises `CheckError`, also for a schema of no use."""
        if tool.parameters is None:
            return Finding(valid=True)
        try:
            prepared: Prepared = prepare(msgspec.json.encode(tool.parameters))
            if prepared.validator is not None and prepared.cost.is_cheap_for(text):
                return examine(prepared.validator, value)
        except SchemaError as error:
            raise CheckError(f"the parameters of {tool.name!r}: {error}") from error
        result = await self._isolated.evaluate("schema", {"schema": prepared.schema, "text": text})
        return msgspec.convert(result, Finding)


def broken_rule(request: ModelRequest, calls: tuple[ToolCall, ...]) -> str | None:
    """Which rule of the request the calls break, taken all together."""
    choice = request.tool_choice or ToolChoice(mode="auto")
    if choice.mode == "none" and calls:
        return "a tool was called though the request forbids it"
    must = choice.mode in ("required", "named") or (
        choice.mode == "allowed" and allowed_mode(choice) == "required"
    )
    if must and not calls:
        return "no tool was called though the request demands it"
    restricted = choice.mode in ("named", "allowed") and choice.names
    if restricted and any(call.name not in choice.names for call in calls):
        return f"another tool was called than the request allows: {', '.join(choice.names[:10])}"
    if request.parallel_tool_calls is False and len(calls) > 1:
        return f"{len(calls)} tools were called at once though the request allows one"
    if len(calls) > MAX_CALLS:
        return f"{len(calls)} tools were called at once, over {MAX_CALLS}"
    return None


def going_in_circles(request: ModelRequest, calls: tuple[ToolCall, ...], repeats: int) -> str | None:
    """Whether some call was already made `repeats` times, with the same arguments."""
    if not repeats:
        return None
    names = {call.name for call in calls}
    earlier = [
        call_key(part)
        for message in request.messages
        if message.role == "assistant"
        for part in message.parts
        if isinstance(part, ToolCall) and part.name in names
    ]
    if len(earlier) < repeats:
        return None
    often = max(earlier.count(call_key(call)) for call in calls)
    return f"the same call was already made {often} times" if often >= repeats else None
