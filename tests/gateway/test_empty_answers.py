"""Answers with nothing in them, where nobody else answers: an error, unless they say themselves what they are."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.house import USER, house, two_tiers
from tests.gateway.plain_http import Answer, call
from tiercel.domain.policy import Limits
from tiercel.testing.scripted import Says, ScriptedProvider

EATEN = Says(reasoning="hm, hm", finish="length")
NOTHING = Says(text="")
TOOL: Any = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
RESULT_GIVEN: Any = [
    *USER,
    {
        "role": "assistant",
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "4"},
]


async def ask(folder: Path, reply: Says, *, refuses: bool = False, **body: Any) -> tuple[Answer, str]:
    """The answer, and the outcome in its record."""
    async with ScriptedProvider() as provider:
        provider.default = reply
        policy = two_tiers(
            limits=Limits(retries=0),
            rules=(msgspec.structs.replace(two_tiers().rules[0], ladder=("fast",)),),
            on_exhausted="refuse" if refuses else "deliver",
        )
        deployments = (provider.deployment("cheap"), provider.deployment("dear"))
        async with house(folder, *deployments, policy=policy) as here:
            raw = msgspec.json.encode({"model": "auto", "messages": USER, **body})
            answer = await call(here.url, "POST", "/v1/chat/completions", raw)
            record = here.record(answer.headers["x-tiercel-record"])
    (attempt,) = record.attempts
    assert (attempt.state, attempt.empty) == ("failed", True)
    return answer, record.outcome


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_an_answer_that_was_cut_off_before_it_began_says_so(tmp_path: Path, stream: bool) -> None:
    answer, outcome = await ask(tmp_path, EATEN, stream=stream)
    assert (answer.status, outcome, b'"finish_reason":"length"' in answer.body) == (200, "marked", True)
    assert answer.headers["x-tiercel-outcome"] == "marked"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_saying_nothing_to_a_tools_result_is_an_answer(tmp_path: Path, stream: bool) -> None:
    answer, outcome = await ask(tmp_path, NOTHING, stream=stream, messages=RESULT_GIVEN, tools=[TOOL])
    assert (answer.status, outcome, b'"finish_reason":"stop"' in answer.body) == (200, "marked", True)


async def test_any_other_empty_answer_is_an_error(tmp_path: Path) -> None:
    answer, outcome = await ask(tmp_path, NOTHING)
    assert (answer.status, outcome) == (502, "failed")


@pytest.mark.parametrize("reply", [EATEN, NOTHING], ids=["cut off", "nothing"])
async def test_a_policy_that_refuses_lets_no_empty_answer_out(tmp_path: Path, reply: Says) -> None:
    answer, outcome = await ask(tmp_path, reply, refuses=True, messages=RESULT_GIVEN, tools=[TOOL])
    assert (answer.status, outcome) == (502, "failed")
