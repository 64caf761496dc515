"""`tiercel bench tasks`: its tables, its result file, real sockets, and what it refuses before anybody is paid."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from tests.evals.build import cell
from tiercel.checks.registry import Registry
from tiercel.cli.bench_show import About, render
from tiercel.cli.main import main
from tiercel.domain.settings import Storage
from tiercel.evals.suite import Suite, load_suite
from tiercel.evals.task_report import ModelRow, TaskReport, TaskRow, takeaway
from tiercel.records.recorder import Recorder
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

SUITE = """
version = 1
title = "Greetings"
[request]
max_tokens = 50
[[tasks]]
name = "greet"
prompt = "Say hello."
gates = ["finished", { check = "contains", options = { all = ["hello"] } }]
"""
POLICY = """
version = 1
[defaults]
on_exhausted = "refuse"
concrete_fallback = true
[tiers.fast]
members = ["little"]
[tiers.balanced]
members = ["large"]
[[rules]]
name = "any"
ladder = ["fast", "balanced"]
"""


def settings(little: ScriptedProvider, large: ScriptedProvider, folder: Path) -> str:
    return f"""
version = 1
[storage]
folder = "{folder / "data"}"
[providers.vllm]
base_url = "{little.base_url}"
[providers.sglang]
base_url = "{large.base_url}"
[models.little]
served_by = {{ vllm = "little" }}
prices = {{ input_usd_per_million = 1, output_usd_per_million = 2 }}
[models.large]
served_by = {{ sglang = "large" }}
prices = {{ input_usd_per_million = 10, output_usd_per_million = 20 }}
"""


class Bench:
    """Two providers, the files for them, and the benchmark run against both as a command."""

    def __init__(self, folder: Path, little: ScriptedProvider, large: ScriptedProvider) -> None:
        self.folder = folder
        for name, text in (
            ("suite.toml", SUITE),
            ("policy.toml", POLICY),
            ("tiercel.toml", settings(little, large, folder)),
        ):
            (folder / name).write_text(text, "utf-8")

    async def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The exit code, and what stands in the result file. In a thread: the command has a loop of its own."""
        files = [f"--{key}={self.folder / name}" for key, name in self._files()]
        code = await asyncio.to_thread(main, ["bench", "tasks", *files, *arguments])
        return code, json.loads((self.folder / "result.json").read_text("utf-8"))

    def _files(self) -> list[tuple[str, str]]:
        return [
            ("suite", "suite.toml"),
            ("policy", "policy.toml"),
            ("config", "tiercel.toml"),
            ("json", "result.json"),
        ]


def of(result: dict[str, Any], *keys: str) -> list[tuple[Any, ...]]:
    """These values of every run."""
    return [tuple(run[key] for key in keys) for run in result["runs"]]


# ── Over real sockets ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_model_is_asked_as_often_as_wanted_and_scored(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(Says(text="hello!"), Says(text="good day")) as little,
        ScriptedProvider(Says(text="hello"), Says(text="oh, hello")) as large,
    ):
        code, result = await Bench(tmp_path, little, large).run("-m", "little,large", "--runs", "2")
    assert code == 0
    assert of(result, "model", "number", "state", "reason", "answer") == [
        ("little", 1, "passed", "", "hello!"),
        ("large", 1, "passed", "", "hello"),
        ("little", 2, "failed", "contains: lacks 'hello'", "good day"),
        ("large", 2, "passed", "", "oh, hello"),
    ]


async def test_what_is_sent_is_the_suites_request_and_nothing_of_its_answers(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="hello")) as little, ScriptedProvider() as large:
        await Bench(tmp_path, little, large).run("-m", "little", "--runs", "1")
    assert little.requests[0].json == {
        "model": "little",
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 50,
    }


async def test_a_model_that_fails_does_not_stop_the_rest_and_is_not_helped(tmp_path: Path) -> None:
    """No retry, no other model in its place; the command has run, so it ends with 0."""
    async with (
        ScriptedProvider(Fails(status=503, message="busy")) as little,
        ScriptedProvider(Says(text="hello")) as large,
    ):
        code, result = await Bench(tmp_path, little, large).run("-m", "little,large", "--runs", "1")
    assert (code, len(little.requests), len(large.requests)) == (0, 1, 1)
    assert of(result, "model", "state") == [("little", "error"), ("large", "passed")]
    assert result["models"][0]["errors"]


async def test_a_cut_answer_is_delivered_and_scored_although_the_policy_would_refuse_it(
    tmp_path: Path,
) -> None:
    async with (
        ScriptedProvider(Says(text="hello the", finish="length")) as little,
        ScriptedProvider() as large,
    ):
        _, result = await Bench(tmp_path, little, large).run("-m", "little", "--runs", "1")
    assert of(result, "state", "answer", "finishes") == [("failed", "hello the", ["length"])]
    assert result["models"][0]["non_stop"] == {"length": 1}


