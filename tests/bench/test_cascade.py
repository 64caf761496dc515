"""Ladders over recorded answers: a few questions of our own, whose every charge is known."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.cascade import CHEAP, DATA, OPINIONS, STRONG, main
from bench.cascade_climb import Charge, Climber, Outcome, Setting, plan_of
from bench.cascade_curve import LEVELS
from bench.cascade_rows import Query, RecordedCall, RowsError, read_gsm8k, read_rows
from bench.cascade_strategies import Ladder, measure, ways_of
from tiercel.checks.registry import Registry

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

MODELS = ("small", "large", "left", "right")
NANO = {"small": 10, "large": 100, "left": 3, "right": 5}
RIGHT = "7"
# what small, large, left and right answer, and with which settings below the large model is asked
ANSWERS: dict[str, tuple[str, str, str, str]] = {
    "all agree": ("7", "7", "7", "7"),
    "one agrees": ("7", "7", "7", "8"),
    "outvoted, rightly": ("8", "7", "7", "7"),
    "outvoted, wrongly": ("7", "7", "8", "8"),
    "nobody agrees": ("6", "7", "8", "9"),
}


def query(name: str, *texts: str, cut: bool = False) -> Query:
    calls = {
        model: RecordedCall(
            text=f"The answer is {text}." if text else "",
            score=float(text == RIGHT),
            nano=NANO[model],
            cut=cut and model == "small",
        )
        for model, text in zip(MODELS, texts, strict=True)
    }
    return Query(id=name, task="sums", prompt="How many are 3 and 4?", calls=calls)


async def climbed(setting: Setting, asked: Query, *, strict_json: bool = False) -> Outcome:
    registry = Registry.load()
    try:
        climber = Climber(registry, strict_json=strict_json)
        return await climber.climb(plan_of("small", "large", setting, registry), asked)
    finally:
        await registry.aclose()


ONE = Setting(opinions=("left",))
MAJORITY = Setting(opinions=("left", "right"), at_least=0.5)
ALL_THREE = Setting(opinions=("left", "right"), at_least=1.0)
NO_ELECTION = Setting(opinions=("left", "right"), at_least=0.5, elect=False)


@pytest.mark.parametrize(
    ("name", "setting", "delivered", "nano"),
    [
        ("all agree", Setting(), "small", 10),
        ("all agree", ONE, "small", 13),
        ("all agree", ALL_THREE, "small", 18),
        ("one agrees", MAJORITY, "small", 18),
        ("one agrees", ALL_THREE, "large", 118),
        ("outvoted, rightly", ONE, "large", 113),
        ("outvoted, rightly", MAJORITY, "left", 18),
        ("outvoted, rightly", ALL_THREE, "left", 18),
        ("outvoted, rightly", NO_ELECTION, "large", 118),
        ("outvoted, wrongly", MAJORITY, "left", 18),
        ("nobody agrees", MAJORITY, "large", 118),
        ("nobody agrees", Setting(), "small", 10),
    ],
)
async def test_who_is_delivered_and_what_it_costs(
    name: str, setting: Setting, delivered: str, nano: int
) -> None:
    asked = query(name, *ANSWERS[name])
    outcome = await climbed(setting, asked)
    assert (outcome.model, outcome.nano) == (delivered, nano)
    assert outcome.score == asked.calls[delivered].score


async def test_every_call_is_a_charge_and_their_sum_is_the_cost() -> None:
    outcome = await climbed(ALL_THREE, query("one agrees", *ANSWERS["one agrees"]))
    assert outcome.charges == (
        Charge(model="small", why="first", nano=10),
        Charge(model="left", why="opinion", nano=3),
        Charge(model="right", why="opinion", nano=5),
        Charge(model="large", why="escalation", nano=100),
    )
    assert outcome.nano == 10 + 3 + 5 + 100


async def test_an_answer_that_was_cut_goes_up_whoever_agrees() -> None:
    outcome = await climbed(Setting(), query("cut", "7", "7", "7", "7", cut=True))
    assert (outcome.model, outcome.nano) == ("large", 110)


@pytest.mark.parametrize(("strict_json", "nano"), [(False, 10), (True, 110)])
async def test_prose_goes_up_only_where_clients_ask_for_json(strict_json: bool, nano: int) -> None:
    outcome = await climbed(Setting(), query("prose", "7", "7", "7", "7"), strict_json=strict_json)
    assert outcome.nano == nano


async def test_an_opinion_that_says_nothing_is_paid_for_and_agrees_with_nobody() -> None:
    outcome = await climbed(ONE, query("silent", "7", "7", "", "7"))
    assert (outcome.model, outcome.nano) == ("large", 113)


def row(model: str, text: str | None, **changes: Any) -> dict[str, Any]:
    """A row of a table of outcomes."""
    return {
        "query_id": "q1",
        "category": "sums",
        "prompt": "How many are 3 and 4?",
        "model": model,
        "response": text,
        "pred": "7",
        "score": 1.0,
        "cost_usd": NANO[model] / 1e9,
        "truncated": False,
        "json_ok_raw": True,
        "split": "val",
        **changes,
    }


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def said(text: str) -> str:
    return json.dumps({"reasoning": "3 and 4", "answer": text})


def outcomes(name: str, split: str = "val") -> list[dict[str, Any]]:
    """The rows of one of the questions above; `right` has predictions only."""
    return [
        row(
            model,
            None if model == "right" else said(text),
            query_id=name,
            pred=text,
            score=float(text == RIGHT),
            split=split,
        )
        for model, text in zip(MODELS, ANSWERS[name], strict=True)
    ]


def test_where_the_text_is_missing_the_prediction_stands_in_its_place(tmp_path: Path) -> None:
    rows = read_rows(table(tmp_path / "t.parquet", outcomes("one agrees")), MODELS)
    assert rows.predicted(MODELS) == {"small": 0, "large": 0, "left": 0, "right": 1}
    assert json.loads(rows.queries[0].calls["right"].text) == {"reasoning": "", "answer": "8"}


def test_a_question_that_not_all_answered_at_a_known_price_is_left_out(tmp_path: Path) -> None:
    gap = [row("small", "7", query_id="gap"), row("large", "7", query_id="gap", cost_usd=None)]
    rows = read_rows(table(tmp_path / "t.parquet", [*outcomes("all agree"), *gap]), MODELS)
    assert ([query.id for query in rows.queries], rows.left_out) == (["all agree"], 1)


@pytest.mark.parametrize(
    ("splits", "asked", "expected"),
    [
        (("val", "train"), None, ("val", 1)),
        (("val", "train"), "train", ("train", 1)),
        (("val", "train"), "all", ("all", 2)),
        (("held out", "held out"), None, ("all", 2)),
    ],
)
def test_which_rows_are_taken(
    tmp_path: Path, splits: tuple[str, str], asked: str | None, expected: tuple[str, int]
) -> None:
    rows = [*outcomes("all agree", splits[0]), *outcomes("one agrees", splits[1])]
    found = read_rows(table(tmp_path / "t.parquet", rows), MODELS, asked)
    assert (found.split, len(found.queries)) == expected


def test_a_table_of_another_form_is_refused_by_name(tmp_path: Path) -> None:
    other = table(tmp_path / "t.parquet", [{"query_id": "q1", "model": "small"}])
    with pytest.raises(RowsError, match="no column category, prompt, score, cost_usd"):
        read_rows(other, MODELS)


def run(path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    names = ["--cheap", "small", "--strong", "large", "--opinions", "left,right"]
    assert main(["--data", str(path), *names, "--replicates", "20", "--json", *arguments]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_the_figures_of_five_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Large is right on all five at 100 each, small on three at 10. With two opinions and the majority's answer one
    question goes up and four of five are right, at (5 × 18 + 100) / 500 = 0.38; the oracle buys two at 10 × 3 + 200.
    """
    rows = [one for name in ANSWERS for one in outcomes(name)]
    facts = run(table(tmp_path / "t.parquet", rows), capsys)
    assert (facts["n"], facts["strong_quality"], facts["strong_usd_per_1000"]) == (
        5,
        1.0,
        pytest.approx(1e-4),
    )
    settings = {one["name"]: one for one in facts["two_opinions"]["settings"]}
    assert settings["1 of 2 agree, the majority's answer"] == {
        "name": "1 of 2 agree, the majority's answer",
        "cost": pytest.approx(0.38),
        "quality": 0.8,
        "quality_of_strong": 0.8,
        "went_up": 0.2,
    }
    assert settings["2 of 2 agree"]["cost"] == pytest.approx((5 * 18 + 4 * 100) / 500)
    assert settings["2 of 2 agree"]["quality"] == 1.0
    assert facts["always_cheap"]["quality_max"] == 0.6
    assert facts["always_cheap"]["cost_at_95"] is None
    # small at 0.1 gives 0.6, large at 1.0 gives 1.0: 0.95 lies at 7/8 of the way
    assert facts["random_mix"]["cost_at_95"] == pytest.approx(0.1 + 0.875 * 0.9)
    assert facts["oracle"]["cost_at_100"] == pytest.approx((3 * 10 + 2 * 100) / 500)
    assert facts["texts_from_predictions"] == {"small": 0, "large": 0, "left": 0, "right": 5}


