"""An answer that waits for its scores is kept: whatever ends the run, nobody is paid for it twice."""

import asyncio
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.evals.running.build import begun, bench, evaluation, items, rows
from tests.evals.running.speaking import Held, Speak, Speaking, passing, preference, verdict
from tests.evals.running.test_resume import eval_run, settings_text
from tiercel.checks.registry import Registry
from tiercel.domain.errors import ConfigError
from tiercel.domain.request import Text
from tiercel.domain.response import Choice, ModelResponse
from tiercel.evals.evaluation import Expectation, JudgeSettings
from tiercel.evals.results import RESULTS, Result, last_of_each, read_results
from tiercel.evals.running.run import spent_nano
from tiercel.evals.running.unscored import FILE, UnscoredFile, read_unscored
from tiercel.testing.loopback import SeenRequest

RUBRIC = Expectation(scorer="llm-rubric", value="It is right.", judge="j")
JUDGES = {"j": JudgeSettings(name="j", models=("judge",))}
ITEMS = 30
FILE_TEXT = """
targets: [one, two]
baseline: two
judges: {{j: {{model: judge, mode: {mode}}}}}
tests: items.jsonl
defaultTest:
  assert: [{{type: llm-rubric, value: It is right., judge: j}}]
run: {{concurrency: 4, cache: false}}
"""


def answer(item: str, text: str = "4") -> tuple[Result, ModelResponse]:
    return (
        Result(
            item=item, candidate="scripted", state="error", kind="scorer", output=text, cost_nano=7, at=1.0
        ),
        ModelResponse(choices=(Choice(parts=(Text(text=text),)),)),
    )


def asked_of_candidates(requests: list[SeenRequest]) -> Counter[tuple[str, str]]:
    """How often each candidate was asked each question."""
    bodies = [request.json for request in requests]
    return Counter((b["model"], b["messages"][-1]["content"]) for b in bodies if b["model"] != "judge")


def until_kept(folder: Path, n: int) -> None:
    """Return once so many answers lie in the run's folder."""
    while sum(path.read_bytes().count(b"\n") for path in folder.glob(f"runs/*/{FILE}")) < n:
        time.sleep(0.02)


def torn(folder: Path) -> Path:
    """The folder of the only run, with a last row as a crash may leave it."""
    (run,) = folder.glob("runs/*")
    with (run / FILE).open("ab") as file:
        file.write(b'{"result":{"item":"q1","cand')
    return run


def says_tie_or_pass(mode: str) -> Speak:
    word = preference("tie") if mode == "pairwise" else verdict("pass")
    return lambda model, shown: word if model == "judge" else "4"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("mode", ["rubric", "pairwise"])
async def test_answers_that_wait_for_their_judge_survive_kill_9_and_are_only_judged(
    mode: str, tmp_path: Path
) -> None:
    """Without a cache, killed while the judge is silent: each candidate was asked each question exactly once."""
    provider = Held(says_tie_or_pass(mode))
    async with provider:
        tmp_path.joinpath("tiercel.toml").write_text(
            settings_text(tmp_path, provider.base_url, "one", "two", "judge"), "utf-8"
        )
        tmp_path.joinpath("eval.yaml").write_text(FILE_TEXT.format(mode=mode), "utf-8")
        lines = [f'{{"id": "q{n}", "input": "Question {n}: what is 2 + 2?"}}\n' for n in range(ITEMS)]
        tmp_path.joinpath("items.jsonl").write_text("".join(lines), "utf-8")
        process = await eval_run(tmp_path)
        async with asyncio.timeout(60):
            await asyncio.to_thread(until_kept, tmp_path, 2 * ITEMS)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        folder = torn(tmp_path)
        scored_before = len(list(read_results(folder / RESULTS)))
        provider.let.set()
        process = await eval_run(tmp_path, "--resume", "--fail-on=never")
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert scored_before < 2 * ITEMS
    assert asked_of_candidates(provider.requests) == Counter(
        {(who, f"Question {n}: what is 2 + 2?"): 1 for who in ("one", "two") for n in range(ITEMS)}
    )
    found = list(read_results(folder / RESULTS))
    assert sorted(row.key for row in found) == sorted(
        (f"q{n}", who, 1) for who in ("one", "two") for n in range(ITEMS)
    )
    assert {row.state for row in found} == {"passed"}
    assert f"60 answered already, {60 - scored_before} of them only to be scored" in said.decode()
    assert not (folder / FILE).exists()


async def test_what_could_not_be_scored_is_scored_again_and_not_asked_again(
    tmp_path: Path, registry: Registry
) -> None:
    """`--retry-errors` after a judge that talked nonsense: the candidate's answer is there already."""
    sane = False

    def speak(model: str, shown: str) -> str:
        return (verdict("pass") if sane else "nonsense") if model == "judge" else "4"

    of = evaluation(items(3, RUBRIC), judges=JUDGES, attempts=1)
    async with bench(tmp_path, Speaking(speak), registry, "scripted", "judge") as b:
        run = begun(tmp_path, of)
        await b.run(run)
        before = spent_nano(run)
        sane = True
        await b.run(run, retry_errors=True)
        asked = asked_of_candidates(b.provider.requests)
        judged = [row.judges_nano for row in rows(run)]
    assert set(asked.values()) == {1}
    assert {row.state for row in last_of_each(run.results_path).values()} == {"passed"}
    assert spent_nano(run) == before + sum(judged[3:])  # each answer was paid once


async def test_an_answer_whose_judge_the_budget_could_not_pay_is_only_judged_with_more_money(
    tmp_path: Path, registry: Registry
) -> None:
    of = evaluation(items(3, RUBRIC), judges=JUDGES, budget_nano=100_000, concurrency=1)
    async with bench(tmp_path, Speaking(passing), registry, "scripted", "judge") as b:
        run = begun(tmp_path, of)
        await b.run(run, estimate=lambda body, helped: 200_000 if body["model"] == "judge" else 0)
        answered = len(read_unscored(run.path))
        richer = msgspec.structs.replace(of, run=msgspec.structs.replace(of.run, budget_nano=None))
        manifest = msgspec.structs.replace(run.manifest, evaluation=richer)
        ended = await b.run(msgspec.structs.replace(run, manifest=manifest))
        asked = asked_of_candidates(b.provider.requests)
    assert answered >= 1
    assert (ended.is_whole, set(asked.values()), len(asked)) == (True, {1}, 3)


async def test_an_answer_that_waits_has_been_paid(tmp_path: Path) -> None:
    run = begun(tmp_path, evaluation(items(2)))
    with UnscoredFile(run.path) as kept:
        kept.add(*answer("q0"))
        kept.add(*answer("q1"))
    assert spent_nano(run) == 14


def test_the_last_answer_of_each_counts_and_a_torn_row_is_cut_off(tmp_path: Path) -> None:
    with UnscoredFile(tmp_path) as kept:
        kept.add(*answer("q0", "first"))
        kept.add(*answer("q0", "second"))
        kept.add(*answer("q1"))
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-20])
    with UnscoredFile(tmp_path) as kept:
        kept.add(*answer("q2"))
    found = read_unscored(tmp_path)
    assert {key[0]: one.response.text for key, one in found.items()} == {"q0": "second", "q2": "4"}


def test_a_damaged_row_within_is_named_with_its_place(tmp_path: Path) -> None:
    tmp_path.joinpath(FILE).write_text('{"result": 1}\n', "utf-8")
    with pytest.raises(ConfigError, match=r"unscored\.jsonl, line 1: no answer"):
        read_unscored(tmp_path)
