"""Scheduled runs: what gives reason for alarm and what does not, who is told, and what runs it again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.evals.comparing.runs import STARTED, items_of, measured, result, run_of
from tiercel.cli.main import main
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.evaluation import Analysis, Guardrail
from tiercel.evals.scheduling.alarms import look
from tiercel.evals.scheduling.telling import metrics, post, require_safe
from tiercel.evals.scheduling.timers import cron_line, unit_name, units

PASSED = "+" * 40


def timed(seconds: float, *, name: str = "deep", version: str = "deep-1") -> Measured:
    """Forty right answers of about this latency."""
    items = items_of(40)
    rows = [
        result(item.id, name, "+", seconds=seconds + n / 1000, model_returned=version)
        for n, item in enumerate(items)
    ]
    return measured(rows, items)


def kinds(kept: Measured | None, later: Measured) -> list[tuple[str, str]]:
    return [(alarm.kind, alarm.candidate) for alarm in look(kept, later).alarms]


def test_nothing_changed_gives_no_alarm() -> None:
    assert kinds(run_of({"deep": PASSED}), run_of({"deep": PASSED})) == []
    assert kinds(None, run_of({"deep": PASSED})) == []


def test_a_model_that_got_worse_is_told_with_its_interval() -> None:
    kept, later = (
        run_of({"deep": PASSED, "fast": PASSED}),
        run_of({"deep": PASSED, "fast": "+" * 20 + "-" * 20}),
    )
    (alarm,) = look(kept, later).alarms
    assert (alarm.kind, alarm.candidate) == ("worse", "fast")
    assert "n = 40" in alarm.words


def test_one_item_less_is_no_alarm() -> None:
    assert kinds(run_of({"deep": PASSED}), run_of({"deep": PASSED[:-1] + "-"})) == []


@pytest.mark.parametrize(
    ("before", "after", "told"), [(1.0, 1.5, True), (1.0, 1.06, False), (1.5, 1.0, False)]
)
def test_slower_is_an_interval_of_the_median_above_the_other_and_a_tenth_more(
    before: float, after: float, told: bool
) -> None:
    assert kinds(timed(before), timed(after)) == ([("slower", "deep")] if told else [])


def test_another_version_is_told_unless_it_was_known_or_a_ladder_chose_it() -> None:
    kept, later = timed(1.0), timed(1.0, version="deep-2")
    assert kinds(kept, later) == [("version", "deep")]
    assert kinds(later, later) == []
    evaluation = later.manifest.evaluation
    helped = tuple(msgspec.structs.replace(one, helped=True) for one in evaluation.candidates)
    manifest = msgspec.structs.replace(
        later.manifest, evaluation=msgspec.structs.replace(evaluation, candidates=helped)
    )
    assert kinds(kept, msgspec.structs.replace(later, manifest=manifest)) == []


def test_a_model_that_answers_nothing_is_told() -> None:
    assert kinds(run_of({"deep": PASSED}), run_of({"deep": "e" * 40})) == [("silent", "deep")]


def test_a_broken_bound_is_told() -> None:
    analysis = Analysis(guardrails=(Guardrail(metric="p50_seconds", at_most=0.1),))
    runs = [run_of({"deep": PASSED, "fast": PASSED}, analysis=analysis) for _ in range(2)]
    assert kinds(*runs) == [("worse", "fast")]


def test_simulated_and_real_runs_are_not_held_against_each_other() -> None:
    real = run_of({"deep": PASSED})
    simulated = msgspec.structs.replace(real, manifest=msgspec.structs.replace(real.manifest, simulated=True))
    with pytest.raises(ConfigError, match="simulated"):
        look(real, simulated)


def test_the_gauges_say_who_and_what() -> None:
    looked = look(timed(1.0), timed(2.0))
    page = metrics(timed(2.0).manifest, looked).decode()
    named = 'evaluation="support answers",candidate="deep"'
    assert f'tiercel_eval_alarm{{{named},kind="slower"}} 1' in page
    assert f'tiercel_eval_alarm{{{named},kind="worse"}} 0' in page
    assert f"tiercel_eval_passed_ratio{{{named}}} 1.0" in page
    assert str(STARTED) in page


@asynccontextmanager
async def hook(status: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A webhook on loopback: its address, and the bodies that it got."""
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        bodies.append(await reader.readexactly(length))
        writer.write(
            f"HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", bodies


async def test_the_webhook_gets_the_alarms_and_no_prompt() -> None:
    looked = look(timed(1.0), timed(2.0))
    async with hook("204 No Content") as (url, bodies):
        assert await post(url, timed(2.0).manifest, "before", looked) == ""
    (body,) = bodies
    said = json.loads(body)
    assert said["alarms"][0]["kind"] == "slower"
    assert (said["evaluation"], said["kept"], said["simulated"]) == ("support answers", "before", False)
    assert b"Question" not in body


@pytest.mark.parametrize("status", ["302 Found", "500 Oops"])
async def test_a_webhook_that_does_not_take_it_is_told_and_not_followed(status: str) -> None:
    async with hook(status) as (url, bodies):
        said = await post(url, timed(2.0).manifest, "before", look(timed(1.0), timed(2.0)))
    assert said == f"it answered {status[:3]}"
    assert len(bodies) == 1


@pytest.mark.parametrize(
    "url", ["http://example.org/secret", "ftp://x/secret", "file:///etc/secret", "secret"]
)
def test_an_alarm_goes_to_https_or_this_machine_and_its_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_safe(url)
    assert "secret" not in str(caught.value)
    require_safe("https://example.org/x")
    require_safe("http://127.0.0.1:9/x")


def test_timers_run_what_was_named_whatever_it_is_called() -> None:
    command = ["/opt/py thon", "-m", "tiercel", "100%.yaml", "a$b"]
    made = units("tiercel-eval-x", "weekly", Path("/srv/100%"), command)
    assert set(made) == {"tiercel-eval-x.service", "tiercel-eval-x.timer"}
    service = made["tiercel-eval-x.service"]
    assert 'ExecStart="/opt/py thon" -m tiercel "100%%.yaml" "a$$b"' in service
    assert "WorkingDirectory=/srv/100%%\n" in service
    assert "OnCalendar=weekly" in made["tiercel-eval-x.timer"]
    assert cron_line("daily", Path("/srv/a b"), command) == (
        "17 4 * * * cd '/srv/a b' && '/opt/py thon' -m tiercel 100\\%.yaml 'a$b'"
    )
    assert unit_name("Support: answers!") == "tiercel-eval-support-answers"


def test_the_first_run_is_kept_and_a_later_one_raises_the_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "init", "--lab"]) == 0
    command = ["eval", "schedule", "run", "--lab", "--limit", "3", "--metrics", "eval.prom"]
    assert main(command) == 0
    kept = Path("runs") / Path("runs/kept").read_text().strip()
    rows = (kept / "results.jsonl").read_text().replace('"model_returned":"', '"model_returned":"older-')
    (kept / "results.jsonl").write_text(rows)
    assert main(command) == 1
    assert "ALARM (version): " in capsys.readouterr().out
    assert 'kind="version"} 1' in Path("eval.prom").read_text()
    newest = max(path.parent for path in Path("runs").glob("*/run.json"))
    assert main(["eval", "schedule", "keep", str(newest)]) == 0
    assert main(["eval", "schedule", "cron"]) == 0
    assert main(["eval", "schedule", "systemd", "-o", "."]) == 0
    assert len(list(Path().glob("tiercel-eval-*.timer"))) == 1


def test_what_cannot_be_told_or_compared_is_said_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK", "http://example.org/secret")
    monkeypatch.delenv("NO_HOOK", raising=False)
    assert main(["eval", "init", "--lab"]) == 0
    for name, said in (("HOOK", "use https://"), ("NO_HOOK", "not set")):
        assert main(["eval", "schedule", "run", "--lab", "--webhook-env", name]) == 2
        assert said in capsys.readouterr().err
    Path("runs").mkdir()
    Path("runs/kept").write_text("gone\n")
    assert main(["eval", "schedule", "run", "--lab"]) == 2
    assert "the run that was kept cannot be read" in capsys.readouterr().err
    assert list(Path("runs").iterdir()) == [Path("runs/kept")]
    assert main(["eval", "schedule", "cron", "nothing.yaml"]) == 2