async def test_auto_may_be_compared_too_and_it_is_said_who_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedProvider(Fails(status=500)) as little, ScriptedProvider(Says(text="hello")) as large:
        _, result = await Bench(tmp_path, little, large).run("-m", "auto", "--runs", "1")
    assert of(result, "model", "answered_by", "state", "calls") == [("auto", "large", "passed", 2)]
    assert "auto: answered by: large (1)" in capsys.readouterr().out


async def test_it_runs_beside_a_server_and_leaves_its_records_alone(tmp_path: Path) -> None:
    recorder = Recorder.open(Storage(folder=str(tmp_path / "data")))
    try:
        async with ScriptedProvider(Says(text="hello")) as little, ScriptedProvider() as large:
            code, result = await Bench(tmp_path, little, large).run("-m", "little", "--runs", "1")
        assert (code, of(result, "state")) == (0, [("passed",)])
        assert recorder.counts().requests == 0
    finally:
        recorder.close()


async def test_latency_price_and_size_come_from_the_gateways_own_record(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="hello")) as little, ScriptedProvider() as large:
        _, result = await Bench(tmp_path, little, large).run("-m", "little", "--runs", "1")
    run = result["runs"][0]
    assert run["seconds"] > 0
    assert run["output_tokens"] > 0
    assert float(run["cost_usd"]) > 0


# ── Without a key ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_lab_shows_it_all_and_says_everywhere_that_it_is_simulated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models, result = "claude-haiku-4-5,step-3.7-flash", tmp_path / "result.json"
    code = main(
        ["bench", "tasks", "--lab", "-m", models, "--runs", "1", "--parallel", "4", "--json", str(result)]
    )
    out = capsys.readouterr().out
    assert (code, json.loads(result.read_text("utf-8"))["simulated"]) == (0, "wholly")
    assert out.count("SIMULATED: no real model answered.") == 2
    assert out.count("(simulated)") == 1 + 5
    assert out.count("=> simulated: ") == 5
    assert "4 requests ran at a time" in out
    assert "50 times faster" in out


def test_the_labs_answers_are_scored_and_not_all_alike(tmp_path: Path) -> None:
    """Simulated models pass some tasks and miss others, each with a reason."""
    result = tmp_path / "result.json"
    main(
        [
            "bench",
            "tasks",
            "--lab",
            "-m",
            "step-3.7-flash",
            "--runs",
            "1",
            "--parallel",
            "5",
            "--json",
            str(result),
        ]
    )
    states = {run["task"]: (run["state"], run["reason"]) for run in json.loads(result.read_bytes())["runs"]}
    assert states["five-bullets"] == ("passed", "")
    assert states["constraints"] == ("failed", "regex: the last line is not the one right order")


# ── The tables ──────────────────────────────────────────────────────────────────────────────────────────────────────


