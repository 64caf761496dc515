"""Sessions, seen from clients: with whom they stay, when they go up, what their prompt caches are worth, and whose
they are. Each client gets one well-formed answer, and the record says why it came from there."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.genai import types

from tests.gateway.faults.clients import CLIENTS, ClientName, Sdks, sdks
from tests.gateway.house import House, house, two_tiers
from tests.gateway.keyed import issue
from tests.gateway.plain_http import call
from tiercel.domain.catalog import Prices
from tiercel.domain.keys import AccessKey
from tiercel.domain.policy import Limits, Policy, Rule, Stall, Sticky, Tier
from tiercel.measure.retelling import retell
from tiercel.records.tally import SessionCell, SessionTallies, add_record
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

ASKS = "Why is the last line of the file missing?"
SESSION_HEADERS: dict[str, dict[str, str]] = {
    "Tiercel's own": {"x-tiercel-session": "run-1"},
    "Claude Code": {"x-claude-code-session-id": "8b1c6a52-66a1-4f60-b4a4-7a4d3a1f6e11"},
    "a subagent of Claude Code": {
        "x-claude-code-session-id": "8b1c6a52-66a1-4f60-b4a4-7a4d3a1f6e11",
        "x-claude-code-agent-id": "a7f3",
        "x-claude-code-parent-agent-id": "main",
    },
    "Codex": {
        "session-id": "019ebb45-a25d-7520-a8e3-fda4ebc99692",
        "thread-id": "019ebb45-a25d-7520-a8e3-fda4ebc99692",
        "x-client-request-id": "019ebb45-a25d-7520-a8e3-fda4ebc99692",
    },
    "an earlier Codex": {
        "session_id": "019a0000-a25d-7520-a8e3-fda4ebc99692",
        "conversation_id": "019a0000-a25d-7520-a8e3-fda4ebc99692",
    },
    "OpenCode": {"x-session-affinity": "ses_5f2c0a1b"},
}


def policy(sticky: Sticky | None = None, stall: Stall | None = None, **other: Any) -> Policy:
    """`cheap` first, then `dear`."""
    rule = Rule(name="any", ladder=("fast", "balanced"), sticky=sticky, stall=stall)
    return two_tiers(rules=(rule,), limits=Limits(retries=0), **other)


class Pair:
    """Two providers that say who they are, and a gateway over them."""

    def __init__(self, here: House, cheap: ScriptedProvider, dear: ScriptedProvider) -> None:
        self.here = here
        self.cheap = cheap
        self.dear = dear

    async def who(self, headers: dict[str, str], text: str = ASKS) -> str:
        """Who answers a request with these headers."""
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        answer = await call(self.here.url, "POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
        assert answer.status == 200, answer.body
        content: str = msgspec.json.decode(answer.body)["choices"][0]["message"]["content"]
        return content


@asynccontextmanager
async def pair(folder: Path, use: Policy) -> AsyncIterator[Pair]:
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default, dear.default = Says(text="cheap"), Says(text="dear")
        async with house(folder, cheap.deployment("cheap"), dear.deployment("dear"), policy=use) as here:
            yield Pair(here, cheap, dear)


# ── Stalled conversations, as each client sends them ────────────────────────────────────────────────────────────────


def chat_loop(times: int) -> list[Any]:
    said: list[Any] = [{"role": "user", "content": ASKS}]
    for n in range(times):
        function = {"name": "read", "arguments": '{"path": "a"}'}
        said.append(
            {"role": "assistant", "tool_calls": [{"id": f"c{n}", "type": "function", "function": function}]}
        )
        said.append({"role": "tool", "tool_call_id": f"c{n}", "content": "nothing found"})
    return said


def responses_loop(times: int) -> list[Any]:
    said: list[Any] = [{"role": "user", "content": ASKS}]
    for n in range(times):
        said.append({"type": "message", "role": "assistant", "content": "Let me look."})
        said.append(
            {"type": "function_call", "call_id": f"c{n}", "name": "read", "arguments": '{"path": "a"}'}
        )
        said.append({"type": "function_call_output", "call_id": f"c{n}", "output": "nothing found"})
    return said


def messages_loop(times: int) -> list[Any]:
    said: list[Any] = [{"role": "user", "content": ASKS}]
    for n in range(times):
        use = {"type": "tool_use", "id": f"c{n}", "name": "read", "input": {"path": "a"}}
        result = {"type": "tool_result", "tool_use_id": f"c{n}", "content": "nothing found"}
        reminder = {"type": "text", "text": f"<system-reminder>{n} tasks are open</system-reminder>"}
        said.append({"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, use]})
        said.append({"role": "user", "content": [result, reminder]})
    return said


def gemini_loop(times: int) -> list[Any]:
    said: list[Any] = [{"role": "user", "parts": [{"text": ASKS}]}]
    for _ in range(times):
        response = {"name": "read", "response": {"output": "nothing found"}}
        said.append({"role": "model", "parts": [{"function_call": {"name": "read", "args": {"path": "a"}}}]})
        said.append({"role": "user", "parts": [{"function_response": response}]})
    return said


async def send(
    to: Sdks, client: ClientName, said: list[Any], *, stream: bool, headers: Mapping[str, str] = {}
) -> tuple[str, dict[str, str]]:
    """The text that this SDK makes of the answer, and the answer's headers."""
    text = ""
    match client:
        case "chat":
            raw = await to.openai.chat.completions.with_raw_response.create(
                model="auto", messages=said, stream=stream, extra_headers=headers
            )
            parsed: Any = raw.parse()
            if stream:
                async for chunk in parsed:
                    text += "".join(choice.delta.content or "" for choice in chunk.choices)
            else:
                text = parsed.choices[0].message.content
            return text, dict(raw.headers)
        case "responses":
            answer = await to.openai.responses.with_raw_response.create(
                model="auto", input=said, stream=stream, extra_headers=headers
            )
            parsed = answer.parse()
            if stream:
                async for event in parsed:
                    text += event.delta if event.type == "response.output_text.delta" else ""
            else:
                text = parsed.output_text
            return text, dict(answer.headers)
        case "messages":
            reply = await to.anthropic.messages.with_raw_response.create(
                model="auto", messages=said, max_tokens=4_096, stream=stream, extra_headers=headers
            )
            parsed = await reply.parse()
            if stream:
                async for event in parsed:
                    if event.type == "content_block_delta":
                        text += event.delta.text
            else:
                text = parsed.content[0].text
            return text, dict(reply.headers)
        case "gemini":
            config = types.GenerateContentConfig(http_options=types.HttpOptions(headers=dict(headers)))
            models = to.google.models
            if not stream:
                whole: Any = await models.generate_content(model="auto", contents=said, config=config)
                return whole.text, dict(whole.sdk_http_response.headers)
            stream_of = await models.generate_content_stream(model="auto", contents=said, config=config)
            pieces: list[Any] = [piece async for piece in stream_of]
            return "".join(piece.text or "" for piece in pieces), dict(pieces[0].sdk_http_response.headers)