STRATEGIES = (
    "always_cheap",
    "always_strong",
    "random_mix",
    "route_by_task",
    "no_opinion",
    "one_opinion",
    "two_opinions",
    "two_opinions_without_majority",
    "oracle",
)


def test_every_strategy_has_its_costs_its_best_and_their_intervals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [one for split in ("val", "train") for name in ANSWERS for one in outcomes(name, split)]
    facts = run(table(tmp_path / "t.parquet", rows), capsys)
    levels = {"cost_at_100", "cost_at_99", "cost_at_95"}
    for name in STRATEGIES:
        assert levels | {"quality_max", "cost_of_quality_max", "intervals"} <= facts[name].keys()
        assert facts[name]["intervals"].keys() == levels | {"quality_max"}
    assert facts["two_opinions"]["chosen_on_train"]["for_95"].keys() == {
        "mix",
        "cost",
        "quality_of_strong",
        "intervals",
    }
    assert facts["differences"].keys() == {"two_opinions_less_one_opinion", "two_opinions_less_route_by_task"}


def test_tables_say_how_many_questions_and_which_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "t.parquet", outcomes("one agrees"))
    names = ["--cheap", "small", "--strong", "large", "--opinions", "left,right"]
    assert main(["--data", str(path), *names, "--replicates", "5", "--seed", "3"]) == 0
    told = capsys.readouterr().out
    assert "n = 1 questions" in told
    assert "5 bootstrap samples by question, seed 3" in told


