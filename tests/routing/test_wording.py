"""The short ways through a text find what the long ones would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.routing import vocabulary
from tiercel.routing.lexicon import KNOWN_PAIRS, KNOWN_WORDS
from tiercel.routing.phrases import holds
from tiercel.routing.signals import EQUATION, EQUATION_PARTS, LENGTH, SOURCES, TRACES, UNITS
from tiercel.routing.vocabulary import Phrases
from tiercel.routing.wording import WORD, marks_of, take_apart

PIECES = st.sampled_from(
    [
        "don't",
        "it’s",
        "C++",
        "c#",
        "F#'",
        "état",
        "Wörter",
        "½",
        "_a_",
        "12",
        "unit",
        "tests",
        "in",
        "go",
        "+",
        "'",
    ]
)
BLANKS = st.sampled_from([" ", "", ", ", "\n", " – ", " (", ") ", "… "])
TEXTS = st.lists(st.one_of(PIECES, BLANKS, st.text(max_size=3))).map("".join)
FORMULAS = st.lists(st.sampled_from([*"xyzdab0123+-*/^=()√, ", " dx ", "f(x)", "5 words", "two pages"])).map(
    "".join
)


@given(TEXTS)
def test_words_are_those_that_the_pattern_finds(text: str) -> None:
    assert list(take_apart(text).order) == WORD.findall(text.strip().lower())


@given(TEXTS)
def test_known_words_and_pairs_are_all_that_stand_there(text: str) -> None:
    wording = take_apart(text)
    neighbours = {f"{one} {other}" for one, other in zip(wording.order, wording.order[1:], strict=False)}
    assert wording.words == KNOWN_WORDS & set(wording.order)
    assert wording.pairs == KNOWN_PAIRS & neighbours


@given(FORMULAS)
def test_every_equation_has_one_of_the_parts_looked_for_first(text: str) -> None:
    assert not EQUATION.search(text) or any(part.search(text) for part in EQUATION_PARTS)


@given(FORMULAS)
def test_every_length_has_one_of_the_units_looked_for_first(text: str) -> None:
    assert not LENGTH.search(text) or any(unit in text for unit in UNITS)


@pytest.mark.parametrize("phrases", [vocabulary.SELF_HARM, vocabulary.EMERGENCY], ids=["harm", "emergency"])
def test_every_phrase_has_the_piece_it_stands_under(phrases: Phrases) -> None:
    assert all(piece in phrase for piece, under in phrases.items() for phrase in under)


@pytest.mark.parametrize(
    "phrase", [phrase for kind in (TRACES, SOURCES) for under in kind.values() for phrase in under]
)
def test_a_phrase_with_marks_is_found_by_them_in_any_text(phrase: str) -> None:
    text = f"Look, (here): {phrase}x!"
    assert holds(text, TRACES, marks_of(text)) or holds(text, SOURCES, marks_of(text))
