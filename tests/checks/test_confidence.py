"""`confidence`: a low quantile of token probabilities, or a stated number."""

import math

import msgspec
import pytest

from tests.checks.build import choice, measure
from tiercel.checks.confidence import Confidence, stated
from tiercel.domain.errors import CheckError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.response import Choice


def answer(*tokens: tuple[str, float]) -> Choice:
    """An answer with these tokens and their probabilities."""
    content = [
        {"token": token, "logprob": math.log(share) if share else -math.inf, "top_logprobs": []}
        for token, share in tokens
    ]
    return msgspec.structs.replace(choice("Paris"), logprobs={"content": content})


SURE = [(f"w{number}", 0.99) for number in range(19)]


@pytest.mark.parametrize(
    ("tokens", "options", "score"),
    [
        ([*SURE, ("no", 0.2)], {}, 0.99),
        ([*SURE[:8], ("no", 0.2)], {}, 0.2),
        ([*SURE, ("no", 0.2)], {"quantile": 0.0}, 0.2),
        ([*SURE, ("no", 0.2)], {"quantile": 1}, 0.99),
        ([("Paris", 0.9), (" ", 0.1), (".", 0.1), ("\n", 0.1)], {}, 0.9),
        ([("never", 0.0)], {}, 0.0),
    ],
    ids=["one of twenty", "one of nine", "lowest", "highest", "marks do not count", "impossible"],
)
async def test_the_low_quantile_counts_and_not_the_mean(
    tokens: list[tuple[str, float]], options: JsonObject, score: float
) -> None:
    assert (await measure(Confidence(), answer(*tokens), options)).score == pytest.approx(score)


@pytest.mark.parametrize(
    "logprobs",
    [None, {}, [], {"content": None}, {"content": []}, {"content": [1, {}, {"token": "a", "logprob": "x"}]}],
)
async def test_without_logprobs_it_cannot_measure(logprobs: Json) -> None:
    with pytest.raises(CheckError, match="no logprobs"):
        await measure(Confidence(), msgspec.structs.replace(choice("Paris"), logprobs=logprobs))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("Paris.\nConfidence: 0.85", 0.85),
        ("Paris.\n**Confidence:** 85 %", 0.85),
        ("Paris. Confidence 85", 0.85),
        ("My confidence is 8/10.", 0.8),
        ("Confidence: 7 out of 10", 0.7),
        ('{"answer": "Paris", "confidence": 1}', 1.0),
        ("Confidence: 0.2. On reflection, confidence: 0.9", 0.9),
        ("confidence: 0,75", 0.75),
        ("Paris", None),
        ("confidence: high", None),
        ("confidence: -0.5", None),
        ("confidence: 250", None),
    ],
)
def test_stated_confidence(text: str, share: float | None) -> None:
    assert stated(text, "confidence") == share


async def test_a_stated_number_may_stand_after_another_word() -> None:
    options: JsonObject = {"source": "stated", "label": "Sicherheit"}
    assert (await measure(Confidence(), "Paris. Sicherheit: 60 %", options)).score == 0.6
    with pytest.raises(CheckError, match="no stated confidence"):
        await measure(Confidence(), "Paris.", options)


@pytest.mark.parametrize("options", [{"quantile": 2}, {"label": " "}, {"source": "oracle"}])
def test_options_that_make_no_sense_are_refused(options: JsonObject) -> None:
    assert len(Confidence().problems(options)) == 1
