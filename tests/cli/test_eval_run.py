"""`tiercel eval plan` and `run` as a person meets them: exit codes, what is printed, what is refused beforehand."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tiercel.cli.eval.planning import ASSUMED_DISCORDANCE
from tiercel.cli.main import main
from tiercel.evals.results import RESULTS, Result, read_results
from tiercel.evals.running.folders import all_runs, runs_beside
from tiercel.testing.scripted import Fails, Reply, Says, ScriptedProvider

SETTINGS = """
version = 1
[storage]
folder = "{folder}/data"
[providers.vllm]
base_url = "{url}"
[providers.sglang]
base_url = "{other}"
[models.little]
served_by = {{ vllm = "little" }}
prices = {{ input_usd_per_million = 1, output_usd_per_million = 2 }}
[models.large]
served_by = {{ sglang = "large" }}
prices = {{ input_usd_per_million = 10, output_usd_per_million = 20 }}
"""
FILE = """
targets: [little, large]
baseline: large
tests: items.jsonl
defaultTest:
  assert: [{type: contains, value: "4"}]
analysis: {margin: 0.05}
run: {concurrency: 4, max_retries: 0}
"""
ITEMS = 70
RIGHT, WRONG = Says(text="4"), Says(text="5")


class Suite:
    """An evaluation of two models in a folder, and the command over it."""

    def __init__(self, folder: Path, little: ScriptedProvider, large: ScriptedProvider) -> None:
        self.folder = folder
        settings = SETTINGS.format(folder=folder, url=little.base_url, other=large.base_url)
        lines = [f'{{"id": "q{n}", "input": "Question {n}: what is 2 + 2?"}}\n' for n in range(ITEMS)]
        for name, text in (("tiercel.toml", settings), ("eval.yaml", FILE), ("items.jsonl", "".join(lines))):
            folder.joinpath(name).write_text(text, "utf-8")

    async def __call__(self, command: str, *arguments: str) -> int:
        files = [str(self.folder / "eval.yaml"), f"--config={self.folder / 'tiercel.toml'}"]
        return await asyncio.to_thread(main, ["eval", command, *files, *arguments])

    def rows(self) -> list[Result]:
        return [row for path in sorted(self.folder.glob(f"runs/*/{RESULTS}")) for row in read_results(path)]


def saying(*replies: Reply, then: Reply) -> ScriptedProvider:
    provider = ScriptedProvider(*replies)
    provider.default = then
    return provider


CODES: dict[str, tuple[ScriptedProvider, ScriptedProvider, tuple[str, ...], int, str]] = {
    "as good": (saying(then=RIGHT), saying(then=RIGHT), (), 0, "little is not worse than large"),
    "worse": (saying(then=WRONG), saying(then=RIGHT), (), 1, "little is worse than large"),
    "worse, and nothing fails": (saying(then=WRONG), saying(then=RIGHT), ("--fail-on=never",), 0, "is worse"),
    "too few": (saying(then=RIGHT), saying(then=RIGHT), ("--limit=5",), 3, "Cannot tell"),
    "too few, which fails": (
        saying(then=RIGHT),
        saying(then=RIGHT),
        ("--limit=5", "--fail-on=undecided"),
        1,
        "Cannot tell",
    ),
    "nobody there": (
        saying(then=Fails(status=401, message="bad key")),
        saying(then=RIGHT),
        ("--limit=3",),
        4,
        "little: asked no more",
    ),
    "no money": (
        saying(then=RIGHT),
        saying(then=RIGHT),
        ("--budget=0.0000001",),
        4,
        "the budget has no room",
    ),
}


@pytest.mark.parametrize(("little", "large", "arguments", "code", "told"), CODES.values(), ids=CODES)
async def test_the_exit_code_says_what_a_pipeline_must_know(
    little: ScriptedProvider,
    large: ScriptedProvider,
    arguments: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("scipy", reason="comparing needs the extra `evals`")
    async with little, large:
        assert await Suite(tmp_path, little, large)("run", *arguments) == code
    assert told in capsys.readouterr().out


async def test_a_run_that_stopped_says_how_to_go_on_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        suite = Suite(tmp_path, little, large)
        assert await suite("run", "--limit=4", "--budget=0.0000001") == 4
        said = capsys.readouterr().out
        assert "--resume" in said
        assert await suite("run", "--limit=4", "--resume", "--fail-on=never") == 0
        assert "8 passed, 0 failed, 0 not measured" in capsys.readouterr().out, (
            "of the whole run, as its cost is"
        )
        assert len(suite.rows()) == len(little.requests) + len(large.requests) == 8


async def test_what_was_not_measured_is_told_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with saying(Fails(status=400, message="no such field"), then=RIGHT) as little:
        suite = Suite(tmp_path, little, little)
        await suite("run", "--limit=3", "-m", "little", "-j1", "--fail-on=never")
    said = capsys.readouterr().out
    assert "2 passed, 0 failed, 1 not measured" in said
    assert "Without a baseline nothing is compared, and no guardrail is set" in said
    assert re.search(r"^little: .*no such field.* \(1 answer\)$", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("--limit=3",), {("little", 3), ("large", 3)}),
        (("--limit=3", "-m", "little"), {("little", 3)}),
        (("--sample=5", "-m", "large,little"), {("little", 5), ("large", 5)}),
        (("--limit=2", "-m", "little", "--repeat=3"), {("little", 6)}),
    ],
)
async def test_arguments_narrow_what_is_asked(
    arguments: tuple[str, ...], asked: set[tuple[str, int]], tmp_path: Path
) -> None:
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        suite = Suite(tmp_path, little, large)
        await suite("run", *arguments, "--fail-on=never")
        names = [row.candidate for row in suite.rows()]
    assert {(name, names.count(name)) for name in names} == asked


async def test_a_loser_is_dropped_and_what_that_saved_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with saying(then=WRONG) as little, saying(then=RIGHT) as large:
        suite = Suite(tmp_path, little, large)
        assert await suite("run", "--drop-losers") == 1
        said = capsys.readouterr().out
        assert await asyncio.to_thread(main, ["eval", "compare", str(tmp_path / "eval.yaml")]) == 1
        compared = capsys.readouterr().out
    assert len(little.requests) < ITEMS / 2
    assert (
        said.count("little is worse than large by more than 5 points (difference -100.0 points, at 95 %") == 1
    )
    assert f" of {ITEMS} items. That saved about $" in said
    assert f" of {ITEMS} items, which saved about $" in compared
    assert "Not finished" not in compared


async def test_a_run_that_dropped_losers_is_gone_on_with_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        saying(then=RIGHT) as little,
        saying(*[RIGHT] * 6, then=Fails(status=401, message="no")) as large,
    ):
        suite = Suite(tmp_path, little, large)
        assert await suite("run", "--drop-losers") == 4
        (run,) = all_runs(runs_beside(tmp_path / "eval.yaml"))
        assert f"--drop-losers --resume {run.path.name}" in capsys.readouterr().out
        assert await suite("run", "--resume") == 2
        assert "analysis edited" in capsys.readouterr().err
        large.default = RIGHT
        assert await suite("run", "--drop-losers", "--resume") == 0


async def test_a_sample_is_the_same_for_the_same_seed_and_part_of_a_larger_one(tmp_path: Path) -> None:
    drawn: list[set[str]] = []
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        for number, (size, seed) in enumerate(((5, 1), (5, 1), (20, 1), (5, 2))):
            folder = tmp_path / str(number)
            folder.mkdir()
            suite = Suite(folder, little, large)
            await suite("run", f"--sample={size}", f"--seed={seed}", "-m", "little")
            drawn.append({row.item for row in suite.rows()})
    assert drawn[0] == drawn[1] != drawn[3]
    assert drawn[0] < drawn[2]


REFUSED = {
    "no file": (("--limit=1",), "nowhere.yaml: no such file; `tiercel eval init` writes a first one"),
    "an unknown model": (("-m", "huge"), "-m huge: "),
    "no items": (("--limit=0",), "--limit 0: give a number from 1 on"),
    "no run": (("--resume",), "no run to resume; leave --resume out"),
    "errors of which run": (("--retry-errors",), "--retry-errors goes with --resume"),
    "nobody to lose against": (("--drop-losers", "-m", "little"), "--drop-losers: loses against whom?"),
    "two configurations": (("--lab",), "--lab brings its own configuration"),
}


@pytest.mark.parametrize(("arguments", "told"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_run_is_refused_before_anybody_is_asked(
    arguments: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        suite = Suite(tmp_path, little, large)
        if "nowhere" in told:
            code = await asyncio.to_thread(main, ["eval", "run", str(tmp_path / "nowhere.yaml"), *arguments])
        else:
            code = await suite("run", *arguments)
    assert code == 2
    assert told in capsys.readouterr().err
    assert not little.requests + large.requests


async def test_a_plan_says_what_it_would_cost_and_show_and_asks_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        suite = Suite(tmp_path, little, large)
        assert await suite("plan") == 0
        said = capsys.readouterr().out
        assert not little.requests + large.requests
        assert "140" in said
        assert f"{100 * ASSUMED_DISCORDANCE:.0f} % is an assumption" in said
        assert "'Not worse by more than 5 points' takes 396 pairs" in said
        await suite("run", "--fail-on=never")
        capsys.readouterr()
        await suite("plan")
    assert "0 of 70 items differ in run " in capsys.readouterr().out


async def test_the_lab_runs_an_evaluation_without_any_key_and_says_that_it_is_simulated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = {
        "targets": ["claude-haiku-4-5"],
        "tests": [{"vars": {}, "input": "What is 2 + 2?", "target": "4"}],
        "defaultTest": {"assert": [{"type": "numeric"}]},
    }
    path = tmp_path / "eval.yaml"
    path.write_text(json.dumps(file), "utf-8")
    assert await asyncio.to_thread(main, ["eval", "run", str(path), "--lab"]) == 0
    assert "SIMULATED: no real model answers." in capsys.readouterr().out
    (run,) = all_runs(runs_beside(path))
    assert (run.manifest.simulated, run.manifest.finished_at is not None) == (True, True)


def test_without_the_extra_a_gate_does_not_pass_in_silence(tmp_path: Path) -> None:
    """The run itself needs neither numpy nor scipy nor YAML; nothing can be told without them."""
    file = {
        "targets": ["step-3.7-flash", "claude-opus-4-8"],
        "baseline": "claude-opus-4-8",
        "tests": [{"input": "What is 2 + 2?", "target": "4", "assert": [{"type": "contains", "value": "4"}]}],
    }
    path = tmp_path / "eval.json"
    path.write_text(json.dumps(file), "utf-8")
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('numpy', 'scipy', 'pyarrow', 'yaml')))\n"
        "from tiercel.cli.main import main\n"
        f"sys.exit(main(['eval', 'run', {str(path)!r}, '--lab']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (3, "")
    assert "Nothing is compared without the extra: pip install 'tiercel[evals]'" in done.stdout
