"""Every way a provider can fail, streaming and not: with somebody to fall back to the client never notices; without,
it gets one honest error, the right status, and a record that says what happened."""

import gzip
from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import USER, house, one_tier, two_tiers
from tests.gateway.plain_http import Answer, call
from tiercel.domain.failure import FailureKind
from tiercel.domain.policy import Limits
from tiercel.testing.scripted import Delivery, Fails, Fault, Raw, Reply, Says, ScriptedProvider

QUICK = two_tiers(limits=Limits(deadline_seconds=5.0, first_token_seconds=0.3, idle_seconds=0.3, retries=0))
GZIPPED = Delivery(headers=(("content-encoding", "gzip"),), pieces=(gzip.compress(b'{"choices": []}'),))

FAULTS: dict[str, tuple[Reply, FailureKind, int]] = {
    "429 with a time": (Fails(status=429, retry_after="7"), "rate_limited", 429),
    "429 without money": (Fails(status=429, code="insufficient_quota"), "quota", 429),
    "402": (Fails(status=402), "quota", 429),
    "401": (Fails(status=401), "auth", 502),
    "403": (Fails(status=403), "auth", 502),
    "404": (Fails(status=404, code="model_not_found"), "model_gone", 502),
    "500": (Fails(status=500), "server_error", 502),
    "502": (Fails(status=502), "server_error", 502),
    "503": (Fails(status=503), "overloaded", 503),
    "529": (Fails(status=529), "overloaded", 503),
    "a login page": (Fails(body="html"), "bad_response", 502),
    "half a body": (Says(text="never seen", fault=Fault(body="malformed")), "bad_response", 502),
    "a redirect": (
        Raw(data=b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
        "bad_response",
        502,
    ),
    "no HTTP at all": (Raw(data=b"SSH-2.0-OpenSSH_9.2\r\n"), "bad_response", 502),
    "closed at once": (Raw(data=b""), "reset", 502),
    "closed in the headers": (Raw(data=b"HTTP/1.1 200 OK\r\ncontent-ty"), "reset", 502),
    "a compressed body": (GZIPPED, "bad_response", 502),
    "an empty answer": (Says(text=""), "empty", 502),
    "only white space": (Says(text=" \n "), "empty", 502),
    "only thinking": (Says(text="", reasoning="hm, hm", finish="length"), "empty_length", 502),
}


async def ask(base_url: str, *, stream: bool) -> Answer:
    body = msgspec.json.encode({"model": "auto", "messages": USER, "stream": stream})
    return await call(base_url, "POST", "/v1/chat/completions", body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_with_somebody_else_the_client_never_notices(tmp_path: Path, fault: str, stream: bool) -> None:
    reply, kind, _ = FAULTS[fault]
    async with ScriptedProvider() as cheap, ScriptedProvider(Says(text="saved")) as dear:
        cheap.default = reply
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=QUICK) as here:
            answer = await ask(here.url, stream=stream)
            assert answer.status == 200
            assert b"saved" in answer.body
            assert b'"error"' not in answer.body
            first, second = here.record(answer.headers["x-tiercel-record"]).attempts
            assert first.failure is not None
            assert (first.failure.kind, first.state, second.why) == (kind, "failed", "fallback")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_alone_the_client_gets_one_honest_error(tmp_path: Path, fault: str, stream: bool) -> None:
    reply, kind, status = FAULTS[fault]
    async with ScriptedProvider() as cheap:
        cheap.default = reply
        only = cheap.deployment("cheap")
        async with house(tmp_path, only, policy=one_tier((only,), limits=QUICK.limits)) as here:
            answer = await ask(here.url, stream=stream)
            assert answer.status == status
            error = msgspec.json.decode(answer.body)["error"]
            assert error["message"]
            assert answer.headers["x-should-retry"] == ("true" if kind == "rate_limited" else "false")
            record = here.record(answer.headers["x-tiercel-record"])
            assert record.outcome == "failed"
            assert record.attempts[-1].failure is not None
            assert record.attempts[-1].failure.kind == kind
            if kind == "rate_limited":
                assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("when", ["first token", "between tokens"])
async def test_a_stream_that_falls_silent_is_cut_at_its_limit(tmp_path: Path, when: str) -> None:
    """Before content somebody else answers; after it the stream ends in an error."""
    after = 0 if when == "first token" else 3
    silent = Says(text="one two three four", fault=Fault(stall=True, after=after))
    async with ScriptedProvider(silent) as cheap, ScriptedProvider(Says(text="saved")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=QUICK) as here:
            answer = await ask(here.url, stream=True)
            record = here.record(answer.headers["x-tiercel-record"])
            assert record.attempts[0].failure is not None
            assert record.attempts[0].failure.kind == "timeout"
            if when == "first token":
                assert b"saved" in answer.body
                assert record.outcome == "passed"
            else:
                assert b"[DONE]" not in answer.body
                assert b'"error"' in answer.body
                assert record.outcome == "broken"


async def test_what_is_wrong_with_the_request_itself_is_not_tried_elsewhere(tmp_path: Path) -> None:
    wrong = Fails(status=400, message="temperature must be between 0 and 2", type="invalid_request_error")
    async with ScriptedProvider(wrong) as cheap, ScriptedProvider(Says(text="never")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=QUICK) as here:
            answer = await ask(here.url, stream=False)
            assert answer.status == 400
            assert b"temperature must be between 0 and 2" in answer.body
    assert dear.requests == []


async def test_an_outage_is_not_multiplied(tmp_path: Path) -> None:
    """Everything fails: the providers see hardly more calls than there were requests."""
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default = dear.default = Fails(status=500)
        policy = two_tiers(limits=Limits(retries=2))
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            for _ in range(100):
                assert (await ask(here.url, stream=False)).status == 502
    calls = len(cheap.requests) + len(dear.requests)
    assert calls <= 1.2 * 100 + 3 + 10, calls
