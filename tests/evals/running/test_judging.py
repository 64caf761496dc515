"""Judges over real sockets: their verdicts, what they cost, both orders, panels, and nonsense that is no verdict."""

import asyncio
from pathlib import Path

import pytest

from tests.evals.running.build import begun, bench, evaluation, items, rows
from tests.evals.running.speaking import Held, Speak, Speaking, passing, preference, verdict
from tiercel.checks.registry import Registry
from tiercel.evals.evaluation import Evaluation, Expectation, JudgeSettings
from tiercel.evals.judging.family import family_warnings
from tiercel.evals.judging.pairwise import value_of
from tiercel.evals.judging.panel import Opinion, majority
from tiercel.evals.results import Result
from tiercel.evals.running.run import MOST_BEHIND
from tiercel.testing.loopback import SeenRequest

RUBRIC = Expectation(scorer="llm-rubric", value="It is right.", judge="j")
PAIRWISE = Expectation(scorer="pairwise", judge="j")
JUDGE = JudgeSettings(name="j", models=("judge",))
PAIRS = JudgeSettings(name="j", models=("judge",), mode="pairwise")


async def judged(
    folder: Path, registry: Registry, speak: Speak, of: Evaluation, *models: str
) -> tuple[list[Result], list[SeenRequest]]:
    names = (*models, *{c.address for c in of.candidates}, "judge")
    async with bench(folder, Speaking(speak), registry, *names) as b:
        _, found = await b.ran(of)
        return found, b.provider.requests


async def test_a_judges_verdict_is_the_score_and_its_call_is_paid_for(
    tmp_path: Path, registry: Registry
) -> None:
    found, asked = await judged(
        tmp_path, registry, passing, evaluation(items(1, RUBRIC), judges={"j": JUDGE})
    )
    (score,) = found[0].scores
    assert (found[0].state, score.value, score.reason) == ("passed", 1.0, "pass")
    assert (score.by, score.calls, score.cost_nano > 0) == ("judge (judge prompt 1)", 1, True)
    question = asked[1].json
    assert question["response_format"]["json_schema"]["strict"] is True
    assert "It is right." in question["messages"][0]["content"]


async def test_a_judge_that_says_no_says_why(tmp_path: Path, registry: Registry) -> None:
    def speak(model: str, shown: str) -> str:
        return verdict("fail", "It is five.") if model == "judge" else "4"

    found, _ = await judged(tmp_path, registry, speak, evaluation(items(1, RUBRIC), judges={"j": JUDGE}))
    assert (found[0].state, found[0].reason) == ("failed", "llm-rubric: fail: It is five.")


@pytest.mark.parametrize(
    "nonsense",
    ["", "pass", "The verdict is pass.", '{"verdict": "pass"}', '{"problems": [], "verdict": "maybe"}', "[]"],
)
async def test_nonsense_is_no_verdict_and_not_the_candidates_fault(
    nonsense: str, tmp_path: Path, registry: Registry
) -> None:
    def speak(model: str, shown: str) -> str:
        return nonsense if model == "judge" else "4"

    of = evaluation(items(1, RUBRIC), judges={"j": JUDGE}, attempts=1)
    found, _ = await judged(tmp_path, registry, speak, of)
    assert (found[0].state, found[0].kind) == ("error", "scorer")
    assert "judge" in found[0].reason
    assert (found[0].judges_nano > 0) == bool(nonsense)


def prefers(text: str) -> Speak:
    """A judge that prefers the answer that has this text; candidates say their own names."""

    def speak(model: str, shown: str) -> str:
        if model != "judge":
            return f"It is 4, says {model}"
        a, _, b = shown.partition("<answer B")
        return preference("A" if text in a.partition("<answer A")[2] else "B" if text in b else "tie")

    return speak


def pair_of(orders: str = "both") -> Evaluation:
    judge = JudgeSettings(name="j", models=("judge",), mode="pairwise", orders=orders)  # type: ignore[arg-type] # one of two
    return evaluation(items(1, PAIRWISE), "new", "old", baseline="old", judges={"j": judge})


