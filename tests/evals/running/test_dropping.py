"""A run that drops losers, over real sockets: who is asked what, what it costs, and how it goes on after its end."""

import asyncio
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.evals.running.build import begun, bench, evaluation, items, rows
from tests.evals.running.speaking import Speaking, preference
from tests.evals.running.test_race import in_order
from tiercel.checks.registry import Registry
from tiercel.evals.comparing.answers import measured
from tiercel.evals.comparing.assessment import assess_change, assess_run
from tiercel.evals.comparing.gate import outcome
from tiercel.evals.evaluation import Analysis, Evaluation, Expectation, JudgeSettings
from tiercel.evals.reporting.csv_report import as_csv
from tiercel.evals.reporting.html import as_html
from tiercel.evals.reporting.json_report import as_json
from tiercel.evals.reporting.markdown import as_markdown
from tiercel.evals.results import RESULTS, last_of_each
from tiercel.evals.run_folder import RunFolder, open_run
from tiercel.evals.running.folders import write_manifest
from tiercel.evals.running.run import to_retry
from tiercel.evals.running.unscored import FILE as UNSCORED
from tiercel.testing.delivery import Delivery
from tiercel.testing.loopback import SeenRequest
from tiercel.testing.scripted import Fails, ScriptedProvider

ITEMS = 60
MODELS = ("base", "good", "bad")


def speak(model: str, shown: str) -> str:
    """`bad` is never right; `good` misses one item in twenty, as does the baseline, another one."""
    number = int(shown.split()[1].rstrip(":"))
    right = model != "bad" and number % 20 != (3 if model == "good" else 4)
    return "4" if right else "five"


def race(n: int = ITEMS, *models: str, drop: bool = True, concurrency: int = 3) -> Evaluation:
    made = evaluation(items(n), *(models or MODELS), baseline="base", concurrency=concurrency)
    return msgspec.structs.replace(made, analysis=Analysis(margin=0.05, drop_losers=drop))


def asked(requests: list[SeenRequest]) -> Counter[str]:
    return Counter(request.json["model"] for request in requests)


async def test_a_loser_is_asked_no_more_and_the_others_are_asked_everything(
    tmp_path: Path, registry: Registry
) -> None:
    async with bench(tmp_path, Speaking(speak), registry, *MODELS) as b:
        run = begun(tmp_path, race())
        ended = await b.run(run)
        calls = asked(b.provider.requests)
        again = await b.run(open_run(run.path))
    (lost,) = ended.dropped
    assert lost.candidate == "bad"
    assert (ended.is_whole, ended.out, ended.stopped) == (True, {}, None)
    assert (calls["base"], calls["good"]) == (ITEMS, ITEMS)
    assert lost.items <= calls["bad"] < lost.items + 6 < ITEMS
    assert open_run(run.path).manifest.dropped == (lost,)
    assert open_run(run.path).manifest.finished_at is not None
    assert (again.is_whole, again.progress.done, again.dropped) == (True, 0, (lost,))


async def test_dropping_costs_less_than_asking_everybody_everything(
    tmp_path: Path, registry: Registry
) -> None:
    async with bench(tmp_path, Speaking(speak), registry, *MODELS) as b:
        whole = await b.run(begun(tmp_path, race(drop=False)))
        short = await b.run(begun(tmp_path, race()))
    assert short.progress.spent_nano < 0.85 * whole.progress.spent_nano
    assert (whole.dropped, whole.progress.done) == ((), 3 * ITEMS)


async def test_once_nobody_is_left_beside_the_baseline_the_run_is_at_its_end(
    tmp_path: Path, registry: Registry
) -> None:
    async with bench(tmp_path, Speaking(speak), registry, *MODELS) as b:
        run = begun(tmp_path, race(ITEMS, "base", "bad"))
        ended = await b.run(run)
        calls = asked(b.provider.requests)
    assert ended.is_whole
    assert calls["base"] < ITEMS / 2
    found = assess_run(measured(open_run(run.path)))
    assert not any("Not finished" in warning for warning in found.warnings)
    assert "base was asked no more once nobody was left to compare with it." in found.warnings