def printed(about: About, report: TaskReport, width: int = 80) -> str:
    out = io.StringIO()
    render(about, report, Console(file=out, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.fixture(scope="module")
def suite() -> Suite:
    registry = Registry.load()
    whole = load_suite(None, registry.resolve)
    return msgspec.structs.replace(whole, tasks=whole.tasks[:1], hash="0123456789ab")


ROW = ModelRow(
    model="model-of-mine-4-5",
    runs=2,
    answered=2,
    passed=2,
    score=1.0,
    average_seconds=1.25,
    median_seconds=1.25,
    fastest_seconds=0.9,
    slowest_seconds=1.6,
    output_tokens=120.5,
    cost_nano=1_200_000,
    retried=0,
    non_stop={"length": 1},
    errors={},
    changed={"temperature not taken": 2},
    answered_by={"model-of-mine-4-5": 2},
    simulated=False,
)
NONE = msgspec.structs.replace(
    ROW,
    model="nobody",
    answered=0,
    passed=0,
    score=None,
    average_seconds=None,
    median_seconds=None,
    fastest_seconds=None,
    slowest_seconds=None,
    output_tokens=None,
    non_stop={},
    errors={"the provider refused the key": 2},
    changed={},
    answered_by={},
)
CELLS = (
    cell("model-of-mine-4-5", 2, cost=1_200_000, seconds=1.25),
    msgspec.structs.replace(
        cell("nobody", 0, 0, cost=None, seconds=None), reasons={"the provider refused the key": 2}
    ),
)
REPORT = TaskReport(
    models=(ROW, NONE),
    tasks=(
        TaskRow(
            name="five-bullets", title="Strict five-bullet summary", cells=CELLS, takeaway=takeaway(CELLS)
        ),
    ),
)
PAGE = """
Five tasks (five-tasks.toml, 0123456789ab): 1 task, 2 runs each
Every request: temperature 0, max_tokens 2048

Models
                                 aver-           fast-   slow-  output  non-
model              runs  score     age  median     est     est  tokens  stop
model-of-mine-4-5     2  100 %  1.25 s  1.25 s  900 ms  1.60 s     120     1
nobody                2      -       -       -       -       -       -     0
  model-of-mine-4-5: non-stop finishes: length (1)
  model-of-mine-4-5: asked otherwise: temperature not taken (2)
  nobody: not answered: the provider refused the key (2)

Strict five-bullet summary
model                      passed   median       cost  why
model-of-mine-4-5  pass    2 of 2   1.25 s    $0.0012
nobody             -       0 of 0        -          -  the provider refused the
                                                       key (2)
  => model-of-mine-4-5 passes (n = 2); nothing to compare it with

score: mean over all answers of the gate each met worst, 0 to 100 %
latencies: from receipt to last byte of delivered answers; output: with
reasoning
cost: mean per run; passed: of the runs that were answered; pass: every one of
them
n is 2 a task: even 2 of 2 passed fits a true share of 34 %. Raise --runs before
you decide by it.
"""


def test_the_whole_page(suite: Suite) -> None:
    about = About(suite=suite, runs=2)
    assert printed(about, REPORT) == PAGE


def test_a_simulated_model_among_real_ones_is_marked(suite: Suite) -> None:
    """A gateway may have the lab beside real providers."""
    report = msgspec.structs.replace(REPORT, models=(msgspec.structs.replace(ROW, simulated=True), NONE))
    page = printed(About(suite=suite, runs=2), report)
    assert "PARTLY SIMULATED" in page
    assert "model-of-mine-4-5: SIMULATED, no real model" in page
    assert "=> partly simulated: " in page


def test_what_providers_say_cannot_reach_the_terminals_controls(suite: Suite) -> None:
    report = msgspec.structs.replace(
        REPORT, models=(msgspec.structs.replace(NONE, errors={"\x1b[2Jgone" + "x" * 500: 1}),)
    )
    page = printed(About(suite=suite, runs=2), report)
    assert "\x1b" not in page
    assert "x" * 200 not in page.replace("\n", "")


# ── What is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-m", "little", "--runs", "0"], "--runs 0: give 1 to 10000"),
        (["-m", "little", "--parallel", "0"], "--parallel 0: give 1 to 64"),
        ([], "-m is missing: name the models to ask, of little, large"),
        (["-m", " , "], "-m is missing"),
        (["-m", "litle"], "-m litle: no model, tier or alias is called 'litle'; there are little, large"),
        (["-m", "little,nope"], "-m nope: no model"),
        (["-m", "gpt-x"], "-m gpt-x: its provider has no key; export NO_SUCH_KEY"),
        (["-m", "little", "--suite", "none.toml"], "none.toml: no such file; without --suite"),
        (
            ["-m", "little", "--suite", "bad.toml"],
            "bad.toml: [tasks.greet] gates[1]: gate 'contians': no such check",
        ),
        (["-m", "little", "--suite", "empty.toml"], "empty.toml: [tasks]: the list is empty"),
        (["-m", "little", "--json", "none/result.json"], "--json none/result.json: cannot be written there"),
        (["-m", "little", "--json", "."], "--json .: cannot be written there"),
        (["--lab", "--config", "tiercel.toml"], "--lab brings its own configuration"),
        (["--lab", "-m", "nope"], "-m nope: no model"),
    ],
)
async def test_mistakes_are_found_before_anybody_is_asked(
    arguments: list[str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    async with ScriptedProvider() as little, ScriptedProvider() as large:
        Bench(tmp_path, little, large)
        with (tmp_path / "tiercel.toml").open("a", encoding="utf-8") as file:
            file.write(
                '[providers.openai]\nkey_env = "NO_SUCH_KEY"\n[models.gpt-x]\nserved_by = { openai = "gpt-x" }\n'
            )
        (tmp_path / "bad.toml").write_text(SUITE.replace("contains", "contians"), "utf-8")
        (tmp_path / "empty.toml").write_text(
            SUITE.partition("[[")[0].replace("[req", "tasks = []\n[req"), "utf-8"
        )
        code = await asyncio.to_thread(main, ["bench", "tasks", *arguments])
        assert (code, little.requests, large.requests) == (2, [], [])
    assert problem in capsys.readouterr().err


def test_without_any_key_the_way_on_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiercel.toml").write_text(
        'version = 1\n[providers.openai]\nkey_env = "NO_SUCH_KEY"\n', "utf-8"
    )
    assert main(["bench", "tasks", "-m", "gpt-4o"]) == 2
    assert (
        "no key for openai (NO_SUCH_KEY); export one, or try --lab without any key" in capsys.readouterr().err
    )
