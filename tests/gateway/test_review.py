"""A review before the answer goes out, through a whole gateway: what the client gets, and what the record tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.faults.clients import CLIENTS, ClientName, sdks
from tests.gateway.house import USER, House, house, two_tiers
from tests.gateway.keyed import ask as ask_with
from tests.gateway.keyed import issue
from tests.gateway.test_asides import STREAMED, ask, told, verdict_of
from tiercel.domain.catalog import Prices
from tiercel.domain.keys import AccessKey, Budget
from tiercel.domain.policy import Gate, Limits, Review, Rule
from tiercel.records.check_tally import tally_checks
from tiercel.testing.scripted import Called, Fails, Reply, Says, ScriptedProvider

FINISHED = Gate(check="finished")
APPROVE = '{"verdict": "approve", "answer": ""}'


def improve(answer: str) -> str:
    return msgspec.json.encode({"verdict": "improve", "answer": answer}).decode()


@asynccontextmanager
async def reviewed(
    folder: Path, *reviews: Reply, answer: Reply, gates: tuple[Gate, ...] = (), **more: Any
) -> AsyncIterator[tuple[House, dict[str, ScriptedProvider]]]:
    """`cheap` and `dear` on the ladder; `strong` reviews. `more` is of the review, but for `limits` and `by`."""
    limits = more.pop("limits", Limits())
    rule = Rule(name="any", ladder=("fast", "balanced"), review=Review(by=more.pop("by", "strong"), **more))
    policy = two_tiers(gates=(FINISHED, *gates), limits=limits, rules=(rule,))
    providers = {
        "cheap": ScriptedProvider(answer, name="at-cheap"),
        "dear": ScriptedProvider(name="at-dear"),
        "strong": ScriptedProvider(*reviews, name="at-strong"),
    }
    async with providers["cheap"], providers["dear"], providers["strong"]:
        deployments = [provider.deployment(name) for name, provider in providers.items()]
        async with house(folder, *deployments, policy=policy) as here:
            yield here, providers


@STREAMED
async def test_an_approved_answer_goes_out_byte_for_byte(tmp_path: Path, stream: bool) -> None:
    answer = "  Two\u2028lines, \u00e9 and e\u0301, and a trailing space "
    async with reviewed(tmp_path, Says(text=APPROVE), answer=Says(text=answer)) as (here, _):
        text, record = await ask(here, stream=stream)
    assert (text, record.outcome, record.delivered) == (answer, "passed", 1)
    assert told(record) == [(1, "first", "cheap", "answered"), (2, "review", "strong", "answered")]
    assert verdict_of(record.attempts[0], "review") == (1.0, "strong (prompt 1): approve", None)
    assert record.verified
    assert record.cost_nano == sum(a.cost_nano or 0 for a in record.attempts)


@STREAMED
async def test_an_improved_answer_goes_out_in_its_place(tmp_path: Path, stream: bool) -> None:
    async with reviewed(tmp_path, Says(text=improve("four")), answer=Says(text="five")) as (here, _):
        text, record = await ask(here, stream=stream)
    assert (text, record.outcome, record.delivered) == ("four", "passed", 2)
    assert record.message == "improved by the reviewer"
    assert record.answer is not None
    assert record.answer.model == "strong"
    assert record.attempts[0].missed == "review"


async def test_the_reviewer_is_shown_the_conversation_and_the_answer_between_marks(tmp_path: Path) -> None:
    async with reviewed(tmp_path, Says(text=APPROVE), answer=Says(text="Hi there")) as (here, providers):
        await ask(here)
        (asked,) = [msgspec.json.decode(seen.body) for seen in providers["strong"].requests]
    prompt = asked["messages"][-1]["content"]
    code = prompt.split("<answer ")[1].split(">")[0]
    assert f"<answer {code}>\nHi there\n</answer {code}>" in prompt
    assert "Say hello" in prompt
    assert asked["response_format"]["json_schema"]["schema"]["required"] == ["verdict", "answer"]


NOTHING_VALID = {
    "prose": "I approve of this.",
    "verdict in prose": f"Here: {APPROVE}",
    "two": APPROVE + APPROVE,
    "no answer": '{"verdict": "approve"}',
    "more keys": '{"verdict": "approve", "answer": "", "note": "x"}',
    "unknown verdict": APPROVE.replace("approve", "reject"),
    "improves to nothing": improve("  "),
}


@pytest.mark.parametrize("said", NOTHING_VALID.values(), ids=NOTHING_VALID.keys())
async def test_what_is_no_valid_review_lets_the_answer_go(tmp_path: Path, said: str) -> None:
    async with reviewed(tmp_path, Says(text=said), answer=Says(text=f"5\n{APPROVE}")) as (here, _):
        text, record = await ask(here)
    assert (text, record.outcome, record.delivered) == (f"5\n{APPROVE}", "passed", 1)
    assert "so the answer stands" in (record.message or "")
    assert verdict_of(record.attempts[0], "review")[2] is not None
    assert not record.verified


@pytest.mark.parametrize("broken", [Fails(status=500), Fails(status=429), Says(text="")], ids=str)
@STREAMED
async def test_a_reviewer_that_fails_lets_the_answer_go(tmp_path: Path, broken: Reply, stream: bool) -> None:
    async with reviewed(tmp_path, broken, answer=Says(text="five")) as (here, providers):
        text, record = await ask(here, stream=stream)
        assert len(providers["strong"].requests) == 1
    assert (text, record.outcome, record.delivered) == ("five", "passed", 1)
    assert "the reviewer did not answer" in (verdict_of(record.attempts[0], "review")[2] or "")


async def test_a_late_reviewer_is_stopped_and_lets_the_answer_go(tmp_path: Path) -> None:
    never = asyncio.Event()
    late = Says(text=improve("four"), release=never)
    async with reviewed(tmp_path, late, answer=Says(text="five"), wait_seconds=0.1) as (here, providers):
        text, record = await ask(here)
        await asyncio.wait_for(providers["strong"].wait_for_abandoned(1), 5)
    assert (text, record.outcome) == ("five", "passed")
    assert record.message == "every gate passed; the reviewer was late, so the answer stands"
    assert (record.attempts[1].state, record.attempts[1].usage is not None) == ("cancelled", True)


async def test_what_the_reviewer_wrote_must_pass_the_same_gates(tmp_path: Path) -> None:
    gate = Gate(check="contains", options={"any": ["42"]})
    async with reviewed(tmp_path, Says(text=improve("43")), answer=Says(text="42!"), gates=(gate,)) as (
        here,
        providers,
    ):
        text, record = await ask(here)
        assert not providers["dear"].requests
    assert (text, record.delivered) == ("42!", 1)
    assert (
        record.message == "every gate passed; what the reviewer wrote missed contains, so the answer stands"
    )
    assert verdict_of(record.attempts[1], "contains")[0] == 0.0


@pytest.mark.parametrize("wrote", ["no JSON", "{'a': 1}"])
async def test_json_stays_json_also_where_no_gate_looks(tmp_path: Path, wrote: str) -> None:
    async with reviewed(tmp_path, Says(text=improve(wrote)), answer=Says(text='{"a": 1}')) as (here, _):
        text, record = await ask(here, response_format={"type": "json_object"})
    assert (text, record.delivered) == ('{"a": 1}', 1)


@pytest.mark.parametrize("setting", [{"max_tokens": 3}, {"stop": ["END"]}], ids=str)
async def test_what_the_client_set_binds_the_reviewer(tmp_path: Path, setting: Any) -> None:
    wrote = improve("a much longer answer than three tokens, END and so on and on")
    async with reviewed(tmp_path, Says(text=wrote), answer=Says(text="five")) as (here, _):
        text, record = await ask(here, **setting)
    assert (text, record.delivered) == ("five", 1)


async def test_with_more_rounds_an_improvement_needs_approval(tmp_path: Path) -> None:
    reviews = Says(text=improve("four")), Says(text=APPROVE)
    async with reviewed(tmp_path, *reviews, answer=Says(text="five"), rounds=2) as (here, providers):
        text, record = await ask(here)
        second = msgspec.json.decode(providers["strong"].requests[1].body)["messages"][-1]["content"]
    assert (text, record.delivered, record.message) == ("four", 2, "improved by the reviewer, and approved")
    assert "\nfour\n</answer" in second


async def test_a_reviewer_that_is_never_content_loses(tmp_path: Path) -> None:
    reviews = [Says(text=improve(text)) for text in ("one", "two", "three", "four")]
    async with reviewed(tmp_path, *reviews, answer=Says(text="five"), rounds=3) as (here, providers):
        text, record = await ask(here)
        assert len(providers["strong"].requests) == 3
    assert (text, record.delivered) == ("five", 1)
    assert "not content after 3 rounds" in (record.message or "")


async def test_nobody_reviews_an_answer_of_its_own(tmp_path: Path) -> None:
    async with reviewed(tmp_path, answer=Says(text="five"), by="cheap") as (here, providers):
        text, record = await ask(here)
        assert len(providers["cheap"].requests) == 1
    assert (text, len(record.attempts)) == ("five", 1)
    assert "would review its own answer" in (record.message or "")


TOOLS: Any = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize(
    ("answer", "more"),
    [
        (Says(calls=(Called(name="look"),), finish="tool_calls"), {"tools": TOOLS}),
        (Says(text="a long", finish="length", output_tokens=4_000), {"max_tokens": 4_000}),
        (Says(text="Sorry.", finish="content_filter"), {}),
    ],
    ids=["calls of tools", "cut", "filtered"],
)
async def test_only_text_that_came_to_its_end_is_reviewed(tmp_path: Path, answer: Reply, more: Any) -> None:
    async with reviewed(tmp_path, answer=answer) as (here, providers):
        _, record = await ask(here, **more)
        assert not providers["strong"].requests
    assert record.delivered == 1


async def test_no_reviewer_is_asked_beyond_the_cost_cap(tmp_path: Path) -> None:
    limits = Limits(max_cost_nano=3_000_000)
    async with reviewed(tmp_path, answer=Says(text="five"), limits=limits) as (here, providers):
        text, record = await ask(here)
        assert not providers["strong"].requests
    assert text == "five"
    assert "no money is left for the reviewer" in (record.message or "")


@pytest.mark.parametrize(("cents", "reviewed_by"), [(100_000, "dear"), (1, None)])
async def test_a_stream_waits_for_no_review_that_a_budget_cannot_pay(
    tmp_path: Path, cents: int, reviewed_by: str | None
) -> None:
    """The answer streams as without a reviewer, and the record says why nobody looked at it."""
    key = issue(tmp_path, AccessKey(budget=Budget(day_nano=cents * 10_000_000)))
    rule = Rule(name="any", ladder=("fast",), review=Review(by="dear"))
    policy = two_tiers(gates=(Gate(check="finished", needs_whole=False),), rules=(rule,))
    async with (
        ScriptedProvider(Says(text="five"), name="at-cheap") as cheap,
        ScriptedProvider(Says(text=APPROVE), name="at-dear") as dear,
        house(
            tmp_path,
            cheap.deployment("cheap", prices=Prices(input=1_000_000, output=5_000_000)),
            dear.deployment("dear", prices=Prices(input=10_000_000_000, output=50_000_000_000)),
            policy=policy,
        ) as here,
    ):
        answer = await ask_with(here, key, stream=True)
        record = here.record(answer.headers["x-tiercel-record"])
        assert bool(dear.requests) is bool(reviewed_by)
    assert (answer.status, record.outcome) == (200, "passed")
    assert [a.model for a in record.attempts] == ["cheap", *([reviewed_by] if reviewed_by else [])]
    assert ("no review: no money is left for it" in record.why) is (reviewed_by is None)


async def test_the_account_of_checks_counts_reviews(tmp_path: Path) -> None:
    async with reviewed(tmp_path, Says(text=improve("four")), answer=Says(text="five")) as (here, providers):
        _, improved = await ask(here)
        providers["cheap"].add(Says(text="six"))
        providers["strong"].add(Says(text="hm"))
        _, failed = await ask(here)
    (counts,) = [
        t.counts for cell, t in tally_checks([improved, failed]).items() if cell.check_name == "review"
    ]
    assert (counts["measured"], counts["errors"], counts["missed"], counts["elected"]) == (2, 1, 1, 1)
    assert counts["asked"] == 2
    assert counts["asked_nano"] == sum(r.attempts[1].cost_nano or 0 for r in (improved, failed))


@pytest.mark.parametrize("client", CLIENTS)
@STREAMED
@pytest.mark.parametrize(("said", "seen_text"), [(APPROVE, "five"), (improve("four"), "four"), ("?", "five")])
async def test_every_client_sees_one_whole_answer(
    tmp_path: Path, client: ClientName, stream: bool, said: str, seen_text: str
) -> None:
    async with (
        reviewed(tmp_path, Says(text=said), answer=Says(text="five")) as (here, _),
        sdks(here.url, retries=0) as clients,
    ):
        seen = await clients.ask(client, "auto", stream=stream)
    assert (seen.text, seen.error) == (seen_text, None)
    assert seen.finish in ("stop", "completed", "end_turn", "STOP")


async def test_a_stream_is_kept_alive_while_the_reviewer_thinks(tmp_path: Path) -> None:
    done = asyncio.Event()
    slow = Says(text=APPROVE, release=done)
    limits = Limits(commit_after_seconds=0.05)
    async with reviewed(tmp_path, slow, answer=Says(text="five"), limits=limits) as (here, providers):
        text = ""
        answer = await here.client.chat.completions.with_raw_response.create(
            model="auto", messages=USER, stream=True
        )  # the headers are here: the first heartbeat has brought them
        await asyncio.wait_for(providers["strong"].wait_for_requests(1), 5)
        done.set()
        async for chunk in answer.parse():
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert text == "five"


async def test_a_client_that_leaves_stops_the_review(tmp_path: Path) -> None:
    never = asyncio.Event()
    async with reviewed(tmp_path, Says(text=APPROVE, release=never), answer=Says(text="five")) as (here, by):
        asking = asyncio.create_task(ask(here))
        await asyncio.wait_for(by["strong"].wait_for_requests(1), 5)
        asking.cancel()
        await asyncio.wait_for(by["strong"].wait_for_abandoned(1), 5)
