"""Sixty mistakes that translators between model formats have made in public, each with what keeps us from it.

Tests name the mistakes they guard against in their docstrings (`T07`). Where a test's own words already say it, it is
listed here under `ELSEWHERE`; what is guarded nowhere stands in `NOT_TESTED` with the reason.
"""

import ast
import re
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.house import USER, house
from tests.wire.cases import (
    STAMP,
    anthropic_target,
    body_of,
    chat_stream,
    chat_target,
    decode_all,
    delta,
    frames,
    request_object,
)
from tests.wire.test_anthropic_response import check_blocks
from tiercel.domain.catalog import Capabilities, Prices
from tiercel.domain.events import (
    ArgumentsDelta,
    End,
    Finished,
    ReasoningDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
    unfold,
)
from tiercel.domain.request import Format, Reasoning, Text
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.testing.scripted import Fails, ScriptedProvider
from tiercel.wire.registry import CODECS

TESTS = Path(__file__).parents[1]
CHAT, MESSAGES = CODECS["openai_chat"], CODECS["anthropic"]

MISTAKES = {
    "T01": "Messages streams: a delta in a block of another type; a second message_start",
    "T02": "chunks with thinking only, then text: the thinking block stays open",
    "T03": "the usage chunk of a Chat stream has choices",
    "T04": "usage beside a choice is dropped",
    "T05": "usage is not asked for upstream, or shown to a client that did not ask",
    "T06": "usage told twice is added up",
    "T07": "an error inside a 200 is swallowed",
    "T08": "an end without a finish passes for an end",
    "T09": "an error followed by [DONE] passes for an end",
    "T10": "an error as the first event keeps others from answering",
    "T11": "[DONE] without a finish: none, or two",
    "T12": "Gemini's call without finish, then STOP: two finishes",
    "T13": "a cut answer that holds a call passes for a whole one",
    "T14": "the chunk with the finish lacks its delta",
    "T15": "an empty object before the arguments stays in front of them",
    "T16": "a call without arguments has text that is no JSON",
    "T17": "arguments sent whole in each chunk are appended",
    "T18": "Ollama: arguments as objects, all calls at index 0, an early finish",
    "T19": "calls that share an index, repeat or lack their id",
    "T20": "calls counted from 1",
    "T21": "Responses: arguments that come only at the end are lost or doubled",
    "T22": "Responses: events missing, out of order or unbalanced",
    "T23": "Responses: items whose ids change on the way fall apart",
    "T24": "bytes cut inside a character or an event",
    "T25": "Azure's chunks without choices or delta",
    "T26": "events: odd line ends, separators inside data, no bound",
    "T27": "a client that left is not noticed, its usage not kept",
    "T28": "compressed answers read as they are, or decoded twice",
    "T29": "Gemini's thought signatures lost on the way through a Chat client",
    "T30": "ids too long or illegal for the target; a signature in an id",
    "T31": "another model's history reaches Gemini without the documented word",
    "T32": "Responses: sealed reasoning lost, or parted from its calls",
    "T33": "a seal that its provider does not recognise ends the conversation",
    "T34": "thinking that is only a seal is dropped as empty",
    "T35": "a written Messages stream lacks the signature",
    "T36": "thinking asked for where the last tool turn has none",
    "T37": "DeepSeek, Kimi: thinking not sent back inside a tool loop",
    "T38": "thinking read from one of its two names only",
    "T39": "a budget for thinking below the least, or not below max_tokens",
    "T40": "what a model can is guessed from its name",
    "T41": "a forced tool beside thinking is refused",
    "T42": "Chat with tools and effort where only Responses takes both",
    "T43": "parallel results in several user turns",
    "T44": "Gemini: results apart, calls of one name taken for one",
    "T45": "pictures in results lost",
    "T46": "empty texts sent on",
    "T47": "schemas in words that the target refuses",
    "T48": "names of tools too long or illegal, not mapped back",
    "T49": "the answer's shape dropped between formats",
    "T50": "max_tokens under the wrong name",
    "T51": "cached tokens counted twice or lost from format to format",
    "T52": "Gemini's thoughts not counted as output",
    "T53": "counts without system and tools, or too low",
    "T54": "anthropic-beta altered, or sent to who does not know it",
    "T55": "waits that a provider asked for are lost",
    "T56": "embeddings: base64 and floats confused",
    "T57": "an empty answer cut by length passes for an answer",
    "T58": "a Messages client is told of a long prompt in words it does not know",
    "T59": "a spent limit is retried",
    "T60": "fields nobody knows vanish in silence",
}

