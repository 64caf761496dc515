"""Loads against servers of our own: what the clocks begin and end with, what fails is told, what is asked differs."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from tiercel.cli.main import main
from tiercel.domain.errors import ConfigError
from tiercel.domain.events import Start, TextDelta, UsageUpdate
from tiercel.domain.response import Usage
from tiercel.evals.endpoint_bench.call import Call, Endpoint, Heard
from tiercel.evals.endpoint_bench.figures import figures
from tiercel.evals.endpoint_bench.load import Load, Loaded, run_load
from tiercel.evals.endpoint_bench.profile import body, read_profile
from tiercel.testing.lab.server import Lab
from tiercel.testing.scripted import Fails, Raw, Says, ScriptedProvider
from tiercel.upstream.http import HttpClient

PROFILE = read_profile("20-50")


async def loaded(base_url: str, load: Load, timeout: float = 20.0) -> Loaded:
    client = HttpClient(environ={})
    prepared = client.prepare("POST", f"{base_url}/chat/completions", [("content-type", "application/json")])
    try:
        return await run_load(
            Endpoint(client, prepared, timeout), load, lambda n: body(PROFILE, "m", 0, n), lambda call: None
        )
    finally:
        await client.aclose()


async def test_every_clock_of_an_answer_is_in_its_order() -> None:
    async with ScriptedProvider() as provider:
        provider.default = Says(text="one two three four")
        found = await loaded(provider.base_url, Load(concurrency=2, calls=6))
    for call in found.calls:
        assert call.failure == ""
        moments = (
            call.sent_seconds,
            call.headers_seconds,
            call.first_event_seconds,
            call.first_token_seconds,
            call.last_token_seconds,
            call.seconds,
        )
        known = [moment for moment in moments if moment is not None]
        assert len(known) == len(moments)
        assert known == sorted(known)
        assert call.first_answer_seconds == call.first_token_seconds
    assert figures(found).answers == 6


async def test_with_a_rate_a_wait_for_a_place_counts_from_when_the_call_was_due() -> None:
    """A server that is held back for long may not look fast because its callers stood in line elsewhere."""
    release = asyncio.Event()
    async with ScriptedProvider() as provider:
        provider.default = Says(text="late", release=release)

        async def held() -> None:
            await provider.wait_for_requests(1)
            await asyncio.sleep(0.4)
            release.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(held())
            loading = group.create_task(loaded(provider.base_url, Load(concurrency=1, calls=4, rate=1000)))
    calls = loading.result().calls
    assert all(call.seconds >= 0.35 for call in calls)
    assert all(call.sent_seconds >= 0.35 for call in calls[1:])


async def test_failures_have_no_times_and_are_told_by_kind() -> None:
    replies = (
        Says(text="fine"),
        Fails(status=429, message="slow down"),
        Says(text=""),
        Raw(data=b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"),
        Raw(data=b"nonsense"),
    )
    async with ScriptedProvider(*replies) as provider:
        found = figures(await loaded(provider.base_url, Load(concurrency=1, calls=5)))
    assert found.failures == {"http_429": 1, "empty": 1, "no_stream": 1, "connection": 1}
    assert found.examples["http_429"] == "slow down"
    assert found.clocks["whole"][0].n == found.answers == 1
    assert found.clocks["whole"][1].value is None


def test_a_role_or_an_empty_delta_stops_no_clock_and_speed_leaves_the_first_piece_out() -> None:
    heard = Heard(due=0.0)
    heard.hear([Start(), TextDelta(text="")])
    assert (heard.first_event is not None, heard.first_token) == (True, None)
    heard.hear([TextDelta(text="abcd")])
    first = heard.first_token or 0.0
    while heard.now() <= first:  # until the clock has moved
        pass
    heard.hear([TextDelta(text="efghijkl"), UsageUpdate(usage=Usage(uncached=5, visible=30))])
    call = heard.call(due=0.0, sent=0.0, headers=0.0, failure="", detail="")
    assert call.last_token_seconds is not None
    assert call.tokens_per_second == pytest.approx(20 / (call.last_token_seconds - first))


def test_no_two_prompts_begin_alike_and_a_seed_repeats_them() -> None:
    bodies = {body(PROFILE, "m", 1, number) for number in range(50)}
    first_words = {msgspec.json.decode(one)["messages"][0]["content"].split()[0] for one in bodies}
    assert len(first_words) == 50
    assert body(PROFILE, "m", 1, 0) == body(PROFILE, "m", 1, 0) != body(PROFILE, "m", 2, 0)


@pytest.mark.parametrize("wrong", ["", "1k", "a-b", "0-10", "10-0", "9999999k-1"])
def test_a_profile_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="profile"):
        read_profile(wrong)


async def test_the_command_shows_figures_with_their_n_and_writes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", "any")
    out = tmp_path / "bench.json"
    async with Lab() as lab:
        command = [
            "bench",
            "endpoint",
            lab.base_url("stepfun"),
            "-m",
            "step-3.7-flash",
            "--key-env",
            "LAB_KEY",
        ]
        more = ["--profile", "50-900", "--n", "20", "--concurrency", "2,4", "--json", str(out)]
        code = await asyncio.to_thread(main, [*command, *more])
    shown = capsys.readouterr().out
    assert code == 0
    assert "concurrency 2: 20 answers, 0 failed" in shown
    assert "first answer" in shown
    loads = json.loads(out.read_text())["loads"]
    assert [load["figures"]["answers"] for load in loads] == [20, 20]
    assert msgspec.convert(loads[0]["calls"], list[Call])[0].output_tokens


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ftp://x", "-m", "m"], "ftp://x"),
        (["http://example.org/v1", "-m", "m", "--key-env", "Q_KEY"], "never sent unencrypted"),
        (["http://localhost:1/v1", "-m", "m", "--key-env", "Q_NONE"], "Q_NONE: not set"),
        (["http://localhost:1/v1", "-m", "m", "--profile", "big"], "profile 'big'"),
    ],
)
def test_what_cannot_be_asked_is_said_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.setenv("Q_KEY", "secret")
    assert main(["bench", "endpoint", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_server_that_is_not_there_fails_every_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["bench", "endpoint", "http://127.0.0.1:9/v1", "-m", "m", "--n", "2", "--concurrency", "1"]) == 4
    )
    assert "0 answers, 2 failed" in capsys.readouterr().out
