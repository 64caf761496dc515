"""How long the answer is, into what it is divided, and what stands in it by its form."""

import re

from tiercel.checks.json_text import NotJSONError, parse_strict
from tiercel.checks.length import count
from tiercel.domain.json import JsonObject
from tiercel.evals.scorers.instructions.arguments import compared, number, text
from tiercel.evals.scorers.instructions.wording import WORD

DIVIDER = re.compile(r"^[ \t]*\*{3}[ \t]*$", re.MULTILINE)
BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
PLACEHOLDER = re.compile(r"\[[^\[\]\n]+\]")
BULLET = re.compile(r"^[ \t]*(?:\*(?![*\s]*$)|[-•])[ \t]+\S", re.MULTILINE)
HIGHLIGHT = re.compile(r"(?<!\*)\*\*(?=\S)([^*\n]*\S)\*\*(?!\*)|(?<!\*)\*(?=\S)([^*\n]*\S)\*(?!\*)")
TITLE = re.compile(r"<<[^<>\n]*\S[^<>\n]*>>")
FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.DOTALL | re.IGNORECASE)
SIX_STARS = "******"
FIXED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def number_words(answer: str, arguments: JsonObject) -> str | None:
    """So many words."""
    return compared(len(WORD.findall(answer)), arguments, "relation", "num_words", "words")


def number_sentences(answer: str, arguments: JsonObject) -> str | None:
    """So many sentences."""
    sentences = count(answer, "sentences").pieces
    return compared(len(sentences), arguments, "relation", "num_sentences", "sentences")


def number_paragraphs(answer: str, arguments: JsonObject) -> str | None:
    """Exactly so many paragraphs, divided by lines of `***`, none of them empty but before the first and after the
    last."""
    pieces = [piece.strip() for piece in DIVIDER.split(answer)]
    pieces = pieces[not pieces[0] : len(pieces) - (not pieces[-1]) if len(pieces) > 1 else None]
    if not all(pieces):
        return "has an empty paragraph between two dividers"
    return _exactly(len(pieces), number(arguments, "num_paragraphs"), "paragraphs divided by ***")


def nth_paragraph_first_word(answer: str, arguments: JsonObject) -> str | None:
    """Exactly so many paragraphs, divided by empty lines, and one of them begins with this word."""
    pieces = [piece for piece in BLANK_LINES.split(answer.strip()) if piece.strip()]
    if wrong := _exactly(len(pieces), number(arguments, "num_paragraphs"), "paragraphs"):
        return wrong
    place, wanted = number(arguments, "nth_paragraph"), text(arguments, "first_word")
    if not 1 <= place <= len(pieces):
        return f"has no paragraph {place}"
    first = WORD.search(pieces[place - 1])
    if first is not None and first[0].casefold() == wanted.casefold():
        return None
    return f"paragraph {place} does not begin with {wanted!r}"


def postscript(answer: str, arguments: JsonObject) -> str | None:
    """At its end stands a postscript that begins with this mark, and says something."""
    marker = text(arguments, "postscript_marker", "P.S.")
    letters = [re.escape(letter) for letter in marker if letter.isalpha()]
    spelled = r"\.?\s?".join(letters) + r"\.?"
    found = re.search(rf"^[ \t*_]*{spelled}(?![a-z.])[ \t:*_]*[^\s.]", answer, re.IGNORECASE | re.MULTILINE)
    return None if found else f"has no postscript that begins with {marker!r}"


def number_placeholders(answer: str, arguments: JsonObject) -> str | None:
    """At least so many placeholders in square brackets."""
    return _at_least(
        len(PLACEHOLDER.findall(answer)), number(arguments, "num_placeholders"), "placeholders in brackets"
    )


def number_bullet_lists(answer: str, arguments: JsonObject) -> str | None:
    """Exactly so many bullet points."""
    return _exactly(len(BULLET.findall(answer)), number(arguments, "num_bullets"), "bullet points")


def constrained_response(answer: str, arguments: JsonObject) -> str | None:
    """It says one of the three fixed answers."""
    return None if any(fixed in answer for fixed in FIXED) else f"has none of {', '.join(map(repr, FIXED))}"


def number_highlighted_sections(answer: str, arguments: JsonObject) -> str | None:
    """At least so many pieces between asterisks, single or double."""
    return _at_least(
        len(HIGHLIGHT.findall(answer)), number(arguments, "num_highlights"), "highlighted sections"
    )


def multiple_sections(answer: str, arguments: JsonObject) -> str | None:
    """At least so many sections, each begun by the splitter and a number, as `Section 1`."""
    splitter = text(arguments, "section_spliter").strip()
    begun = re.findall(rf"^[\s#*_>-]*{re.escape(splitter)}[ \t]*\d+", answer, re.MULTILINE)
    return _at_least(len(begun), number(arguments, "num_sections"), f"sections begun by {splitter!r}")


def json_format(answer: str, arguments: JsonObject) -> str | None:
    """All of it is JSON; a code fence around it is taken."""
    said = answer.strip()
    fenced = FENCE.fullmatch(said)
    try:
        parse_strict(fenced[1].strip() if fenced else said)
    except NotJSONError as error:
        return f"is no JSON: {error}"
    return None


def title(answer: str, arguments: JsonObject) -> str | None:
    """A title stands in double angular brackets."""
    return None if TITLE.search(answer) else "has no title such as <<title>>"


def two_responses(answer: str, arguments: JsonObject) -> str | None:
    """Two answers that differ, with six asterisks between them."""
    pieces = [piece.strip() for piece in answer.strip().split(SIX_STARS)]
    if len(pieces) != 2 or not all(pieces):
        return f"has not two answers with {SIX_STARS} between them"
    return "gives the same answer twice" if pieces[0] == pieces[1] else None


def _exactly(found: int, wanted: int, noun: str) -> str | None:
    return None if found == wanted else f"{found} {noun}, wanted {wanted}"


def _at_least(found: int, wanted: int, noun: str) -> str | None:
    return None if found >= wanted else f"{found} {noun}, wanted at least {wanted}"


KINDS = {
    "length_constraints:number_words": number_words,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
    "detectable_content:postscript": postscript,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:constrained_response": constrained_response,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:json_format": json_format,
    "detectable_format:title": title,
    "combination:two_responses": two_responses,
}