@pytest.mark.parametrize(
    ("text", "value", "state"),
    [("says new", 1.0, "passed"), ("says old", 0.0, "failed"), ("says nobody", 0.5, "passed")],
)
async def test_a_pair_is_compared_in_both_orders(
    text: str, value: float, state: str, tmp_path: Path, registry: Registry
) -> None:
    found, asked = await judged(tmp_path, registry, prefers(text), pair_of())
    by_name = {row.candidate: row for row in found}
    assert (by_name["new"].scores[0].value, by_name["new"].state) == (value, state)
    assert (by_name["old"].scores[0].value, by_name["old"].scores[0].reason) == (0.5, "the baseline itself")
    assert sum(request.json["model"] == "judge" for request in asked) == 2


async def test_a_rubric_whose_judge_looks_at_pairs_does_not_fail_the_baseline_itself(
    tmp_path: Path, registry: Registry
) -> None:
    of = evaluation(items(1, RUBRIC), "new", "old", baseline="old", judges={"j": PAIRS})
    found, _ = await judged(tmp_path, registry, prefers("says nobody"), of)
    assert {row.candidate: row.state for row in found} == {"new": "passed", "old": "passed"}


async def test_a_verdict_that_flips_with_the_order_is_a_tie(tmp_path: Path, registry: Registry) -> None:
    def speak(model: str, shown: str) -> str:
        return preference("A") if model == "judge" else "4"

    found, _ = await judged(tmp_path, registry, speak, pair_of())
    score = next(row.scores[0] for row in found if row.candidate == "new")
    assert (score.value, score.met, score.reason) == (0.5, True, "tie: the verdict flips with the order")
    assert (score.both_orders, score.flips) == (1, 1)


async def test_a_judge_that_is_to_look_at_pairs_does_so_for_a_rubric_too(
    tmp_path: Path, registry: Registry
) -> None:
    of = evaluation(items(1, RUBRIC), "new", "old", baseline="old", judges={"j": PAIRS})
    found, asked = await judged(tmp_path, registry, prefers("says new"), of)
    assert {row.candidate: row.scores[0].value for row in found} == {"new": 1.0, "old": 0.5}
    assert "It is right." in asked[-1].json["messages"][0]["content"]


async def test_the_judge_cannot_know_whose_answer_it_reads(tmp_path: Path, registry: Registry) -> None:
    """Neither name nor role stands in the question, and the marks cannot be guessed."""

    def speak(model: str, shown: str) -> str:
        return preference("tie") if model == "judge" else "4"

    _, asked = await judged(tmp_path, registry, speak, pair_of())
    shown = [request.json["messages"][1]["content"] for request in asked if request.json["model"] == "judge"]
    assert all(word not in text for text in shown for word in ("new", "old", "baseline", "candidate"))
    codes = {text.partition("<answer A ")[2].partition(">")[0] for text in shown}
    assert len(codes) == 2
    assert all(len(code) == 16 for code in codes)


async def test_without_the_baselines_answer_nothing_is_compared(tmp_path: Path, registry: Registry) -> None:
    def speak(model: str, shown: str) -> str:
        return "" if model == "old" else "4"

    found, _ = await judged(tmp_path, registry, speak, pair_of())
    row = next(row for row in found if row.candidate == "new")
    assert (row.state, row.kind) == ("error", "scorer")
    assert "the baseline has no answer" in row.reason


@pytest.mark.parametrize(
    ("said", "value", "met"),
    [
        (("pass", "pass", "fail"), 2 / 3, True),
        (("pass", "fail", "fail"), 1 / 3, False),
        (("pass", "fail", "what?"), 0.5, False),
        (("pass", "pass", "what?"), 1.0, True),
    ],
)
async def test_the_majority_of_a_panel_counts(
    said: tuple[str, ...], value: float, met: bool, tmp_path: Path, registry: Registry
) -> None:
    words = dict(zip(("judge", "judge-b", "judge-c"), said, strict=True))

    def speak(model: str, shown: str) -> str:
        return verdict(words[model]) if model in words else "4"

    panel = {"j": JudgeSettings(name="j", models=tuple(words))}
    found, _ = await judged(tmp_path, registry, speak, evaluation(items(1, RUBRIC), judges=panel), *words)
    score = found[0].scores[0]
    assert (score.value, score.met, score.calls) == (value, met, 3)


