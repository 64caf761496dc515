"""Inside an unfinished tool loop the same model is kept, and nobody gets another model's seals."""

from pathlib import Path
from typing import Any

from tests.gateway.house import House, house
from tiercel.testing.scripted import Called, Fails, Says, ScriptedProvider
from tiercel.wire.tool_fit import legal_name

WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
ASKED: Any = [{"role": "user", "content": "What is the weather in Bern?"}]
CALLS = Says(
    calls=(Called(name="weather", arguments='{"city": "Bern"}', id="call_abc"),), finish="tool_calls"
)


async def first_turn(here: House) -> Any:
    """The conversation after the model's call and the tool's result."""
    answer = await here.client.chat.completions.create(model="auto", messages=ASKED, tools=[WEATHER])
    message: Any = answer.choices[0].message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"}
    return [*ASKED, message, result]


async def test_the_model_that_called_a_tool_gets_its_result(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(Fails(status=503)) as cheap,
        ScriptedProvider(CALLS, Says(text="Sunny.")) as dear,
    ):
        cheap.default = Says(text="Who are you?")
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            conversation = await first_turn(here)
            raw = await here.client.chat.completions.with_raw_response.create(
                model="auto", messages=conversation, tools=[WEATHER]
            )
            record = here.record(raw.headers["x-tiercel-record"])
    assert raw.parse().choices[0].message.content == "Sunny."
    assert raw.headers["x-tiercel-model"] == "dear"
    assert "in the middle of dear's tools" in record.why
    assert len(cheap.requests) == 1


async def test_once_the_loop_is_finished_the_ladder_starts_at_its_beginning(tmp_path: Path) -> None:
    async with ScriptedProvider(Fails(status=503)) as cheap, ScriptedProvider(CALLS) as dear:
        cheap.default = Says(text="Hello.")
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            conversation = await first_turn(here)
            more: Any = [{"role": "assistant", "content": "Sunny."}, {"role": "user", "content": "Thanks!"}]
            answer = await here.client.chat.completions.create(
                model="auto", messages=[*conversation, *more], tools=[WEATHER]
            )
    assert answer.model == "cheap"


async def test_a_model_that_fails_in_its_own_loop_is_replaced_even_by_a_lower_one(tmp_path: Path) -> None:
    async with ScriptedProvider(Fails(status=503)) as cheap, ScriptedProvider(CALLS) as dear:
        cheap.default = Says(text="I take over.")
        dear.default = Fails(status=503)
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            conversation = await first_turn(here)
            answer = await here.client.chat.completions.create(
                model="auto", messages=conversation, tools=[WEATHER]
            )
    assert answer.choices[0].message.content == "I take over."


async def test_a_loop_of_unknown_origin_begins_where_every_request_does(tmp_path: Path) -> None:
    """As after a restart, or with a conversation that began elsewhere."""
    call = {"id": "call_x", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    conversation: Any = [
        *ASKED,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_x", "content": "sunny"},
    ]
    async with ScriptedProvider(Says(text="Sunny.")) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            answer = await here.client.chat.completions.create(
                model="auto", messages=conversation, tools=[WEATHER]
            )
    assert answer.model == "cheap"


async def test_dotted_names_reach_a_strict_provider_and_come_back(tmp_path: Path) -> None:
    """T48, end to end, in a stream."""
    sent_name = legal_name("files.read", "anthropic")
    says = Says(calls=(Called(name=sent_name, arguments='{"path": "a"}'),), finish="tool_calls")
    tool: Any = {"type": "function", "function": {"name": "files.read", "parameters": {"type": "object"}}}
    async with ScriptedProvider(says, format="anthropic") as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            async with here.client.chat.completions.stream(
                model="auto", messages=ASKED, tools=[tool]
            ) as stream:
                final = await stream.get_final_completion()
    assert provider.requests[0].json["tools"][0]["name"] == sent_name
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "files.read"


async def test_words_beside_a_tools_result_do_not_end_the_loop(tmp_path: Path) -> None:
    """As agents send them who put a note beside the result: the model has still to answer."""
    async with (
        ScriptedProvider(Fails(status=503)) as cheap,
        ScriptedProvider(CALLS, Says(text="Sunny.")) as dear,
    ):
        cheap.default = Says(text="Who are you?")
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            conversation = await first_turn(here)
            note: Any = {"role": "user", "content": "Answer briefly."}
            answer = await here.client.chat.completions.create(
                model="auto", messages=[*conversation, note], tools=[WEATHER]
            )
    assert answer.model == "dear"