ELSEWHERE: dict[str, tuple[str, ...]] = {
    "T05": (
        "wire/test_openai_encode_request.py::test_a_stream_always_asks_for_usage",
        "wire/test_openai_stream_encoder.py::test_usage_is_hidden_from_who_did_not_ask",
    ),
    "T10": ("gateway/test_streams.py::test_an_error_as_the_first_event_falls_back_unseen",),
    "T11": (
        "wire/test_openai_stream_decoder.py::test_a_done_without_any_finish_gives_one_that_claims_nothing",
        "wire/test_openai_stream_decoder.py::test_the_finish_comes_once_and_last",
    ),
    "T15": (
        "wire/test_openai_stream_decoder.py::test_an_empty_object_before_the_arguments_is_dropped",
        "wire/test_anthropic_response.py::test_arguments",
    ),
    "T19": ("wire/test_openai_stream_decoder.py::test_calls_that_all_have_index_0_are_told_apart_by_id",),
    "T20": (
        "wire/test_openai_stream_decoder.py::test_indices_start_at_0_whatever_the_server_counts",
        "wire/test_anthropic_response.py::test_calls_are_counted_densely_whatever_their_block",
    ),
    "T26": (
        "wire/test_sse.py::test_events_are_read_by_the_standard",
        "wire/test_sse.py::test_one_event_cannot_grow_without_end",
    ),
    "T27": ("gateway/test_streams.py::test_a_client_that_leaves_a_stream_stops_it_and_its_cost_is_kept",),
    "T28": (  # asked for as it is; what comes compressed all the same is no answer
        "upstream/test_http.py::test_request_line_headers_and_body_are_sent_as_given",
        "upstream/test_http.py::test_bad_answer_is_refused_and_its_connection_closed",
    ),
    "T34": ("wire/test_anthropic_response.py::test_thinking_keeps_its_seal_even_when_it_shows_nothing",),
    "T36": ("wire/test_anthropic_request.py::test_where_it_cannot_be_had_it_is_off_and_named",),
    "T38": ("wire/test_openai_stream_decoder.py::test_thinking_is_read_from_either_field_once",),
    "T41": ("wire/test_anthropic_request.py::test_where_it_cannot_be_had_it_is_off_and_named",),
    "T43": (
        "wire/test_anthropic_request.py::test_all_results_of_a_turn_stand_in_one_user_turn_before_its_text",
    ),
    "T54": (
        "gateway/test_messages.py::test_versions_and_betas_go_along_to_an_upstream_of_the_same_format",
        "gateway/test_messages.py::test_versions_and_betas_stay_away_from_an_upstream_of_another_format",
    ),
}

NOT_TESTED: dict[str, str] = {}


# ── The index ───────────────────────────────────────────────────────────────────────────────────────────────────────


def guards() -> tuple[dict[str, list[str]], set[str]]:
    """Which tests name which mistakes in their own docstring or their class's; and every test there is."""
    naming: dict[str, list[str]] = {}
    known: set[str] = set()
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith(("test_", "Test")):
                name = f"{path.relative_to(TESTS).as_posix()}::{node.name}"
                known.add(name)
                for mistake in re.findall(r"\bT\d\d\b", ast.get_docstring(node) or ""):
                    naming.setdefault(mistake, []).append(name)
    return naming, known


NAMING, KNOWN = guards()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_has_its_test_or_a_reason(mistake: str) -> None:
    has_test = mistake in NAMING or mistake in ELSEWHERE
    assert has_test != (mistake in NOT_TESTED), NAMING.get(mistake)


def test_the_index_names_tests_that_exist() -> None:
    named = [name for names in ELSEWHERE.values() for name in names]
    assert [name for name in named if name not in KNOWN] == []
    assert NAMING.keys() - MISTAKES.keys() == set()
    assert list(MISTAKES) == [f"T{number:02}" for number in range(1, 61)]


# ── Those that had no test of their own ─────────────────────────────────────────────────────────────────────────────

STOP = Finished(finish=Finish(reason="stop"))
FORMAT_EVENTS: st.SearchStrategy[StreamEvent] = st.one_of(
    st.builds(TextDelta, text=st.sampled_from(["a", "é", ""])),
    st.builds(ReasoningDelta, text=st.sampled_from(["hm", ""])),
    st.builds(ReasoningDelta, signature=st.just("c2VhbA=="), source=st.just("anthropic")),
    st.builds(UsageUpdate, usage=st.just(Usage(uncached=3, visible=2))),
    st.just(Start(id="u")),
)


def messages_frames(events: list[StreamEvent]) -> list[dict[str, Any]]:
    request = MESSAGES.decode_request(body_of(stream=True, max_tokens=9))
    return frames(MESSAGES.stream_encoder(request, STAMP).encode(events))


