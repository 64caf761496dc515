"""What was answered is never lost and never asked again, wherever a run was ended; an edited suite is refused."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.evals.running.build import begun, bench, evaluation, items, rows
from tiercel.checks.registry import Registry
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Evaluation, Expectation
from tiercel.evals.results import RESULTS, Result, read_results
from tiercel.evals.running.folders import finished, run_to_resume
from tiercel.evals.running.rows_file import RowsFile
from tiercel.records.lock import FolderLock
from tiercel.testing.scripted import Says, ScriptedProvider

ITEMS = 40
KILLED_AFTER = 12
SETTINGS = """
version = 1
[storage]
folder = "{folder}/data"
[providers.vllm]
base_url = "{url}"
"""
MODEL = """
[models.{name}]
served_by = {{ vllm = "{name}" }}
prices = {{ input_usd_per_million = 1, output_usd_per_million = 2 }}
"""
FILE = """
targets: [little]
tests: items.jsonl
defaultTest:
  assert: [{type: contains, value: "4"}]
run: {concurrency: 3, cache: false}
"""


def row(item: str, **fields: object) -> Result:
    return msgspec.structs.replace(Result(item=item, candidate="a", state="passed", kind="ok"), **fields)


def settings_text(folder: Path, url: str, *models: str) -> str:
    """A tiercel.toml of one provider that serves these models."""
    return SETTINGS.format(folder=folder, url=url) + "".join([MODEL.format(name=name) for name in models])


async def eval_run(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    """`tiercel eval run` in a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tiercel",
        "eval",
        "run",
        "eval.yaml",
        "--config=tiercel.toml",
        *arguments,
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def until_written(folder: Path) -> None:
    """Return once as many rows are there as answers were given."""
    while sum(path.read_bytes().count(b"\n") for path in folder.glob(f"runs/*/{RESULTS}")) < KILLED_AFTER:
        time.sleep(0.02)


def torn(folder: Path) -> Path:
    """The results of the only run, with a last row as a crash may leave it."""
    (results,) = folder.glob(f"runs/*/{RESULTS}")
    with results.open("ab") as file:
        file.write(b'{"item":"q39","cand')
    return results


