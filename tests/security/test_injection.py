"""Texts that mean something to a database, a terminal or a template: stored as they are, and obeyed by nobody."""

import asyncio
import json
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from tests.crash.served import ASK, configure, data_folder, served
from tests.gateway.house import house
from tests.gateway.keyed import issue, send
from tests.gateway.plain_http import call
from tiercel.domain.keys import AccessKey
from tiercel.testing.scripted import Says, ScriptedProvider

TEXTS = (
    "'",
    '"',
    "' OR '1'='1",
    "'; DROP TABLE records; --",
    "\\'; DROP TABLE keys; --",
    "%",
    "_%_%_%_%_%_%_%_%",
    "1; ATTACH DATABASE 'x' AS y",
    "UNION SELECT * FROM keys",
    "{{7*7}}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "${jndi:ldap://127.0.0.1/x}",
    "$(touch injected)",
    "`touch injected`",
    "| touch injected",
    "%s%s%s%n%x",
    "{0.__class__.__init__.__globals__}",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "%2e%2e%2f",
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m",
    "\u202eright to left",
    "line\nanother line",
    "line\r\nx-injected: yes",
    "a\x00b",
    "\ud7ff\ufffd\U0010ffff",
    "-1",
    "1e999",
    "nan",
    "__proto__",
    "constructor",
    "a" * 5_000,
    "(" * 2_000 + ")" * 2_000,
    "(a+)+$" + "a" * 50,
)
SLOWEST_SECONDS = 1.0
"""Of this process's own time, whatever else the machine does."""
"""For one request on a machine that runs other tests at once; what these attacks aim at takes many times that."""


def bodies(text: str) -> list[tuple[str, dict[str, object]]]:
    hi = [{"role": "user", "content": text}]
    schema = {"type": "object", "properties": {text: {"type": "string", "description": text}}}
    return [
        ("/v1/chat/completions", {"model": "auto", "messages": hi, "user": text}),
        ("/v1/chat/completions", {"model": text, "messages": hi}),
        ("/v1/chat/completions", {"model": f"auto:{text}", "messages": hi}),
        ("/v1/chat/completions", {"model": "auto", "messages": hi, "metadata": {"tiercel.session": text}}),
        (
            "/v1/chat/completions",
            {"model": "auto", "messages": hi, "metadata": {"tiercel.task": text, text: text}},
        ),
        (
            "/v1/chat/completions",
            {
                "model": "auto",
                "messages": hi,
                "response_format": {"type": "json_schema", "json_schema": {"name": text, "schema": schema}},
            },
        ),
        ("/v1/chat/completions", {"model": "auto", "messages": [{"role": text, "content": text}]}),
        ("/v1/chat/completions", {"model": "auto", "messages": hi, "stop": [text], text: text}),
        ("/v1/responses", {"model": "auto", "input": text, "previous_response_id": text}),
        ("/v1/messages", {"model": "auto", "max_tokens": 9, "messages": hi, "system": text}),
        ("/v1/embeddings", {"model": text, "input": text}),
        ("/v1/feedback", {"record": text, "verdict": "rejected", "comment": text}),
        ("/v1/feedback", {"record": text, "verdict": text}),
    ]


def for_header(text: str) -> str:
    """As a header can carry it at all."""
    return "".join(char for char in text if char.isprintable()).encode("utf-8").decode("latin-1")


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_no_text_breaks_or_slows_a_request(tmp_path: Path, text: str) -> None:
    """In every field and header that is kept or compared, the key's among them."""
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        cheap.default = Says(text="fine")
        in_header = for_header(text)
        hints = {
            f"x-tiercel-{name}": in_header for name in ("task", "risk", "latency", "session", "residency")
        }
        for path, body in bodies(text):
            for headers in ({}, hints, {"idempotency-key": in_header, "traceparent": in_header}):
                began = time.process_time()
                answer = await call(here.url, "POST", path, json.dumps(body).encode(), headers)
                assert answer.status < 500 or answer.status == 501, (path, body, answer.body)
                assert time.process_time() - began < SLOWEST_SECONDS
                assert "x-injected" not in answer.headers


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_no_text_is_a_key(tmp_path: Path, text: str) -> None:
    """The check of keys comes before all else, so its errors must be the plainest."""
    issue(tmp_path)
    shown = for_header(text)
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        for headers in (
            {"authorization": f"Bearer {shown}"},
            {"x-api-key": shown},
            {"x-goog-api-key": shown},
        ):
            began = time.process_time()
            answer = await call(here.url, "GET", "/v1/models", headers=headers)
            assert answer.status == 401
            assert len(shown) < 4 or shown.encode("latin-1") not in answer.body
            assert time.process_time() - began < SLOWEST_SECONDS


async def test_texts_are_stored_as_they_are(tmp_path: Path) -> None:
    """A project, a label, a session, a comment: what went in comes out, and nothing else has changed."""
    keys = {text: issue(tmp_path, AccessKey(project=text, label=text)) for text in TEXTS}
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        cheap.default = Says(text="fine")
        for text, key in keys.items():
            asked = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
            answer = await send(here, key, "POST", "/v1/chat/completions", asked)
            record_id = answer.headers["x-tiercel-record"]
            said = {"record": record_id, "comment": text, "score": 1}
            assert (await send(here, key, "POST", "/v1/feedback", said)).status == 201
            shown = msgspec.json.decode((await send(here, key, "GET", f"/v1/records/{record_id}")).body)
            assert (shown["project"], shown["feedback"]["comment"]) == (text, text)


def names_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


async def test_nobody_writes_the_log(tmp_path: Path) -> None:
    """A server that was sent all of it: every line of its log is one of ours, its tables are all there, and no command
    was run."""
    async with ScriptedProvider() as provider:
        provider.default = Says(text="fine")
        configure(tmp_path, provider.base_url)
        async with served(tmp_path) as server:
            base_url = await server.base_url()
            for text in TEXTS:
                requests = [
                    call(base_url, "POST", path, json.dumps(body).encode()) for path, body in bodies(text)
                ]
                await asyncio.gather(*requests)
            assert (await call(base_url, "POST", "/v1/chat/completions", ASK)).status == 200
    assert "\x1b" not in server.said
    assert not [line for line in server.said.splitlines() if line.startswith(("another line", "x-injected"))]
    assert "injected" not in names_below(tmp_path)
    with sqlite3.connect(data_folder(tmp_path) / "records.sqlite") as store:
        assert store.execute("SELECT count(*) FROM records").fetchone()[0] > len(TEXTS)
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
