"""`language`: which language was asked for, which one it is, and that doubt is held against nobody."""

import json
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.checks.build import choice, measure, saying, tool_call
from tiercel.checks.language import Language, asked_language, wanted_language
from tiercel.checks.tongues import language_of
from tiercel.domain.json import JsonObject

HERE = Path(__file__).parent
IFEVAL = HERE.parents[1] / ".." / "shared/data/evalsets/ifeval/input_data.jsonl"
SENTENCES = [json.loads(line) for line in (HERE / "languages.jsonl").read_text("utf-8").splitlines()]

GERMAN = "Der Zug ist am Morgen nicht gefahren, weil es in der Nacht sehr stark geschneit hat."
ENGLISH = "The train did not run in the morning, because it had snowed a lot in the night."


@pytest.mark.parametrize(
    ("asked", "answer", "options", "score"),
    [
        ("Why is the train late, and when will it be there?", ENGLISH, {}, 1),
        ("Why is the train late, and when will it be there?", GERMAN, {}, 0),
        ("Why is the train late? Answer in German.", GERMAN, {}, 1),
        ("Why is the train late? Answer in German.", ENGLISH, {}, 0),
        ("Warum ist der Zug nicht da? Antworte auf Englisch.", ENGLISH, {}, 1),
        ("Why is the train late, and when will it be there?", GERMAN, {"language": "de"}, 1),
        ("Why is the train late? Answer in German.", "OK", {}, 1),
        ("?", ENGLISH, {}, 1),
        ("Why is the train late? Answer in German.", f"```\n{ENGLISH}\n```\n{GERMAN}", {}, 1),
        ("Why is the train late? Answer in Japanese.", ENGLISH, {}, 0),
    ],
)
async def test_the_answers_language_is_the_wanted_one(
    asked: str, answer: str, options: JsonObject, score: int
) -> None:
    found = await measure(Language(), answer, options, request=saying(asked))
    assert (found.score >= 0.5) == bool(score)
    assert found.score in (0.0, 1.0) or found.score < 0.5


async def test_text_beside_a_tool_call_is_not_judged() -> None:
    answer = choice(ENGLISH, tool_call())
    assert (await measure(Language(), answer, {"language": "de"})).score == 1


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Respond only in Korean.", "ko"),
        ("Translate the German text into French.", "fr"),
        ("Please use the Persian language, no other language is allowed.", "fa"),
        ("Réponds en anglais.", "en"),
        ("Responde en español, por favor.", "es"),
        ("请用中文回答", "zh"),
        ("What is the German word for bread?", None),
        ("He lived in French Guiana.", None),
    ],
)
def test_the_language_that_is_asked_for(text: str, language: str | None) -> None:
    assert asked_language(text) == language


def test_what_is_quoted_does_not_say_in_which_language_the_request_is() -> None:
    request = saying(f"What is the subject of this sentence and why is it so? “{GERMAN} {GERMAN}”")
    assert wanted_language(request) == "en"


def test_single_sentences_are_seldom_taken_for_another_language() -> None:
    """89 short sentences in 36 languages: at most 2 wrong, at least 65 right, the rest unsaid."""
    found = [(language_of(case["text"]), case["language"]) for case in SENTENCES]
    wrong = [pair for pair in found if pair[0] not in (None, pair[1])]
    assert (len(found), len(wrong) <= 2, sum(a == b for a, b in found) >= 65) == (89, True, True)


def test_three_sentences_tell_every_language_but_close_relatives() -> None:
    texts: dict[str, list[str]] = defaultdict(list)
    for case in SENTENCES:
        texts[case["language"]].append(case["text"])
    unsaid = {language for language, lines in texts.items() if language_of(" ".join(lines)) != language}
    assert unsaid <= {"da", "no"}


@pytest.mark.skipif(not IFEVAL.exists(), reason="IFEval's prompts are not beside this checkout")
def test_other_peoples_demands_for_a_language_are_read() -> None:
    """All 31 of 541 prompts that are labelled with a language."""
    differing = []
    for line in IFEVAL.read_text("utf-8").splitlines():
        row = json.loads(line)
        wanted = [values["language"] for values in row["kwargs"] if values and values.get("language")]
        if wanted and asked_language(row["prompt"]) != wanted[0]:
            differing.append(row["prompt"])
    assert differing == []


def test_an_unknown_language_is_refused() -> None:
    assert "use one of ar, bg" in Language().problems({"language": "xx"})[0]


@pytest.mark.parametrize("pattern", ["the ", "answer ", "answer in ", "“", "```\n", "ä"])
async def test_long_texts_are_read_in_bounded_time(pattern: str) -> None:
    started = time.process_time()
    await measure(Language(), pattern * 100_000, request=saying(pattern * 100_000))
    assert time.process_time() - started < 5