LOOPS = {"chat": chat_loop, "responses": responses_loop, "messages": messages_loop, "gemini": gemini_loop}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_loop_that_goes_in_circles_is_taken_over_a_stage_higher(
    client: ClientName, stream: bool, tmp_path: Path
) -> None:
    async with pair(tmp_path, policy(stall=Stall())) as made, sdks(made.here.url) as to:
        text, _ = await send(to, client, LOOPS[client](2), stream=stream)
        assert text == "cheap"
        text, headers = await send(to, client, LOOPS[client](3), stream=stream)
        record = made.here.record(headers["x-tiercel-record"])
    assert text == "dear"
    assert (len(made.cheap.requests), len(made.dear.requests)) == (1, 1)
    assert [(attempt.why, attempt.rung) for attempt in record.attempts] == [("escalation", "dear")]
    words = "stalled (read was called 3 times with the same arguments and result): begins at balanced"
    assert words in record.why
    assert words in retell(record, "today")


@pytest.mark.parametrize("client", CLIENTS)
async def test_who_asks_the_same_again_is_answered_a_stage_higher(client: ClientName, tmp_path: Path) -> None:
    async with pair(tmp_path, policy(stall=Stall())) as made, sdks(made.here.url) as to:
        asked: Any = {"role": "user", "content": ASKS}
        said: list[Any] = [asked, {"role": "assistant", "content": "It is not."}, asked]
        if client == "gemini":
            question: Any = {"role": "user", "parts": [{"text": ASKS}]}
            said = [question, {"role": "model", "parts": [{"text": "It is not."}]}, question]
        text, headers = await send(to, client, said, stream=False)
        record = made.here.record(headers["x-tiercel-record"])
    assert text == "dear"
    assert "the user asked the same 2 times" in record.why


