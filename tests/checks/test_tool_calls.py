"""`tool_calls`: which calls can be run, and which break a rule of the request."""

import msgspec
import pytest

from tests.checks.build import PLAIN, choice, measure
from tiercel.checks.isolated import Isolated
from tiercel.checks.tool_calls import ToolCalls
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Message, ModelRequest, Refusal, Tool, ToolCall, ToolChoice

WEATHER: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
REQUEST = msgspec.structs.replace(
    PLAIN, tools=(Tool(name="get_weather", parameters=WEATHER), Tool(name="stop", parameters=None))
)
PARIS = '{"city": "Paris"}'


def call(name: str = "get_weather", arguments: str = PARIS) -> ToolCall:
    return ToolCall(id="c", name=name, arguments=arguments)


async def verdict(
    isolated: Isolated, *calls: ToolCall, request: ModelRequest = REQUEST, options: JsonObject | None = None
) -> tuple[float, str]:
    found = await measure(ToolCalls(isolated), choice("", *calls), options, request=request)
    return round(found.score, 2), found.reason


@pytest.mark.parametrize(
    ("calls", "score", "reason"),
    [
        ([call()], 1, "1 valid"),
        ([call(arguments='{"city": "Paris", "days": 3.0}')], 1, "1 valid"),
        ([call("stop", "")], 1, "1 valid"),
        ([], 1, "no tool calls"),
        ([call("get_wether")], 0, "unknown tool, perhaps 'get_weather' is meant"),
        ([call("fly")], 0, "unknown tool"),
        ([call(arguments="{bad")], 0, "get_weather: arguments are no JSON"),
        ([call(arguments="[1]")], 0, "get_weather: arguments are no object"),
        ([call(arguments="{}")], 0, "get_weather: $:"),
        ([call(arguments='{"city": "Paris", "days": "3"}')], 0, "get_weather: $.days:"),
        ([call(), call("fly")], 0.5, "unknown tool"),
    ],
)
async def test_each_call_must_be_one_that_can_be_run(
    isolated: Isolated, calls: list[ToolCall], score: float, reason: str
) -> None:
    found = await verdict(isolated, *calls)
    assert found[0] == score
    assert found[1].startswith(reason)


async def test_what_a_call_says_does_not_stand_in_the_reason(isolated: Isolated) -> None:
    _, reason = await verdict(isolated, call(arguments='{"city": "Paris", "days": "my secret"}'))
    assert "secret" not in reason


@pytest.mark.parametrize(
    ("changed", "calls", "score"),
    [
        ({"tool_choice": ToolChoice(mode="none")}, [call()], 0),
        ({"tool_choice": ToolChoice(mode="none")}, [], 1),
        ({"tool_choice": ToolChoice(mode="required")}, [], 0),
        ({"tool_choice": ToolChoice(mode="required")}, [call()], 1),
        ({"tool_choice": ToolChoice(mode="named", names=("stop",))}, [call()], 0),
        ({"tool_choice": ToolChoice(mode="named", names=("stop",))}, [], 0),
        ({"tool_choice": ToolChoice(mode="named", names=("stop",))}, [call("stop", "{}")], 1),
        ({"tool_choice": ToolChoice(mode="allowed", names=("stop",))}, [call()], 0),
        ({"tool_choice": ToolChoice(mode="allowed", names=("stop",))}, [], 1),
        ({"tool_choice": ToolChoice(mode="allowed", names=("stop",), raw={"mode": "required"})}, [], 0),
        ({"parallel_tool_calls": False}, [call(), call("stop", "{}")], 0),
        ({"parallel_tool_calls": False}, [call()], 1),
        ({"parallel_tool_calls": True}, [call(), call("stop", "{}")], 1),
    ],
)
async def test_the_requests_own_rules_hold(
    isolated: Isolated, changed: JsonObject, calls: list[ToolCall], score: float
) -> None:
    found = await verdict(isolated, *calls, request=msgspec.structs.replace(REQUEST, **changed))
    assert found[0] == score


@pytest.mark.parametrize(
    ("earlier", "options", "score"),
    [
        ([PARIS] * 4, {}, 1),
        ([PARIS] * 5, {}, 0),
        (['{ "city":"Paris", "days": null }'] * 5, {}, 0),
        (['{"city": "Lyon"}'] * 9, {}, 1),
        ([PARIS] * 2, {"repeats": 2}, 0),
        ([PARIS] * 50, {"repeats": 0}, 1),
    ],
)
async def test_the_same_call_again_and_again_is_a_circle(
    isolated: Isolated, earlier: list[str], options: JsonObject, score: float
) -> None:
    turns = tuple(Message(role="assistant", parts=(call(arguments=said),)) for said in earlier)
    request = msgspec.structs.replace(REQUEST, messages=turns)
    assert (await verdict(isolated, call(), request=request, options=options))[0] == score


async def test_a_refusal_breaks_no_rule(isolated: Isolated) -> None:
    request = msgspec.structs.replace(REQUEST, tool_choice=ToolChoice(mode="required"))
    found = await measure(ToolCalls(isolated), choice("", Refusal(text="No.")), request=request)
    assert (found.score, found.reason) == (1, "refused")


async def test_a_schema_that_is_not_cheap_is_examined_in_the_worker(isolated: Isolated) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(?=x)x+$"}}}
    request = msgspec.structs.replace(PLAIN, tools=(Tool(name="f", parameters=schema),))
    assert (await verdict(isolated, call("f", '{"a": "xx"}'), request=request))[0] == 1
    assert (await verdict(isolated, call("f", '{"a": "y"}'), request=request))[0] == 0


async def test_a_schema_of_no_use_is_an_error_of_the_check(isolated: Isolated) -> None:
    deep: JsonObject = {}
    for _ in range(100):
        deep = {"properties": {"a": deep}}
    request = msgspec.structs.replace(PLAIN, tools=(Tool(name="f", parameters=deep),))
    with pytest.raises(CheckError, match="the parameters of 'f'"):
        await verdict(isolated, call("f", "{}"), request=request)


def test_a_negative_number_of_repeats_is_refused(isolated: Isolated) -> None:
    assert ToolCalls(isolated).problems({"repeats": -1}) == ["repeats is -1: give 0 or more"]
