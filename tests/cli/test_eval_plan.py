"""`tiercel eval plan`: what a run is expected to cost, by what is known of it, and what it costs at most."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.cli.test_eval_run import RIGHT, SETTINGS, saying
from tiercel.cli.main import main
from tiercel.testing.scripted import Says, ScriptedProvider

FILE = """
targets: [little, large]
baseline: large
tests: items.jsonl
run: {more}
"""
JUDGED = """
targets: [little, large]
baseline: large
judges: {{j: {{model: large}}}}
tests: items.jsonl
defaultTest: {{assert: [{{type: llm-rubric, judge: j}}]}}
run: {more}
"""
LONG = "word " * 300


def item(number: int, target: str = "4", asked: str = "Sum {}: 2 + 2?") -> str:
    """A row of `items.jsonl`."""
    row = {
        "id": f"q{number}",
        "input": asked.format(number),
        "target": target,
        "assert": [{"type": "contains", "value": target}],
    }
    return json.dumps(row) + "\n"


class Planned:
    """An evaluation of two models with prices of 1 and 2, and 10 and 20 dollars a million tokens."""

    def __init__(
        self,
        folder: Path,
        little: ScriptedProvider,
        large: ScriptedProvider,
        items: list[str],
        text: str = FILE,
    ) -> None:
        self._folder = folder
        settings = SETTINGS.format(folder=folder, url=little.base_url, other=large.base_url)
        for name, content in (("tiercel.toml", settings), ("items.jsonl", "".join(items))):
            folder.joinpath(name).write_text(content, "utf-8")
        self.configure("{concurrency: 4}", text)

    def configure(self, run: str, text: str = FILE) -> None:
        self._folder.joinpath("eval.yaml").write_text(text.format(more=run), "utf-8")

    async def __call__(self, command: str, *arguments: str) -> int:
        files = [str(self._folder / "eval.yaml"), f"--config={self._folder / 'tiercel.toml'}"]
        return await asyncio.to_thread(main, ["eval", command, *files, *arguments])


def costs(said: str, name: str) -> tuple[int, str, str]:
    """Calls, expected and most of a line, as they are shown."""
    found = re.search(rf"^{re.escape(name)} +([\d,]+) +(\S+) +(\S+)", said, re.MULTILINE)
    assert found, said
    return int(found[1].replace(",", "")), found[2], found[3]


def dollars(shown: str) -> float:
    return float(shown.removeprefix("$"))


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.usefixtures("wide")
def test_the_starter_is_within_its_own_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "init", "--folder", str(tmp_path), "--lab"]) == 0
    assert main(["eval", "plan", str(tmp_path / "eval.yaml"), "--lab"]) == 0
    said = capsys.readouterr().out
    assert "The budget of $1.00 is enough for what is expected; the run stops there." in said


@pytest.mark.usefixtures("wide")
async def test_a_riddle_is_thought_about_however_short_its_answer_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        for asked in ("Sum {}: 2 + 2?", "Who wrote this?"):
            await Planned(tmp_path, little, large, [item(0, "4", asked)])("plan")
            found.append(dollars(costs(capsys.readouterr().out, "little")[1]))
    assert found[0] > 3 * found[1]


@pytest.mark.usefixtures("wide")
async def test_a_short_right_answer_is_expected_to_be_answered_shortly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        for number, target in enumerate(("4", LONG)):
            folder = tmp_path / str(number)
            folder.mkdir()
            await Planned(folder, little, large, [item(0, target, "Who wrote this?")])("plan")
            found.append(dollars(costs(capsys.readouterr().out, "little")[1]))
    assert found[0] < found[1] / 3


@pytest.mark.usefixtures("wide")
async def test_what_earlier_runs_cost_is_what_is_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the very same item, else of any other."""
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        planned = Planned(tmp_path, little, large, [item(n) for n in range(4)])
        planned.configure("{cache: false}")
        await planned("plan")
        assumed = capsys.readouterr().out
        await planned("run", "--fail-on=never")
        spent = re.search(r"spent \$([\d.]+)", capsys.readouterr().out)
        await planned("plan")
        said = capsys.readouterr().out
        tmp_path.joinpath("items.jsonl").write_text("".join(item(n) for n in range(8)), "utf-8")
        await planned("plan")
        more = capsys.readouterr().out
    assert spent
    assert dollars(costs(said, "all")[1]) == pytest.approx(float(spent[1]), rel=0.02)
    assert dollars(costs(said, "little")[1]) < dollars(costs(assumed, "little")[1])
    assert "as 4 answers of earlier runs" in said
    assert dollars(costs(more, "all")[1]) == pytest.approx(2 * float(spent[1]), rel=0.02)


@pytest.mark.usefixtures("wide")
async def test_a_plan_says_that_losers_will_cost_less(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        assert await Planned(tmp_path, little, large, [item(0)])("plan", "--drop-losers") == 0
    assert "A target that is dropped as a loser is asked less, and costs less." in capsys.readouterr().out


@pytest.mark.usefixtures("wide")
async def test_what_is_in_the_cache_costs_nothing_and_is_counted_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        planned = Planned(tmp_path, little, large, [item(n) for n in range(4)])
        await planned("run", "--fail-on=never", "--limit=3")
        capsys.readouterr()
        await planned("plan")
        said = capsys.readouterr().out
        planned.configure("{cache: false}")
        await planned("plan")
        anew = capsys.readouterr().out
    assert costs(said, "little")[0] == 1
    assert "3 more from the cache" in said
    assert dollars(costs(said, "little")[1]) == pytest.approx(dollars(costs(anew, "little")[1]) / 4, rel=0.05)
    assert costs(anew, "little")[0] == 4


def test_a_plan_makes_no_files(tmp_path: Path) -> None:
    assert main(["eval", "init", "--folder", str(tmp_path), "--lab"]) == 0
    before = set(tmp_path.rglob("*"))
    assert main(["eval", "plan", str(tmp_path / "eval.yaml"), "--lab"]) == 0
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("wide")
async def test_max_tokens_is_the_ceiling_of_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it nothing bounds the answers of a model whose longest answer is not known."""
    async with saying(then=RIGHT) as little, saying(then=RIGHT) as large:
        planned = Planned(tmp_path, little, large, [item(0)])
        await planned("plan")
        unbounded = costs(capsys.readouterr().out, "little")
        text = tmp_path.joinpath("eval.yaml").read_text("utf-8")
        bounded = text.replace("[little, large]", "[{id: little, config: {max_tokens: 1000}}, large]")
        tmp_path.joinpath("eval.yaml").write_text(bounded, "utf-8")
        assert await planned("plan") == 0
        ceiling = costs(capsys.readouterr().out, "little")
    assert unbounded[2] == "-"
    assert 0.002 <= dollars(ceiling[2]) < 0.0022


@pytest.mark.usefixtures("wide")
async def test_what_a_judge_cost_before_is_what_it_is_expected_to_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = Says(text='{"problems": [], "verdict": "pass"}')
    async with saying(then=RIGHT) as little, saying(then=verdict) as large:
        planned = Planned(tmp_path, little, large, [item(n) for n in range(4)])
        planned.configure("{cache: false}", JUDGED)
        await planned("plan")
        assumed = dollars(costs(capsys.readouterr().out, "judge j: large")[1])
        await planned("run", "--fail-on=never")
        capsys.readouterr()
        await planned("plan")
        said = capsys.readouterr().out
    calls, expected, most = costs(said, "judge j: large")
    assert calls == 8
    assert "as in earlier runs" in said
    assert dollars(expected) < assumed < dollars(most)