def test_without_data_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", "nowhere.parquet"]) == 2
    assert "nowhere.parquet: cannot be read" in capsys.readouterr().err


def test_gsm8k_is_read_in_the_order_of_the_models_sizes_at_assumed_prices(tmp_path: Path) -> None:
    models = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    line = {model: {"is_correct": place > 1, "solution": "A: 7"} for place, model in enumerate(models)}
    path = tmp_path / "solutions.jsonl"
    path.write_text(json.dumps({"question": "How many?", "ground_truth": "A: 7", **line}) + "\n")
    rows, found = read_gsm8k(path)
    assert (found, rows.prices) == (models, "assumed")
    costs = [rows.queries[0].calls[model].nano for model in models]
    assert costs == sorted(costs)
    assert [rows.queries[0].calls[model].score for model in models] == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.skipif(not DATA.is_file(), reason="the recorded outcomes are not beside this checkout")
async def test_two_opinions_beat_one_and_routing_by_task_on_recorded_answers() -> None:
    """What the documentation promises of the pair that it names."""
    rows = read_rows(DATA, (CHEAP, STRONG, *OPINIONS), "val")
    ways = await ways_of(rows, Ladder(cheap=CHEAP, strong=STRONG, opinions=OPINIONS))
    measured = measure(ways, [query.task for query in rows.queries], replicates=1, seed=1)
    at_99 = LEVELS.index(99)
    reached = {name: one.figures.cost_at[at_99] or 0.0 for name, one in measured.strategies.items()}
    assert len(rows.queries) == 289
    assert 0 < reached["two_opinions"] < min(0.42, reached["one_opinion"], reached["route_by_task"])