async def test_a_stalled_conversation_still_falls_back_to_the_stage_below(tmp_path: Path) -> None:
    async with pair(tmp_path, policy(stall=Stall())) as made, sdks(made.here.url) as to:
        made.dear.default = Fails(status=503)
        text, headers = await send(to, "chat", chat_loop(3), stream=False)
        record = made.here.record(headers["x-tiercel-record"])
    assert text == "cheap"
    assert [(attempt.why, attempt.rung) for attempt in record.attempts] == [
        ("escalation", "dear"),
        ("fallback", "cheap"),
    ]


async def test_a_session_that_stalled_counts_as_one_that_went_up(tmp_path: Path) -> None:
    async with pair(tmp_path, policy(stall=Stall())) as made, sdks(made.here.url) as to:
        session = {"x-tiercel-session": "run-1"}
        _, headers = await send(to, "chat", chat_loop(3), stream=False, headers=session)
        sessions: SessionTallies = {}
        add_record({}, sessions, made.here.record(headers["x-tiercel-record"]))
    assert sessions[SessionCell("run-1", "", "")].counts["escalation"] == 1


async def test_nobody_looks_for_stalls_where_the_rule_does_not_say_so(tmp_path: Path) -> None:
    async with pair(tmp_path, policy()) as made, sdks(made.here.url) as to:
        text, _ = await send(to, "chat", chat_loop(9), stream=False)
    assert text == "cheap"


# ── Whose session it is ─────────────────────────────────────────────────────────────────────────────────────────────


async def goes_up(made: Pair, headers: dict[str, str]) -> None:
    """A request that `dear` answers, because `cheap` fails."""
    before = made.cheap.default
    made.cheap.default = Fails(status=500)
    assert await made.who(headers) == "dear"
    made.cheap.default = before


@pytest.mark.parametrize("headers", SESSION_HEADERS.values(), ids=SESSION_HEADERS)
async def test_agents_name_their_sessions_without_configuration(
    headers: dict[str, str], tmp_path: Path
) -> None:
    async with pair(tmp_path, policy("stage")) as made:
        await goes_up(made, headers)
        assert await made.who(headers) == "dear"
        assert await made.who({}) == "cheap"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_session_stays_with_its_model_in_every_format(
    client: ClientName, stream: bool, tmp_path: Path
) -> None:
    async with pair(tmp_path, policy("stage")) as made, sdks(made.here.url) as to:
        session = {"x-tiercel-session": "run-1"}
        made.cheap.default = Fails(status=500)
        text, _ = await send(to, client, LOOPS[client](0), stream=stream, headers=session)
        assert text == "dear"
        made.cheap.default = Says(text="cheap")
        text, headers = await send(to, client, LOOPS[client](0), stream=stream, headers=session)
        record = made.here.record(headers["x-tiercel-record"])
    assert text == "dear"
    assert record.session == "run-1"
    assert record.why.endswith("; the session is with dear")


@pytest.mark.parametrize(
    ("sticky", "then"), [("session", "cheap"), ("stage", "dear"), ("tool_loop", "cheap")]
)
async def test_a_session_that_had_to_go_up_stays_there_by_choice(
    sticky: Sticky, then: str, tmp_path: Path
) -> None:
    async with pair(tmp_path, policy(sticky)) as made:
        headers = {"x-tiercel-session": "run-1"}
        await goes_up(made, headers)
        assert await made.who(headers) == then


async def test_two_users_of_different_keys_with_one_session_id_have_two_sessions(tmp_path: Path) -> None:
    ada, bob = issue(tmp_path, AccessKey(project="a")), issue(tmp_path, AccessKey(project="a"))
    async with pair(tmp_path, policy("stage")) as made:
        session = {"x-tiercel-session": "run-1"}
        await goes_up(made, session | {"authorization": f"Bearer {ada.text}"})
        assert await made.who(session | {"authorization": f"Bearer {ada.text}"}) == "dear"
        assert await made.who(session | {"authorization": f"Bearer {bob.text}"}) == "cheap"


