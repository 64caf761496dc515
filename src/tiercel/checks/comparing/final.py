"""Finds what an answer ends on: what is in the last `\\boxed{}`, after `####`, on an `Answer:` line, or all of it.

Working and explanation differ between answers that agree; only what they end on is compared.
"""

import re
import unicodedata
from typing import Literal

import msgspec

from tiercel.checks.comparing.likeness import MAX_CHARS

TAIL_CHARS = 20_000
"""How much of an answer's end is searched."""

MAX_FINAL_CHARS = 500
"""What is longer than this is no short answer."""

BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
HASHES = re.compile(r"^[ \t]*####[ \t]*(\S[^\n]*)", re.MULTILINE)
LINE = re.compile(
    r"^[ \t>*_#\"']*(?:the[ \t]+)?(?:correct[ \t]+|final[ \t]+)?"
    r"(?:answer|a|antwort|ergebnis|lösung|réponse|reponse|respuesta|resultado|risposta|resposta|result|label"
    r"|答案|答え)"
    r"[ \t*_\"']*[:：][ \t*_]*(\S[^\n]*)",
    re.MULTILINE | re.IGNORECASE,
)
SENTENCE = re.compile(
    r"\b(?:answer|choice|antwort|réponse|respuesta|risposta)[ \t]+(?:is|ist|lautet|est|es|è)[ \t]*:?[ \t]*"
    r"([^\n]*)",
    re.IGNORECASE,
)
AROUND = " \t\r\n*_`\"'“”„«»‘’.,;:!¡?¿。！？$"
TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}")
LATEX_SIZES = re.compile(r"\\(?:left|right|displaystyle|[!,;])(?![A-Za-z])")
AROUND_SIGNS = re.compile(r"\s?([()\[\]{},:;=+*/^<>|-])\s?")
FENCED = re.compile(r"```[^\n`]*\n(.*)```", re.DOTALL)


Mark = Literal["box", "line", "sentence", "none"]


class Final(msgspec.Struct, frozen=True):
    """What an answer ends on, and by which mark it says so."""

    text: str
    mark: Mark


def final_answer(text: str) -> Final:
    """What this answer ends on: the last mark of the strongest kind that it has, else the whole of it."""
    text = unfenced(text)
    tail = text[-TAIL_CHARS:]
    marked: tuple[tuple[Mark, str | None], ...] = (
        ("box", _boxed(tail)),
        ("box", _last(HASHES, tail)),
        ("line", _last(LINE, tail)),
        ("sentence", _last(SENTENCE, tail)),
    )
    for mark, found in marked:
        if found is not None and found.strip(AROUND):
            return Final(found.strip(), mark)
    return Final(text, "none")


def unfenced(text: str) -> str:
    """The text without a code fence around all of it."""
    text = text.strip()
    fenced = FENCED.fullmatch(text)
    return fenced[1].strip() if fenced and "```" not in fenced[1] else text


def plain(text: str) -> str:
    """The text for comparing: one spelling of each character, single blanks, no marks at its ends.

    A word with its first letter alone in upper case counts as lower case; `mgItr` stays as it is.
    """
    if len(text) > MAX_CHARS:
        return " ".join(text.split())
    text = TEXT_COMMAND.sub(r"\1", " ".join(unicodedata.normalize("NFKC", text).split()))
    text = text.strip(AROUND) or text
    return " ".join(word.lower() if word[1:].islower() or len(word) == 1 else word for word in text.split())


def tight(text: str) -> str:
    """`plain`, and without what makes the same formula or list look different: blanks around signs, LaTeX's sizes."""
    if len(text) > MAX_CHARS:
        return plain(text)
    return AROUND_SIGNS.sub(
        r"\1", plain(LATEX_SIZES.sub("", text).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac"))
    )


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.findall(text)
    return str(found[-1]) if found else None


def _boxed(text: str) -> str | None:
    """What stands in the last `\\boxed{…}`, braces balanced; to the end of the line where they are not."""
    openings = list(BOXED.finditer(text))
    if not openings:
        return None
    start = openings[-1].end()
    depth = 1
    for place in range(start, min(len(text), start + MAX_FINAL_CHARS)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start:place]
    return text[start : start + MAX_FINAL_CHARS].partition("\n")[0]
