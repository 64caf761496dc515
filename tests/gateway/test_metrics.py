"""GET /metrics, from a running gateway."""

import asyncio
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from tests.gateway.house import USER, house
from tests.gateway.plain_http import call
from tests.records.test_counters import Samples, samples, value
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Listener
from tiercel.testing.scripted import Fails, Says, ScriptedProvider


async def scraped(url: str) -> Samples:
    answer = await call(url, "GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(answer.body)


async def test_what_happened_is_counted_from_the_start(tmp_path: Path) -> None:
    """Also what happened before anybody asked: a request that fell back is one request and two attempts."""
    async with ScriptedProvider(Fails(status=401)) as cheap, ScriptedProvider(Says(text="hi")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as home:
            await home.client.chat.completions.create(model="auto", messages=USER)
            found = await scraped(home.url)
    labels = {"task": "unknown", "rule": "any", "tier": "balanced", "model": "dear", "outcome": "passed"}
    assert value(found, "tiercel_requests_total", **labels) == 1
    failed = {"deployment": "cheap", "model": "cheap", "why": "first", "failure": "auth"}
    assert value(found, "tiercel_attempts_total", **failed) == 1
    fallback = {"deployment": "dear", "model": "dear", "why": "fallback", "failure": "none"}
    assert value(found, "tiercel_attempts_total", **fallback) == 1
    assert value(found, "tiercel_deployment_state", deployment="dear", state="ok") == 1


async def test_the_house_is_shown_as_it_is_now(tmp_path: Path) -> None:
    """A request that waits for its model is under way, and not any more once it was answered."""
    release = asyncio.Event()
    async with ScriptedProvider(Says(text="hi", release=release)) as slow:
        async with house(tmp_path, slow.deployment("only")) as home:
            asked: Any = asyncio.create_task(home.client.chat.completions.create(model="auto", messages=USER))
            await slow.wait_for_requests(1)
            during = await scraped(home.url)
            release.set()
            await asked
            after = await scraped(home.url)
    # the scrape itself is a request
    assert (value(during, "tiercel_in_flight"), value(after, "tiercel_in_flight")) == (2, 1)
    assert value(during, "tiercel_requests_started_total") == 1
    assert value(after, "tiercel_retry_tokens") > 0
    assert value(after, "tiercel_journal_bytes") > 0
    assert value(after, "tiercel_ingest_running") == 1


async def test_no_label_is_the_callers_text(tmp_path: Path) -> None:
    """Model names, sessions, hints and prompts of callers make no series."""
    async with ScriptedProvider() as only:
        only.default = Says(text="hi")
        async with house(tmp_path, only.deployment("only")) as home:
            for number in range(20):
                body = f'{{"model": "made-up-{number}", "messages": [{{"role": "user", "content": "hush"}}]}}'
                await call(home.url, "POST", "/v1/chat/completions", body.encode())
            await home.client.chat.completions.create(
                model="auto", messages=USER, extra_headers={"x-tiercel-session": "made-up-session"}
            )
            page = (await call(home.url, "GET", "/metrics")).body
    assert b"made-up" not in page
    assert b"hush" not in page


async def test_with_keys_the_page_needs_an_operators(tmp_path: Path) -> None:
    """What the gateway does for everybody is no client's business."""
    client, operator = token_urlsafe(32), token_urlsafe(32)
    async with ScriptedProvider() as only:
        listener = Listener(port=0, keys=(Secret(client),), operator_keys=(Secret(operator),))
        async with house(tmp_path, only.deployment("only"), listener=listener) as home:
            given: list[dict[str, str]] = [
                {},
                *({"authorization": f"Bearer {k}"} for k in (client, operator)),
            ]
            answers = [await call(home.url, "GET", "/metrics", headers=headers) for headers in given]
    assert [answer.status for answer in answers] == [401, 403, 200]
    assert operator.encode() not in answers[2].body
