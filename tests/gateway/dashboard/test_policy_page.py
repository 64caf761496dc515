"""Ladders, what they route, what a pasted request would meet there, and the audit: shown, and nobody is called."""

import re
from pathlib import Path

import httpx
import pytest

from tests.gateway.dashboard.pages import csrf_in, dashed, looking
from tests.gateway.dashboard.test_login import HELLO, log_in, open_house
from tests.gateway.dashboard.test_models_page import text_of
from tests.gateway.house import GATES, USER, settings_for, two_tiers
from tests.gateway.keyed import ask, issue
from tiercel.domain.catalog import Capabilities, Model
from tiercel.domain.keys import AccessKey
from tiercel.domain.policy import Advisor, Arm, Hold, Review, Rule, Shadow, Split, When
from tiercel.testing.scripted import Says, ScriptedProvider

EVERYTHING = Rule(
    name="full",
    ladder=("fast", "dear@high", "absent"),
    when=When(task=("coding", "reasoning"), tools=True, min_tokens=10_000),
    review=Review(by="dear"),
    advisor=Advisor(by="dear", max_uses=2),
    shadow=Shadow(candidates=("dear",), share=0.05, day_nano=2_000_000_000),
    split=Split(
        name="trial", arms=(Arm(name="a", use="cheap", share=0.5), Arm(name="b", use="dear", share=0.5))
    ),
    hold=Hold(mode="first"),
    hedge=True,
    why="because it is said",
)


async def explained(browser: httpx.AsyncClient, request: str, **fields: str) -> str:
    page = await browser.get("/policy/explain")
    sent = await browser.post(
        "/policy/explain", data={"csrf": csrf_in(page.text), "request": request, **fields}
    )
    assert sent.status_code == 200
    return text_of(sent.text)


async def test_a_rule_is_drawn_with_its_conditions_steps_gates_and_modes(tmp_path: Path) -> None:
    policy = two_tiers(rules=(EVERYTHING, Rule(name="any", ladder=("fast", "balanced"))), gates=GATES)
    async with (
        ScriptedProvider() as cheap,
        ScriptedProvider() as dear,
    ):
        high = dear.deployment("dear", capabilities=Capabilities(efforts=("high",)))
        settings = settings_for(tmp_path, cheap.deployment("cheap"), high)
        settings.catalog.models["absent"] = Model(name="absent")
        async with (
            dashed(tmp_path, policy=policy, settings=settings) as here,
            looking(here.url) as browser,
        ):
            page = text_of((await browser.get("/policy")).text)
    for words in (
        "1 full task coding or reasoning with tools 10,000 tokens or more",
        "fast cheap $1.00 / $5.00 dear@high dear@high $1.00 / $5.00",
        "absent: nobody with a credential serves it",
        "json_schema at least 1, asks once more before going up",
        "review dear approves or improves every answer of text",
        "advisor the model that answers may ask dear, up to 2 time(s) a request",
        "split trial, by session: a: cheap for 50 %, b: dear for 50 %",
        "shadow dear on copies of 5 %, for at most $2 a day; never delivered",
        "hold streams: held for about 32 tokens",
        "hedge a call slower than 95 %",
        "because it is said",
        "2 any everything",
    ):
        assert words in page


