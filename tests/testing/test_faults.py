"""Faults by name: each does what its line says, in every format; chances are drawn the same way each time."""

import asyncio
import gzip
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from tiercel.domain.request import Format
from tiercel.testing.fault_kinds import FAULT_KINDS
from tiercel.testing.faults import Fault, FaultScript
from tiercel.testing.odd_answers import FLOOD_EVENTS, HUGE_MEGABYTES, MANY_HEADERS, MEGABYTE
from tiercel.testing.provider_errors import error_body, error_event
from tiercel.testing.replies import Called, Said, good_answer
from tiercel.testing.scripted import Says, ScriptedProvider
from tiercel.wire.registry import CODECS

FORMATS: tuple[Format, ...] = get_args(Format)
SAID = Said(text="one two three four five", calls=(Called(name="look"),), finish="tool_calls")
every_format = pytest.mark.parametrize("format", FORMATS)


def spoiled(kind: str, format: Format, *, stream: bool = True) -> bytes:
    delivery = FAULT_KINDS[kind].fault.spoil(good_answer(SAID, format, stream=stream), format)
    return b"".join(delivery.pieces)


@every_format
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_fault_can_be_made_of_any_answer(format: Format, kind: str, stream: bool) -> None:
    good = good_answer(SAID, format, stream=stream)
    bad = FAULT_KINDS[kind].fault.spoil(good, format)
    streams_only = kind in ("finish-twice", "end-missing")
    assert (bad != good) or streams_only


def test_the_documentation_lists_every_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "lab.md").read_text("utf-8")
    rows = [f"| `{kind.name}` | {kind.row} | {kind.about} |" for kind in FAULT_KINDS.values()]
    assert "\n".join(rows) in page


@every_format
def test_an_answer_cut_short_has_no_finish(format: Format) -> None:
    good = good_answer(Said(text="one two three four five six seven"), format, stream=True)
    delivery = FAULT_KINDS["truncated"].fault.spoil(good, format)
    assert delivery.ending == "complete"
    assert delivery.pieces == good.pieces[:-4]
    assert b"one" in b"".join(delivery.pieces)


@every_format
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500, 503, 529])
def test_error_bodies_are_read_by_their_own_codec(format: Format, status: int) -> None:
    facts = CODECS[format].decode_error(status, {}, error_body(format, status, "told so"))
    assert facts.message == "told so"


@every_format
def test_error_events_end_in_the_message(format: Format) -> None:
    assert b'"message":"broke"' in error_event(format, "broke").replace(b'"error":"', b'"message":"')


def test_google_says_in_the_body_when_to_come_back() -> None:
    delivery = Fault(status=429, retry_after="7").spoil(good_answer(SAID, "gemini", stream=False), "gemini")
    assert dict(delivery.headers).keys() == {"content-type"}
    assert b'"retryDelay":"7s"' in delivery.pieces[0]


@pytest.mark.parametrize(
    ("format", "word"),
    [
        ("openai_chat", b'"code":"insufficient_quota"'),
        ("openai_responses", b'"code":"insufficient_quota"'),
        ("anthropic", b'"error_code":"enforced_spend_limit_reached"'),
        ("gemini", b"PerDay"),
        ("ollama", b"quota"),
    ],
)
def test_money_that_is_used_up_is_told_in_each_formats_words(format: Format, word: bytes) -> None:
    assert word in spoiled("quota", format)


def test_a_bomb_is_small_until_it_is_opened() -> None:
    bomb = spoiled("gzip-bomb", "openai_chat", stream=False)
    assert len(bomb) < 200_000
    assert len(gzip.decompress(bomb)) == HUGE_MEGABYTES * MEGABYTE


def test_large_faults_are_as_large_as_they_say() -> None:
    assert len(spoiled("huge", "anthropic")) > HUGE_MEGABYTES * MEGABYTE
    assert spoiled("flood", "anthropic").count(b"event: ping") == FLOOD_EVENTS
    delivery = FAULT_KINDS["many-headers"].fault.spoil(good_answer(SAID, "gemini", stream=True), "gemini")
    assert len(delivery.headers) > MANY_HEADERS


@pytest.mark.parametrize(
    ("format", "mark"),
    [
        ("openai_chat", b'"finish_reason":"tool_calls"'),
        ("openai_responses", b"event: response.completed"),
        ("anthropic", b"event: message_delta"),
        ("gemini", b'"finishReason":"STOP"'),
        ("ollama", b'"done":true'),
    ],
)
def test_a_finish_comes_twice(format: Format, mark: bytes) -> None:
    assert spoiled("finish-twice", format).count(mark) == 2


async def received(fault: Fault, body: bytes = b'{"stream": true}') -> bytes:
    """What a client gets until the server closes or says nothing for a moment."""
    async with ScriptedProvider(Says(text="one two three", fault=fault)) as provider:
        port = int(provider.base_url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/x HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        got = b""
        try:
            while len(got) < 2_000_000 and (data := await asyncio.wait_for(reader.read(65_536), 0.3)):
                got += data
        except (TimeoutError, ConnectionError):
            pass
        writer.close()
    return got


@pytest.mark.parametrize("kind", ["reset", "silent"])
async def test_some_faults_leave_without_a_word(kind: str) -> None:
    assert await received(FAULT_KINDS[kind].fault) == b""


async def test_a_truncated_stream_ends_as_if_all_were_well() -> None:
    got = await received(FAULT_KINDS["truncated"].fault)
    assert got.endswith(b"0\r\n\r\n")
    assert b"[DONE]" not in got


async def test_early_answers_come_before_the_answer() -> None:
    got = await received(FAULT_KINDS["interim-flood"].fault)
    assert got.count(b"HTTP/1.1 103 ") == 1_000
    assert got.count(b"HTTP/1.1 200 ") == 1


async def test_an_endless_answer_goes_on_until_the_client_leaves() -> None:
    fault = msgspec.structs.replace(FAULT_KINDS["endless"].fault, after=2)
    assert (await asyncio.wait_for(received_some(fault), 5)).count(b"one") > 20


async def received_some(fault: Fault) -> bytes:
    """The first kilobytes of an answer, then gone."""
    async with ScriptedProvider(Says(text="one two three", fault=fault)) as provider:
        port = int(provider.base_url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'POST /v1/x HTTP/1.1\r\ncontent-length: 16\r\n\r\n{"stream": true}')
        got = await reader.readexactly(10_000)
        writer.close()
        await provider.wait_for_abandoned(1)
    return got


def drawn(seed: int, model: str = "m", rate: float = 0.5) -> list[bool]:
    script = FaultScript(seed=seed)
    script.sometimes(model, Fault(status=500), rate)
    return [script.take("m") is not None for _ in range(200)]


def test_a_share_of_the_calls_goes_wrong_the_same_ones_each_time() -> None:
    assert drawn(1) == drawn(1) != drawn(2)
    assert 70 < sum(drawn(1)) < 130


@pytest.mark.parametrize(("rate", "hit"), [(0.0, 0), (1.0, 200)])
def test_none_and_all(rate: float, hit: int) -> None:
    assert sum(drawn(1, "*", rate)) == hit


def test_other_models_are_left_alone() -> None:
    assert sum(drawn(1, "other", 1.0)) == 0
