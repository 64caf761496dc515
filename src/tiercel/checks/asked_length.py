"""Reads from a user's message how long the answer is to be: five bullets, three paragraphs, at most 100 words.

Only plain demands on the whole answer are read; what is said of each paragraph, or of a text that is given, is not.
What is read wrongly fails good answers, so that doubt means: nothing was asked for.
"""

import re
from typing import Literal

import msgspec

Unit = Literal["words", "characters", "sentences", "lines", "paragraphs", "bullets"]

HEAD_CHARS = 3_000
TAIL_CHARS = 1_500
MAX_NUMBER = 100_000

NUMBERS = {
    word: number
    for number, words in {
        1: "one single ein eine einen einem einer une un una uno",
        2: "two zwei deux dos due", 3: "three drei trois tres tre", 4: "four vier quatre cuatro quattro",
        5: "five fünf cinq cinco cinque", 6: "six sechs seis sei", 7: "seven sieben sept siete sette",
        8: "eight acht huit ocho otto", 9: "nine neun neuf nueve nove", 10: "ten zehn dix diez dieci",
        12: "twelve zwölf douze doce", 15: "fifteen fünfzehn quinze quince", 20: "twenty zwanzig vingt veinte",
        30: "thirty dreißig trente treinta", 50: "fifty fünfzig cinquante cincuenta", 100: "hundred hundert cent cien",
    }.items()
    for word in words.split()
}  # fmt: skip
UNITS: dict[Unit, str] = {
    "words": r"words?|wörtern?|worten?|mots|palabras|parole",
    "characters": r"characters?|zeichen|caractères|caracteres|caratteri",
    "sentences": r"sentences?|sätzen?|satz|phrases?|frases?|oraciones|oración|frasi",
    "lines": r"lines?|zeilen?|lignes?|líneas?|righe",
    "paragraphs": r"paragraphs?|absätzen?|absatz|paragraphes?|párrafos?|paragrafi",
    "bullets": r"bullet[ -]?points?|bullets?|stichpunkten?|aufzählungspunkten?|puces|viñetas|punti elenco",
}
FEWEST = (
    r"at least|no (?:fewer|less) than|not less than|(?:a )?minimum of|mindestens|wenigstens|au moins"
    r"|al menos|como mínimo|almeno"
)
MORE = r"more than|over|above|mehr als|über|plus de|más de|più di"
MOST = (
    r"at most|no more than|not more than|no longer than|(?:not want|n.t want) anything longer than|up to"
    r"|(?:a )?maximum of|max\.?|maximum|within|not exceed(?:ing)?|limited? to"
    r"|limit (?:it|yourself|your \w+) to|höchstens|maximal|nicht mehr als|bis zu|au plus|au maximum"
    r"|maximum|pas plus de"
    r"|como máximo|máximo|no más de|al massimo|non più di"
)
LESS = r"less than|fewer than|under|below|weniger als|unter|moins de|menos de|meno di"
ABOUT = (
    r"about|around|approximately|approx\.?|roughly|some|etwa|ungefähr|rund|circa|ca\.|environ"
    r"|aproximadamente|unas?|circa|nearly"
)
EXACTLY = r"exactly|precisely|only|just|genau|nur|exactement|seulement|exactamente|solo|esattamente"
NUMBER = rf"\d{{1,3}}(?:,\d{{3}})+|\d{{1,5}}|{'|'.join(NUMBERS)}"
DEMAND = re.compile(
    r"(?<!\w)(?=\w)"
    rf"(?:\b(?P<range>between|from|zwischen|entre|de|von|tra)[ \t]+)?"
    rf"(?:(?P<fewest>\b(?:{FEWEST}))|(?P<more>\b(?:{MORE}))|(?P<most>\b(?:{MOST}))|(?P<less>\b(?:{LESS}))"
    rf"|(?P<about>\b(?:{ABOUT}))|(?P<exactly>\b(?:{EXACTLY})))?(?:[ \t]+a total of)?[ \t]*"
    rf"\b(?P<number>{NUMBER})(?:[ \t]*(?:-|–|to|and|bis|und|à|et|a|y|e|ou|or|oder|o)[ \t]*(?P<second>{NUMBER}))?"
    rf"(?:(?P<or_more>\+)|[ \t]+(?P<more_or>or more|oder mehr|ou plus|o más)|[ \t]+(?P<or_less>or (?:less"
    rf"|fewer)|oder weniger|ou moins|o menos))?"
    rf"[ \t-]+(?:(?:very|short|brief|concise|single|complete|full|long|simple|kurzen?|courtes?|cortas?"
    rf"|different|distinct|markdown)"
    rf"[ \t]+){{0,2}}"
    rf"(?:{'|'.join(f'(?P<{unit}>{names})' for unit, names in UNITS.items())})\b(?=(?P<after>[^\n]{{0,40}}))",
    re.IGNORECASE,
)
UNIT = re.compile("|".join(UNITS.values()), re.IGNORECASE)
OF_A_GIVEN_TEXT = re.compile(
    r"\b(?:this|these|the|following|first|last|next|previous|above|my|your|his|their|each|every|per|have"
    r"|has|nth|dies\w*|der|die|das"
    r"|folgende\w*|ersten?|letzten?|jede\w*|ces?|cette|les?|premiers?|chaque|estas?|los|las|primer\w*|cada)[ \t]*$",
    re.IGNORECASE,
)
OF_EACH = re.compile(
    r"^[ \t]*(?:each|per\b|long each|apiece|for each|in each|or so each|jeweils|pro\b|je\b|chacune?|por\b|cada)",
    re.IGNORECASE,
)
OF_SOME_WORDS = re.compile(r"capital|\bcaps\b|uppercase|^[ \t]*that (?:rhyme|start|begin|end)", re.IGNORECASE)
AFTER_EACH = re.compile(r"\b(?:each|every|per|jede[rsn]?|chaque|cada)\b[^.\n]{0,60}$", re.IGNORECASE)
AT_LEAST_AFTER = re.compile(
    r"^[ \t]*(?:or more|or longer|at least|minimum|oder mehr|ou plus|o más|mindestens)", re.IGNORECASE
)
AT_MOST_AFTER = re.compile(
    r"^[ \t]*(?:or (?:less|fewer)|or shorter|at most|max(?:imum)?\b|tops|oder weniger|ou moins|o menos"
    r"|maximal|höchstens)",
    re.IGNORECASE,
)
CODE = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(
    r"“[^“”\n]{1,2000}”|(?<!\w)\"(?=\S)[^\"\n]{1,2000}(?<=\S)\"(?!\w)|«[^»«\n]{1,2000}»|„[^„“”\n]{1,2000}[“”]"
)
TOLERANCE = {"exactly": 0.0, "about": 0.2, "plain": 0.1}
"""How far words and characters may be off; people who ask for 300 words do not count them."""


