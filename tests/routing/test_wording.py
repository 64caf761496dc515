"""The short ways through a text find what the long ones would."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.routing import vocabulary
from tiercel.routing.lexicon import BEGINNINGS, KNOWN_WORDS, LEXICON
from tiercel.routing.signals import (
    CODE_BY_MARKS,
    ERROR_NAME,
    LENGTH,
    NUMERIC,
    OPERATION,
    SOURCES,
    SYMBOLIC,
    TRACES,
    UNITS,
)
from tiercel.routing.vocabulary import Phrases
from tiercel.routing.wording import WORD, marks_of, side_by_side, take_apart

PIECES = st.sampled_from(
    [
        "don't",
        "rock'n'roll",
        "'",
        "'s",
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
def test_known_words_are_all_that_stand_there(text: str) -> None:
    wording = take_apart(text)
    assert wording.words == KNOWN_WORDS & set(wording.order)


@given(TEXTS)
def test_words_that_adjoin_are_found_side_by_side(text: str) -> None:
    order = take_apart(text).order
    neighbours = set(pairwise(order))
    found = {(one, other) for one in order for other in order if f" {one} {other} " in side_by_side(order)}
    assert found == neighbours


def test_every_entry_is_found_by_its_first_word() -> None:
    found = {word: alone for word, (alone, _, _) in BEGINNINGS.items() if alone}
    for _, beside, _ in BEGINNINGS.values():
        found |= {pair.strip(): signs for _, pair, signs in beside}
    assert found == LEXICON


@given(FORMULAS)
def test_every_formula_has_one_of_the_signs_looked_for_first(text: str) -> None:
    for signs, pattern in (*NUMERIC, *SYMBOLIC):
        assert not pattern.search(text) or any(sign in text for sign in signs)


@given(FORMULAS)
def test_every_formula_of_numbers_has_an_operation(text: str) -> None:
    assert OPERATION.search(text) or not any(pattern.search(text) for _, pattern in NUMERIC)


@given(st.text(alphabet="aB_ .Error1Exception"))
def test_the_name_of_an_error_is_a_word_that_begins_with_a_capital(text: str) -> None:
    plain = re.compile(r"\b[A-Z]\w+(?:Error|Exception)\b")
    assert bool(ERROR_NAME.search(text)) == bool(plain.search(text))


@given(FORMULAS)
def test_every_length_has_one_of_the_units_looked_for_first(text: str) -> None:
    assert not LENGTH.search(text) or any(unit in text for unit in UNITS)


@pytest.mark.parametrize("phrases", [vocabulary.SELF_HARM, vocabulary.EMERGENCY], ids=["harm", "emergency"])
def test_every_phrase_has_the_piece_it_stands_under(phrases: Phrases) -> None:
    assert all(piece in phrase for piece, under in phrases.items() for phrase in under)


@given(st.text(), st.sampled_from([*TRACES, *SOURCES]), st.text())
def test_a_phrase_stands_under_marks_that_any_text_has_in_which_it_stands(
    before: str, phrase: str, after: str
) -> None:
    (marks,) = [marks for marks, phrases in CODE_BY_MARKS.items() if phrase in dict(phrases)]
    assert marks in marks_of(before + phrase + after)
