"""Each of IFEval's 25 kinds of instruction has answers that follow it and answers that do not."""

import json
from pathlib import Path

import pytest

from tests.evals.scorers.build import score
from tiercel.domain.json import JsonObject
from tiercel.evals.scorers.instructed import INSTRUCTIONS, wanted_instructions
from tiercel.evals.scorers.registry import ScorerRegistry

IFEVAL = Path(__file__).parents[3] / ".." / "shared/data/evalsets/ifeval/input_data.jsonl"
PROMPT = "Write two lines about rain."
GERMAN = "Der Regen fällt heute leise auf das Dach, und niemand möchte das warme Haus verlassen."
ENGLISH = "the rain falls on the roof and nobody wants to leave the warm house today"

KINDS: dict[str, tuple[JsonObject, tuple[str, ...], tuple[str, ...]]] = {
    "keywords:existence": (
        {"keywords": ["rain", "sun"]},
        ("Rain first, then sun.", "the SUN and the RAIN", "rainy and sunny"),
        ("only rain", ""),
    ),
    "keywords:frequency": (
        {"keyword": "rain", "frequency": 2, "relation": "at least"},
        ("Rain, rain.", "rain rain rain"),
        ("rain once",),
    ),
    "keywords:forbidden_words": (
        {"forbidden_words": ["rain"]},
        ("It trains the eye.", "Sun."),
        ("No rain.", "RAIN!"),
    ),
    "keywords:letter_frequency": (
        {"letter": "q", "let_frequency": 2, "let_relation": "less than"},
        ("A queen.", "none"),
        ("Quite quick",),
    ),
    "language:response_language": ({"language": "de"}, (GERMAN,), (ENGLISH,)),
    "length_constraints:number_paragraphs": (
        {"num_paragraphs": 2},
        ("One.\n***\nTwo.", "***\nOne.\n***\nTwo.\n***"),
        ("One.\n\nTwo.", "One.\n***\nTwo.\n***\nThree.", "One.\n***\n\n***\nTwo."),
    ),
    "length_constraints:number_words": (
        {"num_words": 4, "relation": "less than"},
        ("one two three", "don't you dare"),
        ("one two three four",),
    ),
    "length_constraints:number_sentences": (
        {"num_sentences": 2, "relation": "at least"},
        ("It rains. It pours.", "Does it rain? Yes! Good."),
        ("It rains.", "Dr. Rain came in"),
    ),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"},
        ("First.\n\nThen more.", 'First.\n\n"Then" it is.'),
        ("First.\n\nAnd then.", "Then.\n\nFirst.", "One.\n\nTwo.\n\nThen."),
    ),
    "detectable_content:postscript": (
        {"postscript_marker": "P.S."},
        ("Text.\n\nP.S. I like rain.", "Text.\np.s. more"),
        ("Text.", "Text.\nP.P.S. more", "Text.\nP.S."),
    ),
    "detectable_content:number_placeholders": (
        {"num_placeholders": 2},
        ("Dear [name], at [address].",),
        ("Dear [name].", "Dear []."),
    ),
    "detectable_format:number_bullet_lists": (
        {"num_bullets": 2},
        ("* one\n* two", "- one\n- two\nand text", "  * one\n  * two"),
        ("* one", "* one\n* two\n* three", "*one*\n*two*"),
    ),
    "detectable_format:constrained_response": (
        {},
        ("My answer is yes.", "Well. My answer is maybe."),
        ("Yes.", "my answer is perhaps"),
    ),
    "detectable_format:number_highlighted_sections": (
        {"num_highlights": 2},
        ("*one* and *two*", "**one** and *two words*"),
        ("*one*", "* not one\n* not two", "** **"),
    ),
    "detectable_format:multiple_sections": (
        {"section_spliter": "Section", "num_sections": 2},
        ("Section 1\nText.\nSection 2\nMore.", "## Section 1\na\n## Section 2\nb"),
        ("Section 1\nText.", "SECTION 1\na\nSECTION 2\nb"),
    ),
    "detectable_format:json_format": (
        {},
        ('{"rain": true}', '```json\n{"rain": 1}\n```'),
        ("rain: true", 'Here: {"rain": 1}'),
    ),
    "detectable_format:title": ({}, ("<<Rain>>\nIt falls.",), ("Rain\nIt falls.", "<< >>", "<Rain>")),
    "combination:two_responses": (
        {},
        ("One.\n******\nTwo.",),
        ("One.\n***\nTwo.", "One.\n******\nOne.", "One.\n******\nTwo.\n******\nThree."),
    ),
    "combination:repeat_prompt": (
        {"prompt_to_repeat": PROMPT},
        (f"{PROMPT}\nRain falls.", f"{PROMPT.lower()} Rain"),
        (f"Sure. {PROMPT}", "Rain falls."),
    ),
    "startend:end_checker": (
        {"end_phrase": "That is all."},
        ("Rain falls. That is all.", '"Rain. That is all."'),
        ("That is all. Bye.", "That is all"),
    ),
    "startend:quotation": ({}, ('"Rain falls."', ' "Rain." '), ("Rain.", '"Rain." he said', '"')),
    "change_case:english_capital": ({}, (ENGLISH.upper(),), (ENGLISH, GERMAN.upper())),
    "change_case:english_lowercase": ({}, (ENGLISH,), (ENGLISH.capitalize(), GERMAN.lower())),
    "change_case:capital_word_frequency": (
        {"capital_frequency": 2, "capital_relation": "at least"},
        ("RAIN and SUN", "A WELL-KNOWN fact"),
        ("RAIN and sun", "Rain And Sun"),
    ),
    "punctuation:no_comma": ({}, ("Rain and sun.",), ("Rain, sun.",)),
}


def test_every_kind_is_tried() -> None:
    assert KINDS.keys() == INSTRUCTIONS.keys()
    assert len(KINDS) == 25


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_answers_that_follow_it_and_answers_that_do_not(kind: str) -> None:
    arguments, following, breaking = KINDS[kind]
    follow = INSTRUCTIONS[kind]
    assert [(text, follow(text, arguments)) for text in following] == [(text, None) for text in following]
    assert [text for text in breaking if follow(text, arguments) is None] == []


async def test_the_score_is_the_share_that_is_followed(scorers: ScorerRegistry) -> None:
    both = {"punctuation:no_comma": {}, "keywords:existence": {"keywords": ["rain"]}}
    half = await score(scorers, "Rain, and more.", "instructions", both)
    whole = await score(scorers, "Rain and more.", "instructions", both)
    assert (half.value, half.met, half.reason) == (0.5, False, "no_comma: has a comma")
    assert (whole.value, whole.met) == (1.0, True)


@pytest.mark.parametrize(
    "value",
    [
        "no_comma",
        ["punctuation:no_comma"],
        {"no_comma": None},
        [{"no_comma": {}}],
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
    ],
)
def test_instructions_may_be_written_in_several_ways(value: JsonObject) -> None:
    assert wanted_instructions(value) == [("punctuation:no_comma", {})]


@pytest.mark.skipif(not IFEVAL.exists(), reason="IFEval's prompts are not beside the checkout")
def test_every_instruction_of_ifeval_can_be_verified() -> None:
    """Its arguments are understood, and an answer of one word is judged without an accident."""
    rows = [json.loads(line) for line in IFEVAL.read_text("utf-8").splitlines()]
    for row in rows:
        for kind, arguments in wanted_instructions(row):
            INSTRUCTIONS[kind]("word", arguments)
    assert len(rows) == 541
