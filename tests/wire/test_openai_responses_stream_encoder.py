"""A client's Responses stream, as it is written: its whole life, checked with the SDK."""

import base64
import json
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from tests.wire.cases import decode_all, folded, frames
from tests.wire.responses_cases import (
    CODEC,
    STAMP,
    request_of,
    responses_target,
)
from tiercel.domain.events import (
    ArgumentsDelta,
    Broken,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.failure import Failure
from tiercel.domain.request import Format, Reasoning, Text, ToolCall
from tiercel.domain.response import Finish, FinishReason, Usage
from tiercel.wire.codec import Problem

SDK_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
STOP = Finished(finish=Finish(reason="stop"))
PROBLEM = Problem(kind="overloaded", message="busy", request_id="r1")
OWN: Format = "openai_responses"


def written_for(*events: StreamEvent) -> list[dict[str, Any]]:
    """The client's frames, checked: lines name their type, numbers count, what is added is done."""
    data = CODEC.stream_encoder(request_of(), STAMP).encode(events)
    check_lifecycle(frames(data))
    for event in frames(data):
        SDK_EVENT.validate_python(event)
    for block in data.decode().removesuffix("\n\n").split("\n\n"):
        name, _, body = block.partition("\n")
        assert name == f"event: {json.loads(body.removeprefix('data: '))['type']}"
    return frames(data)


def check_lifecycle(sent: list[dict[str, Any]]) -> None:
    """T22: numbers count, each item is added once and done once, pieces stand between, the end holds them all."""
    assert [event["type"] for event in sent[:2]] == ["response.created", "response.in_progress"]
    assert [event["sequence_number"] for event in sent] == list(range(len(sent)))
    opened: list[int] = []
    items: dict[int, Any] = {}
    for event in sent:
        if event["type"] == "response.output_item.added":
            assert event["output_index"] == len(opened)
            opened.append(event["output_index"])
        elif event["type"] == "response.output_item.done":
            assert event["output_index"] not in items
            items[event["output_index"]] = event["item"]
        elif "output_index" in event:
            assert event["output_index"] in opened
            assert event["output_index"] not in items
    last = sent[-1]
    assert last["type"] in ("response.completed", "response.incomplete")
    assert last["response"]["output"] == [items[index] for index in opened]


def types(sent: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in sent]


class TestEncoder:
    def test_the_whole_life_of_a_text(self) -> None:
        sent = written_for(
            Start(),
            TextDelta(text="he"),
            TextDelta(text="y"),
            UsageUpdate(usage=Usage(uncached=1)),
            STOP,
            End(),
        )
        assert types(sent) == [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
        assert sent[-2]["item"]["content"][0]["text"] == "hey"
        assert sent[-1]["response"]["usage"]["input_tokens"] == 1
        assert sent[-1]["response"]["id"] == STAMP.id

    def test_every_kind_of_item_in_its_order(self) -> None:
        sent = written_for(
            Start(),
            ReasoningDelta(text="hm", source="anthropic"),
            ReasoningDelta(signature="s", source="anthropic"),
            TextDelta(text="a"),
            ToolCallStart(index=0, id="c0", name="f"),
            ArgumentsDelta(index=0, text='{"x":'),
            ArgumentsDelta(index=0, text="1}"),
            RefusalDelta(text="no"),
            OpaqueDelta(
                source=OWN,
                raw={
                    "type": "web_search_call",
                    "id": "w",
                    "status": "completed",
                    "action": {"type": "search", "query": "q"},
                },
            ),
            ToolCallStart(index=1, id="c1", name="patch", kind="custom"),
            ArgumentsDelta(index=1, text="*** "),
            Finished(finish=Finish(reason="tool_calls")),
            End(),
        )
        output = sent[-1]["response"]["output"]
        assert [item["type"] for item in output] == [
            "reasoning",
            "message",
            "function_call",
            "message",
            "web_search_call",
            "custom_tool_call",
        ]
        assert output[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
        assert base64.b64decode(output[0]["encrypted_content"]) == b"tiercel-seal:anthropic:sealed:s"
        assert (output[2]["call_id"], output[2]["arguments"]) == ("c0", '{"x":1}')
        assert output[5]["input"] == "*** "
        prefixes = [item["id"].partition("_")[0] for item in output]
        assert prefixes == ["rs", "msg", "fc", "msg", "w", "ctc"]

    def test_a_text_and_a_refusal_are_parts_of_one_message(self) -> None:
        sent = written_for(Start(), TextDelta(text="a"), RefusalDelta(text="no"), STOP, End())
        [item] = sent[-1]["response"]["output"]
        assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]

    def test_calls_that_grow_side_by_side_end_whole(self) -> None:
        sent = written_for(
            Start(),
            ToolCallStart(index=0, id="c0", name="f"),
            ToolCallStart(index=1, id="c1", name="g"),
            ArgumentsDelta(index=0, text='{"a":1}'),
            ArgumentsDelta(index=1, text='{"b":2}'),
            Finished(finish=Finish(reason="tool_calls")),
            End(),
        )
        assert [item["arguments"] for item in sent[-1]["response"]["output"]] == ['{"a":1}', '{"b":2}']

    def test_a_call_is_done_as_soon_as_the_next_thing_begins(self) -> None:
        """Clients run a tool when its item is done."""
        encoder = CODEC.stream_encoder(request_of(), STAMP)
        first: list[StreamEvent] = [
            ToolCallStart(index=0, id="c0", name="f"),
            ArgumentsDelta(index=0, text="{}"),
        ]
        encoder.encode(first)
        sent = frames(encoder.encode([ToolCallStart(index=1, id="c1", name="g")]))
        assert types(sent) == ["function_call_arguments.done", "output_item.done", "output_item.added"]

    def test_ids_and_what_else_came_with_an_item_stay(self) -> None:
        """T32: so that the client can send back what the provider will recognise."""
        kept = {"id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "x"}]}
        sent = written_for(
            Start(extra={OWN: {"service_tier": "flex"}}),
            ReasoningDelta(id="rs_1", text="x", source=OWN),
            ReasoningDelta(id="rs_1", signature="sealed", source=OWN, extra=kept),
            TextDelta(text="a", extra={OWN: {"id": "msg_1", "phase": "commentary"}}),
            TextDelta(text="b", extra={OWN: {"id": "msg_2", "phase": "final_answer"}}),
            ToolCallStart(index=0, id="c", name="f", extra={OWN: {"id": "fc_1", "namespace": "n"}}),
            Finished(finish=Finish(reason="tool_calls")),
            End(),
        )
        response = sent[-1]["response"]
        assert response["service_tier"] == "flex"
        assert response["output"][0] == {"type": "reasoning", **kept, "encrypted_content": "sealed"}
        assert [(item["id"], item.get("phase")) for item in response["output"][1:3]] == [
            ("msg_1", "commentary"),
            ("msg_2", "final_answer"),
        ]
        assert (response["output"][3]["id"], response["output"][3]["namespace"]) == ("fc_1", "n")

    def test_annotations_belong_to_the_open_text(self) -> None:
        mark = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
        raw = {"type": "response.output_text.annotation.added", "annotation": mark}
        sent = written_for(Start(), TextDelta(text="a"), OpaqueDelta(source=OWN, raw=raw), STOP, End())
        assert "output_text.annotation.added" in types(sent)
        assert sent[-1]["response"]["output"][0]["content"][0]["annotations"] == [mark]

    def test_foreign_opaque_parts_and_other_choices_have_no_place(self) -> None:
        sent = written_for(
            Start(),
            OpaqueDelta(source="anthropic", raw={"type": "server_tool_use"}),
            TextDelta(text="b", choice=1),
            STOP,
            End(),
        )
        assert sent[-1]["response"]["output"] == []

    @pytest.mark.parametrize(
        ("reason", "status", "details"),
        [
            ("stop", "completed", None),
            ("tool_calls", "completed", None),
            ("unknown", "completed", None),
            ("length", "incomplete", {"reason": "max_output_tokens"}),
            ("content_filter", "incomplete", {"reason": "content_filter"}),
        ],
    )
    def test_how_it_ends(self, reason: FinishReason, status: str, details: Any) -> None:
        sent = written_for(Start(), TextDelta(text="a"), Finished(finish=Finish(reason=reason)), End())
        assert sent[-1]["type"] == f"response.{status}"
        assert sent[-1]["response"]["status"] == status
        assert sent[-1]["response"]["incomplete_details"] == details
        assert sent[-1]["response"]["output"][0]["status"] == status

    def test_a_call_that_was_cut_says_so(self) -> None:
        """T13."""
        sent = written_for(
            Start(),
            ToolCallStart(index=0, id="c", name="f"),
            ArgumentsDelta(index=0, text='{"x'),
            Finished(finish=Finish(reason="length")),
            End(),
        )
        assert sent[-1]["response"]["output"][0]["status"] == "incomplete"

    def test_empty_deltas_open_nothing(self) -> None:
        sent = written_for(Start(), TextDelta(text=""), ReasoningDelta(), RefusalDelta(text=""), STOP, End())
        assert types(sent) == ["created", "in_progress", "completed"]

    def test_logprobs_go_out_with_their_text(self) -> None:
        entry = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
        sent = written_for(Start(), TextDelta(text="a", logprobs={"content": [entry]}), STOP, End())
        assert sent[-1]["response"]["output"][0]["content"][0]["logprobs"] == [entry]

    def test_a_problem_is_told_in_both_ways_and_is_the_last_word(self) -> None:
        encoder = CODEC.stream_encoder(request_of(), STAMP)
        encoder.encode([Start(), TextDelta(text="a")])
        error, failed = frames(encoder.problem(PROBLEM))
        assert (error["type"], error["code"], error["message"]) == ("error", "server_is_overloaded", "busy")
        assert error["error"]["code"] == "server_is_overloaded"
        assert failed["type"] == "response.failed"
        assert failed["response"]["status"] == "failed"
        assert failed["response"]["error"] == {"code": "server_is_overloaded", "message": "busy"}
        assert failed["sequence_number"] == error["sequence_number"] + 1
        assert encoder.problem(PROBLEM) == encoder.heartbeat() == encoder.encode([STOP, End()]) == b""

    def test_a_problem_before_anything_still_begins_as_it_must(self) -> None:
        sent = frames(CODEC.stream_encoder(request_of(), STAMP).problem(PROBLEM))
        assert types(sent) == ["created", "in_progress", "error", "failed"]

    def test_after_a_break_nothing_is_invented(self) -> None:
        broken = Broken(failure=Failure(kind="truncated", message="x"))
        encoder = CODEC.stream_encoder(request_of(), STAMP)
        encoder.encode([Start(), TextDelta(text="a")])
        assert encoder.encode([broken]) == b""

    def test_heartbeats_are_events_once_the_stream_began(self) -> None:
        encoder = CODEC.stream_encoder(request_of(), STAMP)
        assert types(frames(encoder.heartbeat())) == ["created", "in_progress"]
        assert types(frames(encoder.heartbeat())) == ["in_progress"]
        rest = frames(encoder.encode([Start(), TextDelta(text="a"), STOP, End()]))
        assert types(rest)[0] == "output_item.added"
        assert rest[0]["sequence_number"] == 3
        assert encoder.heartbeat() == b""


def client_of(data: bytes) -> openai.OpenAI:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(
        api_key="k",
        base_url="http://127.0.0.1/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=transport),
    )


@pytest.fixture
def beaten() -> bytes:
    """A stream with heartbeats, thinking, text, and two calls."""
    encoder = CODEC.stream_encoder(request_of(), STAMP)
    return b"".join(
        [
            encoder.heartbeat(),
            encoder.encode([Start(), ReasoningDelta(text="hm", source="openai_chat")]),
            encoder.heartbeat(),
            encoder.encode([TextDelta(text="he"), TextDelta(text="y")]),
            encoder.encode([ToolCallStart(index=0, id="c0", name="f"), ArgumentsDelta(index=0, text="{}")]),
            encoder.encode([ToolCallStart(index=1, id="c1", name="g")]),
            encoder.heartbeat(),
            encoder.encode([ArgumentsDelta(index=1, text='{"x":1}')]),
            encoder.encode([UsageUpdate(usage=Usage(uncached=2, visible=3)), STOP, End()]),
        ]
    )


def test_the_sdks_stream_helper_adds_up_what_was_written(beaten: bytes) -> None:
    """T22."""
    client = client_of(beaten)
    with client.responses.stream(model="auto", input="hi") as stream:
        seen = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "hey"
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call", "function_call"]
    assert final.usage is not None
    assert final.usage.total_tokens == 5
    assert "response.function_call_arguments.done" in seen


def test_the_sdk_raises_on_a_problem() -> None:
    encoder = CODEC.stream_encoder(request_of(), STAMP)
    data = encoder.encode([Start(), TextDelta(text="a")]) + encoder.problem(PROBLEM)
    with pytest.raises(openai.APIError, match="busy"):
        list(client_of(data).responses.create(model="auto", input="hi", stream=True))


def test_what_was_written_reads_back_the_same(beaten: bytes) -> None:
    answer = folded(decode_all(CODEC.stream_decoder(responses_target()), [beaten]))
    assert [part.__class__ for part in answer.choices[0].parts] == [Reasoning, Text, ToolCall, ToolCall]
    assert answer.usage == Usage(uncached=2, visible=3)
