"""What each scorer takes for a good answer and what not, in a table; and what keeps an expectation from being used."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.evals.scorers.build import answer, call, measured, score
from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.evals.evaluation import Evaluation, Expectation, Item
from tiercel.evals.scorers.calling import right_calls
from tiercel.evals.scorers.registry import ScorerRegistry
from tiercel.evals.scorers.words import edit_distance

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
CODE = "```python\ndef f(n):\n    return n + 1\n```"
TABLE = "| name | age |\n| --- | --- |\n| Ann | 3 |\n"

CASES: list[tuple[str, Json, str, bool]] = [
    ("equals", "4", " 4\n", True),
    ("equals", "4", "It is 4", False),
    ("equals", 4, "4", True),
    ("equals", {"a": [1, 2]}, '{"a": [1,  2]}', True),
    ("equals", {"a": 1}, "a is 1", False),
    ("contains", "4", "It is 4.", True),
    ("contains", "Four", "it is four", False),
    ("icontains", "Four", "it is four", True),
    ("contains-any", ["5", "4"], "It is 4.", True),
    ("contains-any", "5, 6", "It is 4.", False),
    ("contains-all", ["2", "4"], "2 + 2 = 4", True),
    ("contains-all", ["2", "5"], "2 + 2 = 4", False),
    ("icontains-any", ["PARIS"], "paris", True),
    ("icontains-all", ["PARIS", "Rome"], "paris", False),
    ("starts-with", "It", "It is", True),
    ("starts-with", "it", "It is", False),
    ("ends-with", "4.", "It is 4.\n", True),
    ("ends-with", "4", "It is 4.", False),
    ("regex", r"\d+ EUR", "12 EUR", True),
    ("regex", r"^\d+$", "twelve", False),
    ("levenshtein", "kitten", "sitting", True),
    ("levenshtein", "kitten", "a quite different text", False),
    ("numeric", "1,234.5", "so that is 1234.50 in all", True),
    ("numeric", 42, "First 41, then 42.\n#### 42", True),
    ("numeric", 42, "none at all", False),
    ("numeric", "5 kg", "5 g", False),
    ("table", ["name", "age"], TABLE, True),
    ("table", ["name", "height"], TABLE, False),
    ("language", "de", "Das ist ein ganz gewöhnlicher deutscher Satz über das Wetter.", True),
    ("language", "de", "This is quite an ordinary sentence about the weather.", False),
    ("is-json", None, '{"a": 1}', True),
    ("is-json", None, 'Here: {"a": 1}', False),
    ("is-json", SCHEMA, '{"a": 1}', True),
    ("is-json", SCHEMA, '{"a": "one"}', False),
    ("contains-json", SCHEMA, 'Here it is:\n```json\n{"a": 1}\n```\nDone.', True),
    ("contains-json", SCHEMA, "no JSON here", False),
    ("is-refusal", None, "I'm sorry, but I can't help with that.", True),
    ("is-refusal", None, "Gladly: it is 4.", False),
    ("code", "assert f(1) == 2", CODE, True),
    ("code", "assert f(1) == 3", CODE, False),
    ("length", {"unit": "words", "max": 3}, "one two three", True),
    ("length", {"unit": "words", "max": 3}, "one two three four", False),
    ("check:contains", {"all": ["4"], "none": ["5"]}, "4", True),
    ("check:contains", {"all": ["4"], "none": ["5"]}, "4 or 5", False),
    ("json-schema", {"schema": SCHEMA}, '{"a": 1}', True),
    ("finished", None, "It is 4.", True),
]  # fmt: skip


@pytest.mark.parametrize(("scorer", "value", "text", "met"), CASES)
async def test_an_answer_meets_the_expectation_or_not(
    scorer: str, value: Json, text: str, met: bool, scorers: ScorerRegistry
) -> None:
    found = await score(scorers, text, scorer, value)
    if scorer == "code" and found.unmeasured is not None and "sandbox" in found.unmeasured:
        pytest.skip(found.unmeasured)
    assert (found.met, found.unmeasured) == (met, None)
    assert (found.value == 1) == met or scorer == "levenshtein"


@pytest.mark.parametrize("scorer", ["contains", "is-json", "equals", "contains-all", "is-refusal"])
async def test_not_turns_the_score_over(scorer: str, scorers: ScorerRegistry) -> None:
    value = None if scorer in ("is-json", "is-refusal") else "4"
    plain = await score(scorers, "It is 4.", scorer, value)
    turned = await score(scorers, "It is 4.", scorer, value, negated=True)
    assert turned.name == f"not-{scorer}"
    assert (turned.met, turned.value) == (not plain.met, 1 - plain.value)


@pytest.mark.parametrize(
    ("options", "text", "met"),
    [
        ({"tolerance": 0.5}, "99.6", True),
        ({"tolerance": 0.5}, "99.4", False),
        ({"relative": 0.01}, "101", True),
        ({"relative": 0.01}, "101.1", False),
    ],
)
async def test_a_number_may_be_off_by_the_tolerance(
    options: dict[str, float], text: str, met: bool, scorers: ScorerRegistry
) -> None:
    assert (await score(scorers, text, "numeric", 100, options)).met is met


@given(st.text("ab", max_size=8), st.text("ab", max_size=8), st.integers(0, 9))
def test_edits_are_counted_as_by_the_plain_definition(a: str, b: str, most: int) -> None:
    def plain(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        return min(plain(a[1:], b) + 1, plain(a, b[1:]) + 1, plain(a[1:], b[1:]) + (a[0] != b[0]))

    assume(len(a) * len(b) <= 25)
    assert edit_distance(a, b, most) == min(plain(a, b), most + 1)


@pytest.mark.parametrize("scorer", ["equals", "numeric", "choice"])
async def test_without_a_value_the_items_target_is_the_right_answer(
    scorer: str, scorers: ScorerRegistry
) -> None:
    about: dict[str, Any] = {"choices": ("3", "4")} if scorer == "choice" else {}
    assert (await score(scorers, "4", scorer, target=("4",), **about)).met
    assert (await score(scorers, "4", scorer, **about)).unmeasured is not None


@pytest.mark.parametrize(
    ("text", "met"),
    [("B", True), ("(b) Rome", True), ("Answer: Rome", True), ("Paris", False), ("A or B", False)],
)
async def test_a_choice_is_taken_by_its_letter_or_in_its_words(
    text: str, met: bool, scorers: ScorerRegistry
) -> None:
    assert (await score(scorers, text, "choice", "Rome", choices=("Paris", "Rome", "Bonn"))).met is met
    assert (await score(scorers, text, "choice", "B", choices=("Paris", "Rome", "Bonn"))).met is met


async def test_choices_are_read_from_the_question_where_the_item_names_none(scorers: ScorerRegistry) -> None:
    asked = "Which?\nA) Paris\nB) Rome"
    assert (await score(scorers, "B", "choice", "Rome", asked=asked)).met


WEATHER = {"name": "weather", "arguments": {"city": "Bonn", "days": 3}}
BFCL = {"weather": {"city": ["Bonn", "Bonn, Germany"], "days": [3, ""]}}
POINT = {"click": {"x": {"minimum": 10, "maximum": 20}, "y": {"minimum": 5, "maximum": 5}}}
CALLS = {
    "exact": (WEATHER, (call("weather", city="Bonn", days=3),), True),
    "an argument missing": (WEATHER, (call("weather", city="Bonn"),), False),
    "another value": (WEATHER, (call("weather", city="Rome", days=3),), False),
    "one too many": (WEATHER, (call("weather", city="Bonn", days=3), call("time")), False),
    "another tool": (WEATHER, (call("time"),), False),
    "no call": (WEATHER, (), False),
    "a name is enough": ("weather", (call("weather", city="anywhere"),), True),
    "acceptable": (BFCL, (call("weather", city="bonn germany", days=3),), True),
    "optional left out": (BFCL, (call("weather", city="Bonn"),), True),
    "not acceptable": (BFCL, (call("weather", city="Bonn", days=4),), False),
    "not known": (BFCL, (call("weather", city="Bonn", unit="C"),), False),
    "within bounds": (POINT, (call("click", x=20, y=5.0),), True),
    "out of bounds": (POINT, (call("click", x=9.9, y=5),), False),
    "no number": (POINT, (call("click", x=True, y="5"),), False),
    "a number missing": (POINT, (call("click", x=12),), False),
    "any order": ([WEATHER, "time"], (call("time"), call("weather", city="Bonn", days=3)), True),
    "none wanted": ([], (), True),
    "none wanted, one made": ([], (call("time"),), False),
}


@pytest.mark.parametrize(("wanted", "made", "met"), CALLS.values(), ids=CALLS)
async def test_tool_calls_are_compared_by_name_and_arguments(
    wanted: Json, made: Any, met: bool, scorers: ScorerRegistry
) -> None:
    assert (await score(scorers, "", "tool-call", wanted, calls=made)).met is met


@pytest.mark.parametrize(
    ("scorer", "value", "threshold", "met"),
    [
        ("latency", "3s", None, True),
        ("latency", None, 1_500.0, False),
        ("ttft", "500ms", None, True),
        ("ttfa", "500ms", None, False),
        ("cost", 0.003, None, True),
        ("cost", None, 0.001, False),
    ],
)
async def test_time_and_money_are_held_against_their_bounds(
    scorer: str, value: Json, threshold: float | None, met: bool, scorers: ScorerRegistry
) -> None:
    known: dict[str, Any] = {"seconds": 2.0, "ttft_seconds": 0.4, "ttfa_seconds": 0.6, "cost_nano": 2_000_000}
    assert (await score(scorers, "4", scorer, value, threshold=threshold, **known)).met is met


async def test_a_repaired_answer_counts_only_where_that_is_wanted_and_is_told_apart(
    scorers: ScorerRegistry,
) -> None:
    fenced = '```json\n{"a": 1}\n```'
    strict = await score(scorers, fenced, "is-json", SCHEMA)
    kind = await score(scorers, fenced, "is-json", SCHEMA, {"repair": True})
    as_it_stands = await score(scorers, '{"a": 1}', "is-json", SCHEMA, {"repair": True})
    assert (strict.met, kind.met, kind.repaired, as_it_stands.repaired) == (False, True, True, False)


@pytest.mark.parametrize("scorer", ["check:contains", "is-json", "regex"])
async def test_a_refusal_is_no_answer_to_read(scorer: str, scorers: ScorerRegistry) -> None:
    value = {"all": ["x"]} if scorer.startswith("check") else None if scorer == "is-json" else "x"
    found = await score(scorers, "x", scorer, value, finish="content_filter")
    assert (found.met, found.reason) == (False, "no text to read: refused")


async def test_the_items_score_is_the_weighted_mean_and_weight_0_only_measures(
    scorers: ScorerRegistry,
) -> None:
    found = await measured(
        scorers,
        answer(
            "4",
            Expectation(scorer="contains", value="4", weight=3),
            Expectation(scorer="contains", value="5", metric="five"),
            Expectation(scorer="contains", value="6", weight=0),
        ),
    )
    assert (found.score, found.passed) == (0.75, False)
    assert found.misses == "five: lacks '5'"


@pytest.mark.parametrize(("threshold", "met"), [(None, False), (0.5, True), (0.6, False)])
async def test_an_expectation_is_met_from_its_threshold_on(
    threshold: float | None, met: bool, scorers: ScorerRegistry
) -> None:
    found = await score(scorers, "It is 4.", "contains-all", ["4", "5"], threshold=threshold)
    assert (found.value, found.met) == (0.5, met)


async def test_a_person_decides_later_and_nothing_fails_until_then(scorers: ScorerRegistry) -> None:
    found = await measured(scorers, answer("4", Expectation(scorer="human")))
    assert (found.passed, found.unmeasured) == (True, None)
    assert found.scores[0].unmeasured == "waits for a person's label"


WRONG = {
    "unknown": (Expectation(scorer="contians", value="4"), "no scorer 'contians'; did you mean 'contains'"),
    "no value": (Expectation(scorer="contains"), "value is missing: give the text"),
    "no list": (Expectation(scorer="contains-all", value=[]), "give a list of texts"),
    "option": (Expectation(scorer="contains", value="4", options={"case": 1}), "no option 'case'"),
    "pattern": (Expectation(scorer="regex", value="("), "pattern does not compile"),
    "schema": (Expectation(scorer="is-json", value={"type": "obj"}), "schema"),
    "bound": (Expectation(scorer="latency", value="fast"), "the bound is 'fast': give one such as 2s"),
    "tolerance": (Expectation(scorer="numeric", value=1, options={"tolerance": -1}), "tolerance is -1"),
    "call": (Expectation(scorer="tool-call", value={"a": 1}), "is no call: give a name"),
    "no bounds": (
        Expectation(scorer="tool-call", value={"click": {"x": {"minimum": 1, "max": 2}}}),
        "give {minimum, maximum} of a number: Object contains unknown field",
    ),
    "bounds upside down": (
        Expectation(scorer="tool-call", value={"click": {"x": {"minimum": 2, "maximum": 1}}}),
        "the minimum is above the maximum",
    ),
    "kind": (Expectation(scorer="instructions", value=["no_comas"]), "no instruction 'no_comas'"),
    "arguments": (Expectation(scorer="instructions", value=["keywords:existence"]), "keywords is None"),
    "function": (Expectation(scorer="no_module:f"), "is no_module.py beside the evaluation"),
    "judge": (Expectation(scorer="llm-rubric", value="good", judge="j9"), "no judge 'j9'"),
}


@pytest.mark.parametrize(("expectation", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_measured_is_found_before_anybody_is_asked(
    expectation: Expectation, told: str, scorers: ScorerRegistry
) -> None:
    item = Item(id="q7", body={}, expectations=(expectation,))
    with pytest.raises(ConfigError) as raised:
        scorers.prepare(Evaluation(name="e", candidates=(), items=(item,)))
    assert told in str(raised.value)
    assert "q7" in str(raised.value)


@pytest.mark.parametrize(("low", "high", "middle"), [(10, 21, 15), (0.2, 0.6, 0.4), (7, 7, 7)])
def test_the_right_call_within_bounds_is_their_middle(low: float, high: float, middle: float) -> None:
    """A whole number where one lies there: pixels are."""
    wanted = {"click": {"x": {"minimum": low, "maximum": high}}}
    assert right_calls(wanted) == [("click", {"x": middle})]


@pytest.mark.parametrize(
    ("scorer", "value", "found"),
    [
        ("rouge-1", "the cat sat", 1.0),
        ("rouge-1", "sat the cat", 1.0),
        ("rouge-1", "the cat sat on a mat", 2 * 3 / 9),
        ("rouge-n", "the dog sat", 2 * 2 / 6),
        ("rouge-1", "a dog", 0.0),
        ("rouge-1", ["a dog", "The cat."], 2 * 2 / 5),
        ("rouge-l", "sat the cat", 2 * 2 / 6),
        ("rouge-l", "the cat sat", 1.0),
        ("rouge-l", None, 2 * 1 / 4),
    ],
)
async def test_rouge_is_the_f1_of_the_words_in_common(
    scorer: str, value: Json, found: float, scorers: ScorerRegistry
) -> None:
    """Of several texts, or targets, the nearest; met from 0.75 on."""
    scored = await score(scorers, "The cat sat", scorer, value, target=("cat",))
    assert scored.value == pytest.approx(found)
    assert scored.met is (found >= 0.75)


async def test_overlap_with_nothing_is_not_measured(scorers: ScorerRegistry) -> None:
    assert "nothing to compare with" in ((await score(scorers, "a", "rouge-l")).unmeasured or "")
