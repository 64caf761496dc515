"""Which of the offered choices does the answer take, by its letter or in its words, and is it the right one?"""

import re

from tiercel.checks.comparing.final import final_answer, plain
from tiercel.checks.comparing.offered import LETTERS, Offered, choice_in, offered_in
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.plain import Plain
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerError, ScorerInfo, as_text


def choice(answer: Answer, expectation: Expectation) -> Scored:
    """1 where it is the right one. Choices are the item's own, else those that its last message offers."""
    offered = _offered(answer)
    wanted = {_label(one, offered) for one in _wanted(answer, expectation)}
    taken = choice_in(answer.text, offered) or _in_words(answer.text, offered)
    if taken is None:
        return Scored(value=0.0, reason="takes none of the choices, or several")
    right = taken in wanted
    return Scored(value=float(right), reason=f"takes {taken}, right is {', '.join(sorted(wanted))}")


def _offered(answer: Answer) -> Offered:
    choices = answer.item.choices
    if choices:
        if len(choices) <= len(LETTERS):
            return Offered(tuple(LETTERS[: len(choices)]), tuple(map(plain, choices)))
        return Offered(tuple(one.lower() for one in choices))
    offered = offered_in(answer.request)
    if offered is None:
        raise ScorerError("no choices: give the item choices, or list them in its last message as A, B, C")
    return offered


def _wanted(answer: Answer, expectation: Expectation) -> tuple[str, ...]:
    if expectation.value is None:
        wanted = answer.item.target
    elif isinstance(expectation.value, list):
        wanted = tuple(as_text(one) for one in expectation.value)
    else:
        wanted = (as_text(expectation.value),)
    if not wanted:
        raise ScorerError("nothing to compare with: give a value, or the item a target")
    return wanted


def _in_words(text: str, offered: Offered) -> str | None:
    """The one choice whose words stand in what the answer ends on."""
    said = plain(final_answer(text).text)
    held = [
        label
        for label, words in zip(offered.labels, offered.texts, strict=False)
        if words and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", said)
    ]
    return held[0] if len(held) == 1 else None


def _label(wanted: str, offered: Offered) -> str:
    """The label of a right answer that is given by its letter or in its words. Raises `ScorerError`."""
    for place, label in enumerate(offered.labels):
        text = offered.texts[place] if offered.texts else ""
        if wanted.strip().casefold() == label.casefold() or (text and plain(wanted) == text):
            return label
    raise ScorerError(f"the right answer {wanted[:60]!r} is none of the choices")


SCORERS = (
    Plain(
        info=ScorerInfo(
            name="choice",
            summary="the answer takes the right one of the choices, by its letter or in its words",
            value="the right one, or a list of them (default: the item's targets)",
        ),
        measure=choice,
    ),
)
