"""`refusal`: what declines is found by its wording; what only sounds like it is not."""

import json
import time
from pathlib import Path

import pytest

from tests.checks.build import choice, measure, tool_call
from tiercel.checks.declining import DECLINES, HINT
from tiercel.checks.refusal import SENTENCE_END, RefusalCheck, answering
from tiercel.domain.request import Refusal
from tiercel.domain.response import Choice

LABELS = {"answered": "answer", "partial": "partial", "refused": "refusal"}
CASES = [
    json.loads(line) for line in (Path(__file__).parent / "refusals.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["round"] == 1], ids=lambda case: case["text"][:40]
)
def test_wordings_that_the_phrases_were_made_for(case: dict[str, str]) -> None:
    assert LABELS[answering(case["text"])[0]] == case["label"]


@pytest.mark.parametrize(
    ("round_", "n", "flagged", "right", "declining"),
    [(1, 99, 54, 54, 54), (2, 32, 19, 19, 19), (3, 32, 12, 11, 19)],
)
def test_precision_and_recall_are_what_the_documentation_says(
    round_: int, n: int, flagged: int, right: int, declining: int
) -> None:
    """Round 2 was written before its gaps were closed, round 3 after; nothing was changed for round 3."""
    cases = [case for case in CASES if case["round"] == round_]
    found = [answering(case["text"])[0] != "answered" for case in cases]
    declines = [case["label"] != "answer" for case in cases]
    both = sum(a and b for a, b in zip(found, declines, strict=True))
    assert (len(cases), sum(found), both, sum(declines)) == (n, flagged, right, declining)


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (choice("Paris."), 1.0),
        (choice("I can't help with that."), 0.0),
        (choice("The result is 12, and that of the second one is 30. I can't share the address."), 0.5),
        (choice("", Refusal(text="No.")), 0.0),
        (choice("", finish="content_filter"), 0.0),
        (choice("I can't help with that.", tool_call()), 1.0),
        (choice(""), 1.0),
    ],
)
async def test_declining_wholly_is_0_and_in_part_one_half(answer: Choice, score: float) -> None:
    assert (await measure(RefusalCheck(), answer)).score == score


def test_the_hint_misses_nothing_that_declines() -> None:
    sentences = [
        sentence for case in CASES for sentence in SENTENCE_END.split(case["text"].replace("’", "'"))
    ]
    declining = [sentence for sentence in sentences if DECLINES.search(sentence)]
    assert len(declining) > 70
    assert [sentence for sentence in declining if not HINT.search(sentence)] == []


@pytest.mark.parametrize(
    "pattern", ["I can't ", "“", "```\n", "sorry, but ", "kann ich ", "no, ", "als ki ", '"', "\n"]
)
def test_long_answers_are_read_in_bounded_time(pattern: str) -> None:
    started = time.process_time()
    answering(pattern * 100_000)
    assert time.process_time() - started < 5
