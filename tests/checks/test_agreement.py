"""Agreement: the share of opinions that say the same, and whom the majority elects."""

from typing import Any

import pytest

from tiercel.checks.agreement import Agreement
from tiercel.checks.check import Opinion, Subject
from tiercel.domain.catalog import Model
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.request import Message, ModelRequest, Text
from tiercel.domain.response import Choice, Finish

QUESTION = (Message(role="user", parts=(Text(text="How much is 6 times 7?"),)),)
REQUEST = ModelRequest(format="openai_chat", model="auto", messages=QUESTION)


def said(text: str) -> Choice:
    return Choice(parts=(Text(text=text),), finish=Finish(reason="stop"))


def opinion(number: int, text: str | None) -> Opinion:
    by = Model(name=f"model-{number}")
    if text is None:
        return Opinion(attempt=number, by=by, absent="late")
    return Opinion(attempt=number, by=by, choice=said(text))


async def measure(first: str, *others: str | None, has_voice: bool = True, **options: Any) -> Verdict:
    opinions = tuple(opinion(number, text) for number, text in enumerate(others, start=2))
    subject = Subject(request=REQUEST, choice=said(first), opinions=opinions, has_voice=has_voice)
    return await Agreement().measure(subject, options, None)


@pytest.mark.parametrize(
    ("first", "others", "score", "elects"),
    [
        ("42", ("42", "It is 42.0"), 1.0, None),
        ("42", ("42", "41"), 0.5, None),
        ("41", ("42", "42"), 0.0, 2),
        ("40", ("41", "42"), 0.0, None),
        ("42", ("41",), 0.0, None),
        ("42", (None, "42"), 1.0, None),
        ("41", (None, "42"), 0.0, None),
        ("41", ("41", "42", "42", "42"), 0.25, 3),
        ("41", ("41", "42", "42"), 1 / 3, None),
    ],
    ids=str,
)
async def test_the_share_that_agrees_and_who_is_elected(
    first: str, others: tuple[str | None, ...], score: float, elects: int | None
) -> None:
    verdict = await measure(first, *others)
    assert verdict.score == pytest.approx(score)
    assert verdict.elects == elects


async def test_nobody_is_elected_where_the_policy_does_not_want_it() -> None:
    assert (await measure("41", "42", "42", elect=False)).elects is None


async def test_an_answer_without_a_voice_makes_no_majority_and_breaks_none() -> None:
    """Its text may even be the right one: it missed another gate."""
    assert (await measure("42", "42", "41", has_voice=False)).elects is None
    verdict = await measure("42", "42", "42", has_voice=False)
    assert (verdict.score, verdict.elects) == (0.0, 2)


@pytest.mark.parametrize(("others", "least"), [((), 1), ((None, None), 1), (("42", None), 2)], ids=str)
async def test_too_few_opinions_are_an_error_that_names_who_is_missing(
    others: tuple[str | None, ...], least: int
) -> None:
    with pytest.raises(CheckError, match="opinion") as raised:
        await measure("42", *others, least=least)
    assert all(f"model-{n}" in str(raised.value) for n, text in enumerate(others, start=2) if text is None)


@pytest.mark.parametrize(
    "options",
    [{"kind": "feeling"}, {"same_text": 0}, {"same_text": 1.5}, {"least": 0}, {"oddly": 1}],
    ids=str,
)
def test_options_that_mean_nothing_are_told(options: Any) -> None:
    assert Agreement().problems(options)


async def test_the_reason_quotes_no_answer() -> None:
    verdict = await measure("secret-41", "secret-42", "secret-42")
    assert "secret" not in verdict.reason