async def test_traffic_shows_up_at_its_rule_and_at_the_step_that_answered(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        await here.house.client.chat.completions.create(model="auto", messages=USER)
        page = text_of((await browser.get("/policy")).text)
    assert re.search(r"any 1 100 % \$0\.000035 100 % 100 %", page)
    assert "fast answered 100 % cheap" in page
    assert "balanced answered 0 %" in page


@pytest.mark.parametrize(
    "body",
    [
        "Prove that there are infinitely many primes.",
        '{"model": "auto", "messages": [{"role": "user", "content": "Prove that there are infinitely many primes."}]}',
        '{"model": "auto", "max_tokens": 9, "system": "Be brief.", "messages": [{"role": "user", "content": '
        '[{"type": "text", "text": "Prove that there are infinitely many primes."}]}]}',
        '{"model": "auto", "input": "Prove that there are infinitely many primes."}',
        '{"contents": [{"role": "user", "parts": [{"text": "Prove that there are infinitely many primes."}]}]}',
    ],
    ids=["prompt", "chat completions", "messages", "responses", "gemini"],
)
async def test_a_request_of_any_format_is_explained_without_calling_anyone(tmp_path: Path, body: str) -> None:
    async with (
        ScriptedProvider() as cheap,
        ScriptedProvider() as dear,
        dashed(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here,
        looking(here.url) as browser,
    ):
        page = await explained(browser, body)
        assert not cheap.requests
        assert not dear.requests
    assert "Rule any task reasoning" in page
    assert "task reasoning inferred 'prove'" in page


async def test_what_is_stated_counts_before_the_requests_own_metadata(tmp_path: Path) -> None:
    body = (
        '{"model": "auto", "messages": [{"role": "user", "content": "Hi"}], '
        '"metadata": {"tiercel.risk": "high", "tiercel.task": "coding"}}'
    )
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        page = await explained(browser, body, task="summary")
    assert "task summary stated" in page
    assert "risk high stated" in page


async def test_a_tier_that_is_asked_for_by_name_is_no_rule_to_look_up(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        page = await browser.get("/policy/explain")
        fields = {"csrf": csrf_in(page.text), "request": "Hi", "model": "balanced"}
        sent = (await browser.post("/policy/explain", data=fields)).text
    assert "Rule tier:balanced" in text_of(sent)
    assert "/policy#rule-" not in sent


@pytest.mark.parametrize(
    ("request_text", "fields", "words"),
    [
        ("", {}, "there is nothing to explain"),
        ('{"model": "auto", "messages": [', {}, "choose “a plain prompt” above"),
        ('{"a":' * 5_000, {}, "Would be refused (invalid_json)"),
        ('{"question": "why?"}', {}, "this JSON is no request"),
        ("Hi", {"model": "nobody"}, "Would be refused (model_not_found)"),
        ("Hi", {"task": "sorcery"}, "'sorcery' is not one of"),
        ("Hi", {"format": "morse"}, "format: choose one of"),
        ("Hi", {"format": "anthropic"}, "Would be refused (invalid_json)"),
        ("Hi", {"key": "nosuchkey"}, "nosuchkey"),
        ('{"a": 1, "a": 2, "messages": []}', {}, "has the key 'a' twice"),
    ],
)
async def test_what_would_be_refused_is_said(
    tmp_path: Path, request_text: str, fields: dict[str, str], words: str
) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        page = await explained(browser, request_text, **fields)
    assert "Would be refused" in page
    assert words in page


async def test_an_operator_asks_as_a_key_and_a_viewer_cannot(tmp_path: Path) -> None:
    bound = issue(tmp_path, AccessKey(project="search", allowed=("balanced",)))
    looks = {role: issue(tmp_path, AccessKey(role=role, project="other")) for role in ("viewer", "operator")}
    pages = {}
    async with open_house(tmp_path) as here:
        for role, key in looks.items():
            async with looking(here.url) as browser:
                await log_in(browser, key.text)
                pages[role] = await explained(browser, "Hi", key=bound.key.id)
    assert (
        "cheap"
        in pages["viewer"].partition("What was read")[0].partition("Rule any")[2].partition("filters")[0]
    )
    assert "key cheap" in pages["operator"], "the key may not use it"


async def test_the_audit_says_what_rules_rest_on_and_counts_ones_own_project_alone(tmp_path: Path) -> None:
    other, own = issue(tmp_path, AccessKey(project="other")), issue(tmp_path, AccessKey(project="search"))
    looks = {role: issue(tmp_path, AccessKey(role=role, project="search")) for role in ("viewer", "operator")}
    pages: dict[str, list[str]] = {}
    async with (
        ScriptedProvider(*[Says(text="Hello!")] * 5) as cheap,
        ScriptedProvider() as dear,
        dashed(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here,
    ):
        for key in (other, other, other, other, own):
            assert (await ask(here.house, key)).status == 200
        for role, look in looks.items():
            async with looking(here.url) as browser:
                await log_in(browser, look.text)
                pages[role] = [
                    text_of((await browser.get(path)).text) for path in ("/policy", "/policy/audit")
                ]
    assert "no evidence: 1 of 1 rule" in pages["viewer"][1]
    for page in pages["viewer"]:
        assert "(n = 1)" in page
        assert "(n = 5)" not in page
    for page in pages["operator"]:
        assert "(n = 5)" in page


async def test_before_the_first_request_every_part_says_what_to_do(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        policy, audit = [text_of((await browser.get(path)).text) for path in ("/policy", "/policy/audit")]
    assert "No requests in this time" in policy
    assert "An audit needs traffic" in audit
    assert HELLO.text not in audit


async def test_a_time_that_nobody_offers_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path) as here, looking(here.url) as browser:
        answer = await browser.get("/policy/audit?since=forever")
    assert answer.status_code == 400
    assert "since: choose one of" in answer.text
