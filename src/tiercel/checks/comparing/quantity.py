"""Reads numbers as people write them: thousands separators, decimal commas, fractions, percent, units.

`1,234` and `1.234` can mean two numbers each. What else stands in the text decides: where some number can only have a
decimal comma (`3,75`) and none can only have a decimal point, the comma is the decimal sign; else the point is.
"""

import re
from fractions import Fraction

import msgspec

MAX_DIGITS = 60
"""Longer runs of digits are no quantities; they would also cost quadratic time to read."""

MAX_NUMBERS = 5_000

NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>[-−+])?(?P<before>[$€£¥]\s?)?(?P<inner>[-−])?"
    r"(?P<digits>\d+(?:[.,'’\u00a0\u202f\u2009 ]\d+)*|\.\d+)"
    r"(?:[eE](?P<power>[-+]?\d{1,2})(?!\w))?"
    r"(?:\s?/\s?(?P<below>\d{1,30})(?![\d./]))?"
    r"(?P<after>\s?[%€$£¥°]|\s?\\%|[ \u00a0\u202f-]?[^\W\d_]{1,14}(?![^\W\d_]))?"
)
FRACTION = re.compile(r"([-−]?)\s?\\[dt]?frac\s*\{\s*(-?\d{1,30})\s*\}\s*\{\s*(\d{1,30})\s*\}")
GROUPED = re.compile(r"\d{1,3}(?:[.,'’\u00a0\u202f\u2009 ]\d{3})+")
BLANKS = "\u00a0\u202f\u2009 "
APOSTROPHES = "'’"
ONLY_DECIMAL_COMMA = re.compile(
    r"(?<![\d.,])(?:\d+,\d{1,2}|\d+,\d{4,}|0,\d+|\d{1,3}(?:\.\d{3})+,\d+)(?![\d,])"
)
ONLY_DECIMAL_POINT = re.compile(
    r"(?<![\d.,])(?:\d+\.\d{1,2}|\d+\.\d{4,}|0\.\d+|\d{1,3}(?:,\d{3})+\.\d+)(?![\d.])"
)

SCALES = {
    "thousand": 3, "tausend": 3, "mille": 3, "mil": 3, "k": 3,
    "million": 6, "millions": 6, "millionen": 6, "mio": 6, "millones": 6,
    "billion": 9, "billions": 9, "bn": 9, "milliarden": 9, "mrd": 9, "milliards": 9,
}  # fmt: skip
UNITS = {
    name: unit
    for unit, names in {
        "%": ("%", "\\%", "percent", "prozent", "pourcent", "porcentaje"),
        "$": ("$", "usd", "dollar", "dollars"),
        "€": ("€", "eur", "euro", "euros"),
        "£": ("£", "gbp"),
        "¥": ("¥", "jpy", "yen"),
        "ms": ("ms", "millisecond", "milliseconds", "millisekunden"),
        "s": ("s", "sec", "second", "seconds", "sekunde", "sekunden", "secondes", "segundos"),
        "min": ("min", "minute", "minutes", "minuten", "minutos"),
        "h": ("h", "hr", "hrs", "hour", "hours", "stunde", "stunden", "heures", "horas"),
        "d": ("day", "days", "tag", "tage", "tagen", "jours", "días"),
        "wk": ("week", "weeks", "woche", "wochen", "semaines", "semanas"),
        "mo": ("month", "months", "monat", "monate", "monaten", "mois", "meses"),
        "y": ("year", "years", "jahr", "jahre", "jahren", "ans", "años"),
        "mm": ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
        "cm": ("cm", "centimeter", "centimeters", "centimetre", "centimetres", "zentimeter"),
        "m": ("m", "meter", "meters", "metre", "metres", "mètres", "metros"),
        "km": ("km", "kilometer", "kilometers", "kilometre", "kilometres"),
        "in": ("inch", "inches"),
        "ft": ("ft", "foot", "feet"),
        "mi": ("mile", "miles", "meilen"),
        "mg": ("mg", "milligram", "milligrams", "milligramm"),
        "g": ("g", "gram", "grams", "gramm", "grammes", "gramos"),
        "kg": ("kg", "kilo", "kilos", "kilogram", "kilograms", "kilogramm"),
        "lb": ("lb", "lbs"),
        "ml": ("ml", "milliliter", "milliliters", "millilitre", "millilitres"),
        "l": ("l", "liter", "liters", "litre", "litres", "litros"),
        "°": ("°", "degree", "degrees", "grad"),
    }.items()
    for name in names
}


