"""Whatever a client sends: a clear error in OpenAI's shape with our id, and the gateway lives on."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.house import House, house
from tests.gateway.plain_http import Answer, call
from tiercel.domain.settings import Listener
from tiercel.testing.scripted import Says, ScriptedProvider

HELLO = {"role": "user", "content": "hi"}
DEEP = '{"model":"auto","messages":' + "[" * 80 + "]" * 80 + "}"

BAD_BODIES: list[tuple[str, bytes, str | None]] = [
    ("not JSON", b"{", None),
    ("not an object", b"[]", None),
    ("empty", b"", None),
    ("not UTF-8", b'{"model":"\xff"}', None),
    ("duplicate key", b'{"model":"auto","model":"cheap","messages":[]}', None),
    ("too deep", DEEP.encode(), None),
    ("NaN", b'{"model":"auto","messages":[{"role":"user","content":"x"}],"temperature":NaN}', None),
    ("no model", json.dumps({"messages": [HELLO]}).encode(), "model"),
    ("no messages", json.dumps({"model": "auto"}).encode(), "messages"),
    ("empty messages", json.dumps({"model": "auto", "messages": []}).encode(), "messages"),
    ("messages not a list", json.dumps({"model": "auto", "messages": "hi"}).encode(), "messages"),
    (
        "unknown role",
        json.dumps({"model": "auto", "messages": [{"role": "king", "content": "x"}]}).encode(),
        None,
    ),
    (
        "temperature a word",
        json.dumps({"model": "auto", "messages": [HELLO], "temperature": "hot"}).encode(),
        None,
    ),
    ("stream a number", json.dumps({"model": "auto", "messages": [HELLO], "stream": 3}).encode(), "stream"),
    ("n of zero", json.dumps({"model": "auto", "messages": [HELLO], "n": 0}).encode(), "n"),
    ("n of a hundred", json.dumps({"model": "auto", "messages": [HELLO], "n": 100}).encode(), "n"),
    (
        "bad hint",
        json.dumps({"model": "auto", "messages": [HELLO], "metadata": {"tiercel.risk": "!"}}).encode(),
        None,
    ),
]


def error_of(answer: Answer) -> dict[str, Any]:
    """The error object; every error has one, with our id in the header."""
    error: dict[str, Any] = json.loads(answer.body)["error"]
    assert error["message"]
    assert error["type"]
    assert answer.headers["x-request-id"]
    return error


@pytest.mark.parametrize(
    ("body", "param"), [(b, p) for _, b, p in BAD_BODIES], ids=[name for name, _, _ in BAD_BODIES]
)
async def test_a_bad_body_is_a_400_that_says_what_is_wrong(
    tmp_path: Path, body: bytes, param: str | None
) -> None:
    async with (
        ScriptedProvider(Says(text="fine")) as cheap,
        house(tmp_path, cheap.deployment("cheap")) as here,
    ):
        answer = await call(here.url, "POST", "/v1/chat/completions", body)
        assert answer.status == 400
        error = error_of(answer)
        if param is not None:
            assert error["param"] == param
        await still_serves(here)
    assert len(cheap.requests) == 1


async def still_serves(here: House) -> None:
    answer = await here.client.chat.completions.create(
        model="cheap", messages=[{"role": "user", "content": "hi"}]
    )
    assert answer.choices[0].message.content == "fine"


async def test_an_unknown_model_is_a_404_with_a_suggestion(tmp_path: Path) -> None:
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        body = msgspec.json.encode({"model": "cheep", "messages": [HELLO]})
        answer = await call(here.url, "POST", "/v1/chat/completions", body)
        assert answer.status == 404
        error = error_of(answer)
        assert error["code"] == "model_not_found"
        assert "cheap" in error["message"]


async def test_what_no_rung_can_take_is_refused_before_any_call(tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [{"role": "user", "content": [picture]}]
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        body = msgspec.json.encode({"model": "auto", "messages": messages})
        answer = await call(here.url, "POST", "/v1/chat/completions", body)
        assert answer.status == 400
        assert "image" in error_of(answer)["message"]
        record = here.record(answer.headers["x-tiercel-record"])
        assert record.outcome == "rejected"
    assert cheap.requests == []


async def test_a_body_over_the_limit_is_a_413(tmp_path: Path) -> None:
    listener = Listener(port=0, max_body_bytes=1_000)
    async with ScriptedProvider(Says(text="fine")) as cheap:
        async with house(tmp_path, cheap.deployment("cheap"), listener=listener) as here:
            answer = await call(here.url, "POST", "/v1/chat/completions", b"x" * 1_001)
            assert answer.status == 413
            await still_serves(here)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/nothing", 404),
        ("GET", "/v1/records/none", 404),
        ("GET", "/v1/models/none", 404),
        ("GET", "/", 404),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/auto", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
    ],
)
async def test_paths_and_methods(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        answer = await call(here.url, method, path)
        assert answer.status == status
        if status >= 400:
            error_of(answer)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x/?\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(120)) + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["no host", "two hosts", "host with path", "many headers", "long header", "two framings", "nonsense"],
)
async def test_bad_framing_is_refused_and_closed(tmp_path: Path, raw: bytes) -> None:
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        port = int(here.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert answer.split(b" ", 2)[1] in (b"400", b"431")


async def test_a_client_that_leaves_stops_the_call_upstream(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="never", release=asyncio.Event())) as cheap:
        async with house(tmp_path, cheap.deployment("cheap")) as here:
            body = msgspec.json.encode({"model": "cheap", "messages": [HELLO]})
            asking = asyncio.create_task(call(here.url, "POST", "/v1/chat/completions", body))
            await cheap.wait_for_requests(1)
            asking.cancel()
            await asyncio.wait_for(cheap.wait_for_abandoned(1), 2)


async def test_feedback_is_kept_and_validated(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(Says(text="fine")) as cheap,
        house(tmp_path, cheap.deployment("cheap")) as here,
    ):
        raw = await here.client.chat.completions.with_raw_response.create(
            model="cheap", messages=[{"role": "user", "content": "hi"}]
        )
        record = raw.headers["x-tiercel-record"]
        good = msgspec.json.encode(
            {"record": record, "verdict": "rejected", "score": 0.25, "comment": "wrong city"}
        )
        assert (await call(here.url, "POST", "/v1/feedback", good)).status == 201
        shown = json.loads((await call(here.url, "GET", f"/v1/records/{record}")).body)
        assert shown["feedback"]["verdict"] == "rejected"
        assert shown["outcome"] == "passed"
        # also what is at its default, which the journal leaves out
        assert (shown["risk"], shown["attempts"][0]["state"]) == ("low", "answered")
        for bad, status in [
            ({"record": record}, 400),
            ({"record": record, "verdict": "great"}, 400),
            ({"record": record, "score": 1, "stars": 5}, 400),
            ({"record": "unknown", "score": 1}, 404),
        ]:
            answer = await call(here.url, "POST", "/v1/feedback", msgspec.json.encode(bad))
            assert answer.status == status
            error_of(answer)


async def test_an_error_names_a_record_only_where_there_is_one(tmp_path: Path) -> None:
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        unreadable = await call(here.url, "POST", "/v1/chat/completions", b"{")
        assert "x-tiercel-record" not in unreadable.headers
        body = msgspec.json.encode({"model": "auto", "messages": [HELLO]})
        bad_hint = await call(here.url, "POST", "/v1/chat/completions", body, {"x-tiercel-risk": "extreme"})
        assert bad_hint.status == 400
        record = here.record(bad_hint.headers["x-tiercel-record"])
        assert (record.outcome, record.problem) == ("rejected", "invalid_request")