async def test_a_budget_holds_for_judges_too_and_nothing_is_half_measured(
    tmp_path: Path, registry: Registry
) -> None:
    """An answer whose judge could not be paid has no row: it waits for more money."""
    of = evaluation(items(3, RUBRIC), judges={"j": JUDGE}, budget_nano=100_000, concurrency=1)
    async with bench(tmp_path, Speaking(passing), registry, "scripted", "judge") as b:
        run = begun(tmp_path, of)
        ended = await b.run(run, estimate=lambda body, helped: 200_000 if body["model"] == "judge" else 0)
    assert (ended.stopped, rows(run)) == ("budget", [])


async def test_of_a_panel_the_known_prices_count_and_the_unknown_ones_are_counted(
    tmp_path: Path, registry: Registry
) -> None:
    panel = {"j": JudgeSettings(name="j", models=("judge", "judge-unpriced"))}
    names = ("scripted", "judge", "judge-unpriced")
    async with bench(tmp_path, Speaking(passing), registry, *names) as b:
        ended, (row,) = await b.ran(evaluation(items(1, RUBRIC), judges=panel))
    score = row.scores[0]
    assert (score.calls, score.unpriced_calls, score.cost_nano > 0) == (2, 1, True)
    assert (score.full_cost_nano, ended.unpriced) == (None, 1)


async def test_nobody_is_asked_while_too_many_answers_wait_for_a_judge(
    tmp_path: Path, registry: Registry
) -> None:
    """Answers are of no use without their scores."""
    provider = Held()
    of = evaluation(items(MOST_BEHIND + 40, RUBRIC), judges={"j": JUDGE})
    async with bench(tmp_path, provider, registry, "scripted", "judge") as b:
        running = asyncio.create_task(b.ran(of))
        async with asyncio.timeout(60):
            await provider.wait_for_requests(MOST_BEHIND + 1)
        await asyncio.sleep(0.3)
        assert len(provider.requests) <= MOST_BEHIND + 3 * of.run.concurrency
        provider.let.set()
        ended, found = await running
    assert (ended.is_whole, len(found)) == (True, MOST_BEHIND + 40)


@pytest.mark.parametrize(("half_is_enough", "met"), [(True, True), (False, False)])
async def test_a_panel_split_in_halves_has_not_passed_an_answer_but_is_a_tie_of_two(
    half_is_enough: bool, met: bool
) -> None:
    values = {"a": 1.0, "b": 0.0}

    async def ask_one(model: str) -> Opinion:
        return Opinion(model=model, value=values[model])

    found = await majority(("a", "b"), ask_one, prompt="p", half_is_enough=half_is_enough)
    assert (found.value, found.met) == (0.5, met)


def test_a_judge_of_a_candidates_family_is_warned_of() -> None:
    makers = {"a-small": "acme", "a-large": "acme", "b": "other"}
    of = evaluation(
        items(1), "a-small", judges={"j": JudgeSettings(name="j", models=("a-large", "b", "a-small"))}
    )
    kin, itself = family_warnings(of, lambda name: makers[name])
    assert "a-large is of the family of a-small" in kin
    assert "a-small judges itself" in itself


def test_a_preference_is_turned_to_the_candidate() -> None:
    assert [value_of(preference(w), candidate_is_a=True) for w in ("A", "B", "tie")] == [1.0, 0.0, 0.5]
    assert [value_of(preference(w), candidate_is_a=False) for w in ("A", "B", "tie")] == [0.0, 1.0, 0.5]
    assert value_of("A", candidate_is_a=True) is None