class Quantity(msgspec.Struct, frozen=True):
    """A number and its unit as far as it is a common one; `unit` "" means that none was said."""

    value: Fraction
    unit: str = ""


def agree(a: Quantity, b: Quantity) -> bool:
    """Equal numbers whose units do not contradict each other: 5 is 5 kg, but 5 kg is not 5 g. Nothing is converted."""
    return a.value == b.value and (a.unit == b.unit or not a.unit or not b.unit)


def has_decimal_comma(text: str) -> bool:
    """Whether this text writes decimals with a comma, as far as it shows."""
    return ONLY_DECIMAL_COMMA.search(text) is not None and ONLY_DECIMAL_POINT.search(text) is None


def quantities(text: str, *, decimal_comma: bool = False) -> list[Quantity]:
    """The numbers of a text in order, at most `MAX_NUMBERS`."""
    if "frac" in text:
        text = FRACTION.sub(lambda m: f" {m[1]}{m[2]}/{m[3]} ", text)
    found: list[Quantity] = []
    for match in NUMBER.finditer(text):
        found += _read(match, decimal_comma)
        if len(found) >= MAX_NUMBERS:
            break
    return found


def only_quantity(text: str, *, decimal_comma: bool = False) -> Quantity | None:
    """The one number of a text that holds no other."""
    found = quantities(text, decimal_comma=decimal_comma)
    return found[0] if len(found) == 1 else None


def _read(match: re.Match[str], decimal_comma: bool) -> list[Quantity]:
    """Mostly one; more where digits with separators are a list, such as `1,2,3`."""
    pieces = _split(match["digits"], decimal_comma)
    values = [_plain(piece) for piece in pieces]
    if None in values:
        return []
    numbers = [value for value in values if value is not None]
    last = numbers[-1]
    if match["power"]:
        last *= Fraction(10) ** int(match["power"])
    if match["below"] and int(match["below"]):
        last /= int(match["below"])
    unit, scale = _unit(match)
    last *= scale
    negative = "-−"
    if (match["sign"] or "+") in negative or (match["inner"] or "+") in negative:
        numbers = [-last] if len(numbers) == 1 else [-numbers[0], *numbers[1:-1], last]
    else:
        numbers[-1] = last
    return [*map(Quantity, numbers[:-1]), Quantity(numbers[-1], unit)]


def _unit(match: re.Match[str]) -> tuple[str, int]:
    after = (match["after"] or "").strip(" -\u00a0\u202f")
    before = (match["before"] or "").strip()
    if before == after == "$":  # LaTeX, no money
        return "", 1
    scale = SCALES.get(after.lower(), 0)
    if scale and (len(after) > 1 or not match["after"].startswith(" ")):
        return UNITS.get(before, ""), 10**scale
    return UNITS.get(before) or UNITS.get(after) or UNITS.get(after.lower(), ""), 1


def _split(digits: str, decimal_comma: bool) -> list[str]:
    """The numbers in a run of digits and separators, each with a point for decimals and no thousands separator."""
    marks = [c for c in digits if not c.isdecimal()]
    if not marks:
        return [digits]
    kinds = set(marks)
    if len(kinds) == 1 and len(marks) == 1 and marks[0] in ".,":
        return [_one_mark(digits, marks[0], decimal_comma)]
    if len(kinds) == 1 and GROUPED.fullmatch(digits):
        return [_without(digits, kinds)]
    if len(kinds) == 2 and marks[-1] in ".," and marks.count(marks[-1]) == 1:
        whole, decimals = digits.rsplit(marks[-1], 1)
        if GROUPED.fullmatch(whole):
            return [f"{_without(whole, kinds)}.{decimals}"]
    for separator in BLANKS + APOSTROPHES + ",.":
        if separator in kinds:
            return [part for piece in digits.split(separator) for part in _split(piece, decimal_comma)]
    return [digits]


def _one_mark(digits: str, mark: str, decimal_comma: bool) -> str:
    whole, decimals = digits.split(mark)
    ambiguous = len(decimals) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    is_decimal = (mark == ",") == decimal_comma if ambiguous else True
    return f"{whole}.{decimals}" if is_decimal else whole + decimals


def _without(digits: str, marks: set[str]) -> str:
    return "".join(c for c in digits if c not in marks)


def _plain(piece: str) -> Fraction | None:
    if len(piece) > MAX_DIGITS or not piece.strip("."):
        return None
    return Fraction(piece if not piece.startswith(".") else f"0{piece}")
