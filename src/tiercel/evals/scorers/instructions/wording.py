"""Which words and letters the answer has, in which case and language, and where it begins and ends."""

import re
from collections import Counter

from tiercel.checks.language import NAMES
from tiercel.checks.tongues import CLEAR, evidence
from tiercel.domain.json import JsonObject
from tiercel.evals.scorers.instructions.arguments import compared, text, texts

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
SHOUTED = re.compile(r"(?=[^\W\d_])[^\W_]+(?:['’-][^\W_]+)*")
QUOTES = (('"', '"'), ("“", "”"), ("„", "“"), ("„", "”"), ("«", "»"))


def existence(answer: str, arguments: JsonObject) -> str | None:
    """Every keyword occurs, in whatever case."""
    folded = answer.casefold()
    missing = [word for word in texts(arguments, "keywords") if word.casefold() not in folded]
    return f"lacks {missing[0]!r}" if missing else None


def frequency(answer: str, arguments: JsonObject) -> str | None:
    """A keyword occurs so often."""
    keyword = text(arguments, "keyword")
    count = answer.casefold().count(keyword.casefold())
    return compared(count, arguments, "relation", "frequency", f"times {keyword!r}")


def forbidden_words(answer: str, arguments: JsonObject) -> str | None:
    """None of these words occurs as a word of its own."""
    for word in texts(arguments, "forbidden_words"):
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", answer, re.IGNORECASE):
            return f"has {word!r}"
    return None


def letter_frequency(answer: str, arguments: JsonObject) -> str | None:
    """A letter, or another sign, occurs so often, in whatever case."""
    letter = text(arguments, "letter")
    count = Counter(answer.lower())[letter.lower()]
    return compared(count, arguments, "let_relation", "let_frequency", f"times {letter!r}")


def response_language(answer: str, arguments: JsonObject) -> str | None:
    """All of it is in one language. A text too short to tell is taken to be."""
    wanted = text(arguments, "language")
    if wanted not in NAMES:
        raise ValueError(f"language is {wanted!r}: use one of {', '.join(sorted(NAMES))}")
    return _not_in(answer, wanted)


def english_capital(answer: str, arguments: JsonObject) -> str | None:
    """English, and no letter of it in lower case."""
    if any(letter.islower() for letter in answer):
        return "has letters in lower case"
    return _not_in(answer.lower(), "en")


def english_lowercase(answer: str, arguments: JsonObject) -> str | None:
    """English, and no letter of it in upper case."""
    if any(letter.isupper() for letter in answer):
        return "has letters in upper case"
    return _not_in(answer, "en")


def capital_word_frequency(answer: str, arguments: JsonObject) -> str | None:
    """So many words stand in capitals; a word with a hyphen is one."""
    count = sum(word.isupper() for word in SHOUTED.findall(answer))
    return compared(count, arguments, "capital_relation", "capital_frequency", "words in capitals")


def no_comma(answer: str, arguments: JsonObject) -> str | None:
    """No comma anywhere."""
    return "has a comma" if "," in answer else None


def end_checker(answer: str, arguments: JsonObject) -> str | None:
    """It ends with exactly this phrase; quotation marks around all of it do not count, nor does the case."""
    phrase = text(arguments, "end_phrase").strip()
    said = answer.strip().strip('"').rstrip()
    return None if said.casefold().endswith(phrase.casefold()) else f"does not end with {phrase!r}"


def quotation(answer: str, arguments: JsonObject) -> str | None:
    """All of it stands within double quotation marks."""
    said = answer.strip()
    wrapped = len(said) > 1 and any(said.startswith(a) and said.endswith(b) for a, b in QUOTES)
    return None if wrapped else "is not wrapped in double quotation marks"


def repeat_prompt(answer: str, arguments: JsonObject) -> str | None:
    """It begins with the request, word for word; blanks and case do not count."""
    wanted = " ".join(text(arguments, "prompt_to_repeat").split()).casefold()
    said = " ".join(answer.split()).casefold()
    return None if said.startswith(wanted) else "does not begin with the request, word for word"


def _not_in(answer: str, wanted: str) -> str | None:
    found = evidence(answer)
    if not found:
        return None
    best = max(found, key=lambda language: found[language])
    return None if found.get(wanted, 0.0) / found[best] >= CLEAR else f"is in {best!r}, wanted {wanted!r}"


KINDS = {
    "keywords:existence": existence,
    "keywords:frequency": frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": response_language,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "change_case:capital_word_frequency": capital_word_frequency,
    "punctuation:no_comma": no_comma,
    "startend:end_checker": end_checker,
    "startend:quotation": quotation,
    "combination:repeat_prompt": repeat_prompt,
}