@pytest.mark.parametrize("kept", [0, 20, 45, 90])
async def test_a_run_that_is_gone_on_with_decides_as_if_it_had_not_ended(
    kept: int, tmp_path: Path, registry: Registry
) -> None:
    """Wherever it was killed: what is decided is a function of the results."""
    async with bench(tmp_path, Speaking(speak), registry, *MODELS) as b:
        run = begun(tmp_path, race(concurrency=1))
        first = await b.run(run)
        lines = run.results_path.read_bytes().splitlines(keepends=True)
        cut = begun(tmp_path, race(concurrency=1))
        (cut.path / RESULTS).write_bytes(b"".join(lines[:kept]))
        second = await b.run(cut)
    assert second.dropped == first.dropped
    assert {row.key for row in rows(cut)} == {row.key for row in rows(run)}


async def test_what_was_shown_once_stays_shown_whatever_is_asked_again(
    tmp_path: Path, registry: Registry
) -> None:
    """An error in a loser's figures is not asked again, though `--retry-errors` asks others' again."""
    async with bench(tmp_path, Speaking(speak), registry, *MODELS) as b:
        run = begun(tmp_path, race())
        ended = await b.run(run)
        results = list(last_of_each(run.results_path).values())
        early = in_order(run.manifest.evaluation)[0]
        broken = [
            msgspec.structs.replace(row, state="error", kind="timeout") if row.item == early else row
            for row in results
        ]
        run.results_path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in broken))
        before = len(b.provider.requests)
        again = await b.run(open_run(run.path), retry_errors=True)
        calls = asked(b.provider.requests[before:])
    assert again.dropped == ended.dropped
    assert calls == Counter({"base": 1, "good": 1})


async def test_answers_of_a_loser_that_were_to_be_held_against_a_baseline_that_was_not_asked_are_done_with(
    tmp_path: Path, registry: Registry
) -> None:
    """They cannot be judged any more; nothing is left to be asked again for that."""

    def judging(model: str, shown: str) -> str:
        if model != "judge":
            return f"It is 4, says {model}"
        a, _, b = shown.partition("<answer B")
        return preference(
            "A" if "says base" in a.partition("<answer A")[2] else "B" if "says base" in b else "tie"
        )

    of = evaluation(
        items(ITEMS, Expectation(scorer="pairwise", judge="j")),
        "base",
        "bad",
        baseline="base",
        concurrency=12,
        judges={"j": JudgeSettings(name="j", models=("judge",), mode="pairwise")},
    )
    of = msgspec.structs.replace(of, analysis=Analysis(margin=0.05, drop_losers=True))
    async with bench(tmp_path, Speaking(judging), registry, "base", "bad", "judge") as b:
        run = begun(tmp_path, of)
        async with asyncio.timeout(60):
            ended = await b.run(run)
    assert (ended.is_whole, len(ended.dropped)) == (True, 1)
    assert to_retry(open_run(run.path)) == []
    assert not (run.path / UNSCORED).exists()


class Slow(Speaking):
    """Its baseline says nothing until it is let."""

    def __init__(self) -> None:
        super().__init__(speak)
        self.let = asyncio.Event()

    async def _handle(self, seen: SeenRequest) -> Delivery | bytes:
        if seen.json["model"] == "base":
            await self.let.wait()
        return await super()._handle(seen)


async def test_nobody_is_far_ahead_of_a_slow_baseline(tmp_path: Path, registry: Registry) -> None:
    """Else a loser would have been asked everything before the first comparison."""
    provider = Slow()
    of = race(200, "base", "bad", concurrency=40)
    async with bench(tmp_path, provider, registry, *MODELS) as b:
        running = asyncio.create_task(b.run(begun(tmp_path, of)))
        async with asyncio.timeout(60):
            await provider.wait_for_requests(15)
        await asyncio.sleep(0.3)
        ahead = asked(provider.requests)["bad"]
        provider.let.set()
        async with asyncio.timeout(60):
            ended = await running
    assert ahead <= 60
    assert ended.is_whole
    assert len(ended.dropped) == 1


class Refusing(Speaking):
    """One model's key is refused."""

    def __init__(self, model: str) -> None:
        super().__init__(speak)
        self._refused = ScriptedProvider()
        self._refused.default = Fails(status=401, message="no such key")
        self._model = model

    async def _handle(self, seen: SeenRequest) -> Delivery | bytes:
        if seen.json["model"] == self._model:
            return await self._refused._handle(seen)
        return await super()._handle(seen)