@given(
    st.lists(FORMAT_EVENTS, max_size=12),
    st.lists(st.lists(st.sampled_from(['{"a":', "1}", "{}"]), max_size=3), max_size=3),
)
def test_blocks_are_well_formed_whatever_comes_in_whatever_order(
    events: list[StreamEvent], calls: list[list[str]]
) -> None:
    """T01."""
    for index, pieces in enumerate(calls):
        events.insert(index * 4, ToolCallStart(index=index, id=f"c{index}", name="f"))
        events += [ArgumentsDelta(index=index, text=piece) for piece in pieces]
    written = messages_frames([*events, STOP, End()])
    check_blocks(written)
    assert written[-1]["type"] == "message_stop"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_a_chat_models_thinking_is_a_block_of_its_own_for_a_messages_client(field: str) -> None:
    """T02, T38."""
    thoughts: list[dict[str, Any]] = [{field: "h"}, {field: "m"}]
    chunks = chat_stream(
        *(delta(**thought) for thought in thoughts), delta(content="a"), delta("stop", content="b")
    )
    events = decode_all(CHAT.stream_decoder(chat_target()), [chunks])
    written = messages_frames(events)
    check_blocks(written)
    opened = [(e["index"], e["content_block"]["type"]) for e in written if e["type"] == "content_block_start"]
    assert opened == [(0, "thinking"), (1, "text")]


def test_the_end_of_a_chat_stream_has_an_empty_delta_and_usage_without_choices() -> None:
    """T03, T14."""
    events: list[StreamEvent] = [
        TextDelta(text="a"),
        UsageUpdate(usage=Usage(uncached=3, visible=2)),
        STOP,
        End(),
    ]
    request = CHAT.decode_request(body_of(stream=True, stream_options={"include_usage": True}))
    *_, last, usage = frames(CHAT.stream_encoder(request, STAMP).encode(events))
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 5


def test_a_written_messages_stream_has_the_seal_before_its_block_ends() -> None:
    """T35."""
    thought = Reasoning(text="hm", signature="c2VhbA==", source="anthropic")
    choice = Choice(parts=(thought, Text(text="a")), finish=Finish(reason="stop"))
    written = messages_frames(list(unfold(ModelResponse(choices=(choice,)))))
    stop = next(i for i, event in enumerate(written) if event["type"] == "content_block_stop")
    assert written[stop - 1]["delta"] == {"type": "signature_delta", "signature": "c2VhbA=="}


@pytest.mark.parametrize("after", [[], [{"role": "system", "content": "Be quick."}]], ids=["", "told more"])
@pytest.mark.parametrize("text", [[], [{"type": "text", "text": "Go on."}]], ids=["results", "and text"])
def test_thinking_is_off_in_a_tool_loop_that_began_without_it(after: list[Any], text: list[Any]) -> None:
    """T36: agents put texts and instructions behind the results."""
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "4"}
    turns = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result, *text]},
        *after,
    ]
    body = body_of(messages=turns, max_tokens=20_000, thinking={"type": "adaptive"})
    capabilities = Capabilities(efforts=("none", "low", "medium", "high"), thinking="budget")
    sent = request_object(MESSAGES, body, anthropic_target(capabilities, effort="low"))
    assert "thinking" not in sent


CACHED = Usage(uncached=100, cached=30, written=20, visible=7, reasoning=5)
CARRIERS: tuple[Format, ...] = ("openai_chat", "openai_responses", "anthropic")


@pytest.mark.parametrize("through", CARRIERS)
@pytest.mark.parametrize("first", CARRIERS)
def test_usage_is_the_same_after_any_way_through_formats(first: Format, through: Format) -> None:
    """T51."""
    choice = Choice(parts=(Text(text="a"),), finish=Finish(reason="stop"))
    answer = ModelResponse(choices=(choice,), usage=CACHED)
    for format in (first, through, first):
        codec = CODECS[format]
        target = anthropic_target() if format == "anthropic" else chat_target("openai")
        answer = codec.decode_response(codec.encode_response(answer, STAMP), target)
    assert answer.usage == CACHED


def test_cached_tokens_cost_what_the_price_list_says() -> None:
    """T51: each kind by its own price, no token by two."""
    prices = Prices(
        input=3_000_000_000,
        output=15_000_000_000,
        cached_input=300_000_000,
        cache_write=3_750_000_000,
    )
    assert prices.cost(CACHED) == 100 * 3_000 + 30 * 300 + 20 * 3_750 + 12 * 15_000


@pytest.mark.parametrize("sdk", [openai, anthropic], ids=["openai", "anthropic"])
async def test_a_spent_limit_is_asked_about_once(tmp_path: Path, sdk: Any) -> None:
    """T59: though the client would try three times."""
    spent = Fails(status=429, code="insufficient_quota", message="You exceeded your current quota")
    async with ScriptedProvider() as provider, house(tmp_path, provider.deployment("cheap")) as here:
        provider.default = spent
        base_url = here.url if sdk is anthropic else f"{here.url}/v1"
        client = (sdk.AsyncAnthropic if sdk is anthropic else sdk.AsyncOpenAI)(
            base_url=base_url, api_key="unused", max_retries=2
        )
        create = client.messages.create if sdk is anthropic else client.chat.completions.create
        with pytest.raises(sdk.APIStatusError) as caught:
            await create(model="auto", max_tokens=9, messages=USER)
        await client.close()
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(provider.requests) == 1
