"""A scorer made of one function: for what is measured at once, with nothing to wait for."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerError, ScorerInfo, as_text

Measure: TypeAlias = Callable[[Answer, Expectation], Scored]
FindProblems: TypeAlias = Callable[[Expectation], list[str]]


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """Measures with `measure`; `find_problems` looks at the value beforehand."""

    info: ScorerInfo
    measure: Measure
    find_problems: FindProblems | None = None

    def problems(self, expectation: Expectation) -> list[str]:
        found = unknown_options(self.info, expectation)
        return found if found or self.find_problems is None else self.find_problems(expectation)

    async def score(self, answer: Answer, expectation: Expectation) -> Scored:
        return self.measure(answer, expectation)


def unknown_options(info: ScorerInfo, expectation: Expectation) -> list[str]:
    """A line for each option that this scorer does not know."""
    known = ", ".join(info.options) or "none"
    return [
        f"no option {name!r}; it takes {known}" for name in expectation.options if name not in info.options
    ]


def needs_text(expectation: Expectation) -> list[str]:
    """That the value is a text or a number."""
    if isinstance(expectation.value, str | int | float):
        return []
    return [f"value is {_shown(expectation.value)}: give the text to compare with"]


def needs_texts(expectation: Expectation) -> list[str]:
    """That the value is a text, or a list of texts that is not empty."""
    try:
        found = texts_of(expectation)
    except ValueError:
        found = ()
    return [] if found else [f"value is {_shown(expectation.value)}: give a list of texts"]


def reference_problems(expectation: Expectation) -> list[str]:
    """That the value is a text, or a list of texts; without one the item's targets are compared with."""
    match expectation.value:
        case None:
            return []
        case list():
            return needs_texts(expectation)
        case value:
            return [] if as_text(value).strip() else ["value is empty: give the text to compare with"]


def references(answer: Answer, expectation: Expectation) -> tuple[str, ...]:
    """The texts to compare with: the value, or each of its list, else the item's targets. Raises `ScorerError`."""
    value = expectation.value
    listed = value if isinstance(value, list) else [value]
    found = answer.item.target if value is None else tuple(map(as_text, listed))
    if not found:
        raise ScorerError("nothing to compare with: give a value, or the item a target")
    return found


def texts_of(expectation: Expectation) -> tuple[str, ...]:
    """The value as texts; one text is split at its commas, as in a cell of a table. Raises `ValueError`."""
    value = expectation.value
    if isinstance(value, str):
        return tuple(piece.strip() for piece in value.split(",") if piece.strip())
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return tuple(str(one) for one in value)
    raise ValueError("no list of texts")


def _shown(value: object) -> str:
    return "missing" if value is None else msgspec.json.encode(value).decode()[:60]