@pytest.mark.parametrize(("out", "dropped"), [("base", 0), ("good", 1)])
async def test_who_cannot_be_asked_holds_up_nobody(
    out: str, dropped: int, tmp_path: Path, registry: Registry
) -> None:
    """Without the baseline nobody can be shown to lose, and the others are asked everything."""
    async with bench(tmp_path, Refusing(out), registry, *MODELS) as b:
        async with asyncio.timeout(60):
            ended = await b.run(begun(tmp_path, race()))
        calls = asked(b.provider.requests)
    assert (list(ended.out), len(ended.dropped)) == ([out], dropped)
    assert calls["good" if out == "base" else "base"] == ITEMS


async def reported(tmp_path: Path, registry: Registry) -> RunFolder:
    async with bench(tmp_path, Speaking(speak), registry, *MODELS) as b:
        run = begun(tmp_path, race())
        await b.run(run)
        return open_run(run.path)


async def test_reports_say_who_was_dropped_when_and_why(tmp_path: Path, registry: Registry) -> None:
    run = await reported(tmp_path, registry)
    (lost,) = run.manifest.dropped
    found = assess_run(measured(run))
    by_name = {one.name: one for one in found.contenders}
    assert (by_name["bad"].verdict, by_name["bad"].comparison) == ("worse", None)
    assert by_name["good"].pairs == ITEMS
    assert outcome(found, "worse") == "failed"
    assert f"bad was dropped after {lost.items} of {ITEMS} items: its figures end there." in found.warnings
    assert not any("Not finished" in warning for warning in found.warnings)
    assert "bad is worse than base by more than 5 points" in as_html(found, "tiercel")
    markdown = as_markdown(found, "tiercel")
    assert "**bad is worse than base by more than 5 points** (difference -" in markdown
    assert f"Dropped after {lost.items} of {ITEMS} items, which saved about \\$" in markdown
    assert (
        f'bad,outcome,difference,{lost.difference},,{lost.not_above},{lost.pairs},"worse, {lost.after}"'
        in as_csv(found)
    )
    document = msgspec.json.decode(as_json(found, "tiercel"))
    shown = next(one for one in document["contenders"] if one["candidate"] == "bad")
    assert (shown["verdict"], shown["dropped"]["items"], float(shown["saved_usd"]) > 0) == (
        "worse",
        lost.items,
        True,
    )
    models = {one["name"]: one["asked_no_more"] for one in document["models"]}
    assert models == {"base": False, "good": False, "bad": True}


async def test_a_dropped_candidate_still_counts_as_a_try_in_the_correction(
    tmp_path: Path, registry: Registry
) -> None:
    """Else whoever drops the hopeless would get the rest cheaper."""
    run = await reported(tmp_path, registry)
    found = assess_run(measured(run))
    manifest = msgspec.structs.replace(run.manifest, dropped=())
    whole = msgspec.structs.replace(measured(run), manifest=manifest)
    alone = {one.name: one.comparison for one in assess_run(whole).contenders}
    kept = {one.name: one.comparison for one in found.contenders}
    assert kept["good"] is not None
    assert alone["good"] is not None
    assert kept["good"].p_not_worse >= alone["good"].p_not_worse


async def test_against_another_run_nothing_is_said_of_a_dropped_candidate(
    tmp_path: Path, registry: Registry
) -> None:
    """It ended because its answers looked bad: they would be held against it once more."""
    run = measured(await reported(tmp_path, registry))
    found = assess_change(run, run)
    bad = next(one for one in found.contenders if one.name.startswith("bad"))
    assert (bad.dropped, bad.verdict, bad.comparison) == (None, "cannot tell", None)
    assert bad.why.startswith("bad (base) and bad (head) ended early because of the answers so far")
    assert next(one for one in found.contenders if one.name.startswith("good")).comparison is not None
    assert sum("its figures end there" in warning for warning in found.warnings) == 2


async def test_a_drop_that_cannot_be_written_ends_the_run(tmp_path: Path, registry: Registry) -> None:
    """What is not on the disk would not hold in the next sitting."""
    async with bench(tmp_path, Speaking(speak), registry, *MODELS) as b:
        run = begun(tmp_path, race())
        write_manifest(run)
        run.path.joinpath("run.new").mkdir()
        ended = await b.run(run)
    assert (ended.stopped or "").startswith("disk: ")
