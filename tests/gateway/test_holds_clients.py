"""Holds through the official SDKs of all four client formats: one well-formed answer each, or an explicit error."""

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.faults.clients import CLIENTS, ClientName, sdks
from tests.gateway.house import house, two_tiers
from tests.gateway.test_holds import FINISHED, JSON_LONG, LONG, SCHEMA
from tiercel.domain.policy import Gate, Hold
from tiercel.domain.request import Format
from tiercel.testing.scripted import Fault, Says, ScriptedProvider

FOLLOWED: Any = {
    "hold": Hold(mode="incremental", tokens=16),
    "gates": (*FINISHED, Gate(check="json_schema", options={"schema": SCHEMA})),
}
FIRST: Any = {"hold": Hold(mode="first", tokens=12), "gates": (*FINISHED, Gate(check="refusal"))}
BROKEN = Fault(cut=True, after=3)
FORMATS: tuple[Format, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("format", FORMATS)
async def test_a_broken_beginning_is_never_seen(tmp_path: Path, client: ClientName, format: Format) -> None:
    bad = Says(text=LONG, fault=BROKEN)
    async with (
        ScriptedProvider(bad, bad, format=format, name="one") as cheap,
        ScriptedProvider(Says(text=LONG), format=format, name="two") as dear,
    ):
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=two_tiers(**FIRST)) as here, sdks(here.url) as sdk:
            seen = await sdk.ask(client, "auto", stream=True)
            record = here.record(seen.headers["x-tiercel-record"])
    assert (seen.error, seen.text, seen.tries) == (None, LONG, 1)
    assert seen.finish is not None
    assert (record.outcome, record.attempts[-1].deployment) == ("passed", "dear")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("format", FORMATS)
async def test_json_comes_without_its_fence(tmp_path: Path, client: ClientName, format: Format) -> None:
    says = Says(text=f"Here you are:\n```json\n{JSON_LONG}\n```\nAnything else?")
    async with ScriptedProvider(says, format=format) as cheap, ScriptedProvider(name="other") as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=two_tiers(**FOLLOWED)) as here, sdks(here.url) as sdk:
            seen = await sdk.ask(client, "auto", stream=True)
            record = here.record(seen.headers["x-tiercel-record"])
    assert (seen.error, seen.text) == (None, JSON_LONG)
    assert seen.finish is not None
    assert (record.outcome, record.verified) == ("passed", True)


@pytest.mark.parametrize("client", CLIENTS)
async def test_json_that_breaks_its_schema_half_way_ends_with_an_error_and_no_finish(
    tmp_path: Path, client: ClientName
) -> None:
    bad = Says(text=JSON_LONG.replace("40}", '400, "more": "and more"}'))
    async with ScriptedProvider(bad) as cheap, ScriptedProvider(name="other") as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        policy = two_tiers(**FOLLOWED)
        async with house(tmp_path, *deployments, policy=policy) as here, sdks(here.url, retries=0) as sdk:
            seen = await sdk.ask(client, "auto", stream=True)
            record = here.record(seen.headers["x-tiercel-record"])
    assert seen.error is not None
    assert seen.finish is None
    assert seen.text
    assert JSON_LONG.startswith(seen.text)
    assert (record.outcome, record.problem) == ("broken", "check_failed")
    assert "$.age: maximum" in (record.message or "")


@pytest.mark.parametrize("client", CLIENTS)
async def test_json_that_breaks_its_schema_at_once_is_somebody_elses(
    tmp_path: Path, client: ClientName
) -> None:
    bad = Says(text='{"name": ["Ann"], ' + JSON_LONG[1:])
    async with ScriptedProvider(bad) as cheap, ScriptedProvider(Says(text=JSON_LONG), name="other") as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=two_tiers(**FOLLOWED)) as here, sdks(here.url) as sdk:
            seen = await sdk.ask(client, "auto", stream=True)
            record = here.record(seen.headers["x-tiercel-record"])
    assert (seen.error, seen.text) == (None, JSON_LONG)
    assert [attempt.why for attempt in record.attempts] == ["first", "escalation"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_what_a_repair_mends_follows_at_the_end(tmp_path: Path, client: ClientName) -> None:
    """A raw line break in a string, after the half of it went out: the rest comes once the whole was repaired."""
    place = JSON_LONG.rindex("sea")
    says = Says(text=f"```json\n{JSON_LONG[:place]}\n{JSON_LONG[place:]}\n```")
    async with ScriptedProvider(says) as cheap, ScriptedProvider(name="other") as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=two_tiers(**FOLLOWED)) as here, sdks(here.url) as sdk:
            seen = await sdk.ask(client, "auto", stream=True)
            record = here.record(seen.headers["x-tiercel-record"])
    assert (seen.error, seen.text) == (None, f"{JSON_LONG[:place]}\\n{JSON_LONG[place:]}")
    assert seen.finish is not None
    assert record.attempts[0].repairs == ("fences", "newlines")
    assert "x-tiercel-tier" in seen.headers  # headers of a stream that had begun before its end