def write_files(folder: Path, provider: ScriptedProvider) -> None:
    folder.joinpath("tiercel.toml").write_text(settings_text(folder, provider.base_url, "little"), "utf-8")
    folder.joinpath("eval.yaml").write_text(FILE, "utf-8")
    lines = [f'{{"id": "q{n}", "input": "Question {n}: what is 2 + 2?"}}\n' for n in range(ITEMS)]
    folder.joinpath("items.jsonl").write_text("".join(lines), "utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
async def test_a_killed_run_goes_on_with_nothing_lost_and_nothing_asked_twice(tmp_path: Path) -> None:
    """After kill -9 every item has exactly one row; asked twice are at most those that were under way."""
    async with ScriptedProvider() as provider:
        held = asyncio.Event()
        provider.add(*[Says(text="4")] * KILLED_AFTER)
        provider.default = Says(text="4", release=held)
        write_files(tmp_path, provider)
        process = await eval_run(tmp_path)
        async with asyncio.timeout(60):
            # three are asked at a time: once so many more were asked, that many rows are written
            await provider.wait_for_requests(KILLED_AFTER + 3)
            await asyncio.to_thread(until_written, tmp_path)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        results = torn(tmp_path)
        held.set()
        process = await eval_run(tmp_path, "--resume")
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    found = list(read_results(results))
    assert sorted(row.item for row in found) == sorted(f"q{n}" for n in range(ITEMS))
    assert len(provider.requests) == ITEMS + 3
    assert f"{KILLED_AFTER} answered already" in said.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
async def test_an_interrupted_run_ends_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        held = asyncio.Event()
        provider.add(*[Says(text="4")] * KILLED_AFTER)
        provider.default = Says(text="4", release=held)
        write_files(tmp_path, provider)
        process = await eval_run(tmp_path, "--limit", "30")
        async with asyncio.timeout(60):
            await provider.wait_for_requests(KILLED_AFTER + 3)
            await asyncio.to_thread(until_written, tmp_path)
            process.send_signal(signal.SIGINT)
            said, _ = await process.communicate()
        held.set()
    assert process.returncode == 130
    assert "Stopped. What was answered is kept; go on with" in said.decode()
    assert "--limit 30 --resume 2" in said.decode()


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_row_that_a_crash_cut_short_is_cut_off(cut: int, tmp_path: Path) -> None:
    path = tmp_path / RESULTS
    with RowsFile(path) as file:
        file.add(row("q1"))
        file.add(row("q2", output="x" * 70_000))
    path.write_bytes(path.read_bytes()[:-cut])
    with RowsFile(path) as file:
        file.add(row("q3"))
    assert [one.item for one in read_results(path)] == ["q1", "q3"]


async def test_a_finished_run_asks_nobody(tmp_path: Path, registry: Registry) -> None:
    provider = ScriptedProvider()
    provider.default = Says(text="4")
    async with bench(tmp_path, provider, registry) as b:
        run = begun(tmp_path, evaluation(items(3)))
        await b.run(run)
        again = await b.run(run)
    assert (again.is_whole, again.progress.done, len(provider.requests)) == (True, 0, 3)


async def test_two_processes_do_not_go_on_with_the_same_run(tmp_path: Path, registry: Registry) -> None:
    async with bench(tmp_path, ScriptedProvider(), registry) as b:
        run = begun(tmp_path, evaluation(items(1)))
        lock = FolderLock.acquire(run.path)
        with pytest.raises(ConfigError, match="another process is at this run"):
            await b.run(run)
        lock.release()
        assert not b.provider.requests


EDITS = {
    "an item's expectation": (
        evaluation(items(2, Expectation(scorer="contains", value="5"))),
        "'q0', 'q1' edited",
    ),
    "an item added": (evaluation(items(3)), "item 'q2' added"),
    "an item removed": (evaluation(items(1)), "item 'q1' removed"),
    "another candidate": (evaluation(items(2), "scripted", "other"), "candidate 'other' added"),
}


@pytest.mark.parametrize(("edited", "told"), EDITS.values(), ids=EDITS)
def test_an_edited_suite_is_not_gone_on_with_and_it_is_said_what_changed(
    edited: Evaluation, told: str, tmp_path: Path
) -> None:
    run = begun(tmp_path, evaluation(items(2)))
    for named in ("", run.path.name):
        with pytest.raises(ConfigError, match="was edited since this run began: .*" + told):
            run_to_resume(tmp_path, named, edited)


def test_the_latest_unfinished_run_of_the_same_suite_is_gone_on_with(tmp_path: Path) -> None:
    of = evaluation(items(2))
    first, second = begun(tmp_path, of), begun(tmp_path, of)
    finished(second)
    begun(tmp_path, evaluation(items(1)))
    assert run_to_resume(tmp_path, "", of).path == first.path
    finished(first)
    with pytest.raises(ConfigError, match="was edited"):
        run_to_resume(tmp_path, "", of)


def test_without_a_run_there_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave --resume out"):
        run_to_resume(tmp_path, "", evaluation(items(1)))


async def test_a_full_disk_ends_the_run_and_keeps_what_is_there(tmp_path: Path, registry: Registry) -> None:
    """The file may not grow: the run says so, its whole rows stay, and later it goes on with the rest."""
    resource = pytest.importorskip("resource", reason="a limit on the size of files")
    provider = ScriptedProvider()
    provider.default = Says(text="4")
    async with bench(tmp_path, provider, registry) as b:
        run = begun(tmp_path, evaluation(items(30), concurrency=1))
        with RowsFile(run.results_path) as file:
            file.add(row("other", output="x" * 3_000_000))
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_002_000, hard))
        try:
            ended = await b.run(run)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        kept = len(rows(run))
        assert (ended.stopped or "").startswith("disk: ")
        assert 1 < kept < 31
        assert (await b.run(run)).is_whole
    assert len(rows(run)) == 31