async def test_the_agents_of_one_session_have_a_conversation_each(tmp_path: Path) -> None:
    async with pair(tmp_path, policy("stage")) as made:
        main = SESSION_HEADERS["Claude Code"]
        await goes_up(made, SESSION_HEADERS["a subagent of Claude Code"])
        assert await made.who(main) == "cheap"
        assert await made.who(SESSION_HEADERS["a subagent of Claude Code"]) == "dear"
        assert await made.who(main | {"x-claude-code-agent-id": "b8"}) == "cheap"


@pytest.mark.parametrize("name", ["x" * 129, "../../etc", "a b", "", "ü"])
async def test_a_header_of_an_agent_that_is_no_name_is_no_session(name: str, tmp_path: Path) -> None:
    """Not the caller's fault: they do not know that we read it."""
    async with pair(tmp_path, policy("stage")) as made:
        headers = {"x-claude-code-session-id": name}
        await goes_up(made, headers)
        assert await made.who(headers) == "cheap"


# ── With whom it stays ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_that_was_not_good_keeps_nobody(tmp_path: Path) -> None:
    async with pair(tmp_path, policy("stage")) as made:
        headers = {"x-tiercel-session": "run-1"}
        made.cheap.default = Fails(status=500)
        made.dear.default = Says(text="and so on and", finish="length")
        assert await made.who(headers) == "and so on and"
        made.cheap.default, made.dear.default = Says(text="cheap"), Says(text="dear")
        assert await made.who(headers) == "cheap"


async def test_a_model_that_fails_its_session_is_replaced_also_by_one_below(tmp_path: Path) -> None:
    async with pair(tmp_path, policy("stage")) as made:
        headers = {"x-tiercel-session": "run-1"}
        await goes_up(made, headers)
        made.dear.default = Fails(status=503)
        assert await made.who(headers) == "cheap"


async def test_who_left_the_policy_is_no_longer_asked(tmp_path: Path) -> None:
    async with pair(tmp_path, policy("stage")) as made:
        headers = {"x-tiercel-session": "run-1"}
        await goes_up(made, headers)
        settings = made.here.gateway.runtime.state.settings
        only = msgspec.structs.replace(
            policy("stage"), rules=(Rule(name="any", ladder=("fast",), sticky="stage"),)
        )
        made.here.gateway.open_runtime.reload(settings, only)
        assert await made.who(headers) == "cheap"


# ── Prompt caches ───────────────────────────────────────────────────────────────────────────────────────────────────

TENTH = Prices(input=1_200_000_000, cached_input=120_000_000, output=5_000_000_000)
"""A little dearer than its rival, but what it has cached costs a tenth."""
LONG = "word " * 4_000


@pytest.mark.parametrize(
    ("sticky", "second"), [("cache", "warm"), ("session", "warm"), ("tool_loop", "cold")]
)
async def test_a_prompt_cache_counts_in_who_is_cheapest(sticky: Sticky, second: str, tmp_path: Path) -> None:
    async with ScriptedProvider() as cold, ScriptedProvider() as warm:
        cold.default = Says(text="cold")
        warm.default = Says(text="warm", input_tokens=4_000, cached_tokens=3_900)
        use = policy(
            sticky,
            tiers={
                "fast": Tier(name="fast", members=("cold", "warm")),
                "balanced": Tier(name="balanced", members=("warm",)),
            },
        )
        deployments = (cold.deployment("cold"), warm.deployment("warm", prices=TENTH))
        async with house(tmp_path, *deployments, policy=use) as here:
            made = Pair(here, cold, warm)
            headers = {"x-tiercel-session": "run-1"}
            await goes_up_to_warm(made, headers)
            assert await made.who(headers, LONG) == second
            assert await made.who({}, LONG) == "cold"
            if sticky == "cache":
                warm.default = Fails(status=500)
                body = {"model": "auto", "messages": [{"role": "user", "content": LONG}]}
                raw = await call(here.url, "POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
                record = here.record(raw.headers["x-tiercel-record"])
                tried, answered = record.attempts
                assert tried.notes == ("about 3,900 tokens are expected from its prompt cache",)
                assert answered.notes == (
                    "gives up the prompt cache of warm: about 3,900 tokens, $0.0039 here and $0.000468 there",
                )


async def goes_up_to_warm(made: Pair, headers: dict[str, str]) -> None:
    made.cheap.default = Fails(status=500)
    assert await made.who(headers, LONG) == "warm"
    made.cheap.default = Says(text="cold")