class Demand(msgspec.Struct, frozen=True):
    """How many of a unit were asked for; `most` is `None` where there is no upper bound."""

    unit: Unit
    fewest: int = 0
    most: int | None = None


def demands_in(text: str) -> tuple[Demand, ...]:
    """What this message asks of the answer's length."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"
    text = QUOTED.sub(" … ", CODE.sub(" … ", text))
    if not UNIT.search(text):
        return ()
    found = [demand for match in DEMAND.finditer(text) if (demand := _demand(match, text))]
    return tuple(dict.fromkeys(found))


def _demand(match: re.Match[str], text: str) -> Demand | None:
    unit = next(unit for unit in UNITS if match[unit])
    compared = next(
        (name for name in ("fewest", "more", "most", "less", "about", "exactly") if match[name]), None
    )
    before = text[max(0, match.start("number") - 80) : match.start("number")]
    if OF_EACH.match(match["after"]) or AFTER_EACH.search(before):
        return None
    if unit == "words" and OF_SOME_WORDS.search(match["after"]):
        return None
    if compared is None and OF_A_GIVEN_TEXT.search(before):
        return None
    number = _number(match["number"])
    if match["second"]:
        return Demand(unit, *sorted((number, _number(match["second"]))))
    if match["range"]:
        return None
    if (
        compared in ("fewest", "more")
        or match["or_more"]
        or match["more_or"]
        or AT_LEAST_AFTER.match(match["after"])
    ):
        return Demand(unit, number + (compared == "more"))
    if compared in ("most", "less") or match["or_less"] or AT_MOST_AFTER.match(match["after"]):
        return Demand(unit, 0, max(1, number - (compared == "less")))
    return _as_many(unit, number, compared)


def _as_many(unit: Unit, number: int, compared: str | None) -> Demand | None:
    """Just so many, or nearly so where nobody counts."""
    if unit in ("words", "characters") or compared == "about":
        if number < 2:
            return None
        slack = max(1, round(number * TOLERANCE[compared or "plain"])) if compared != "exactly" else 0
        return Demand(unit, number - slack, number + slack)
    return Demand(unit, number, number)


def _number(text: str) -> int:
    return min(MAX_NUMBER, NUMBERS.get(text.lower()) or int(text.replace(",", "")))
