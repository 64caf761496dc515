"""Which choices a request offers (A to J, yes or no, the labels of a classification), and which one an answer takes."""

import re

import msgspec

from tiercel.checks.comparing.final import AROUND, final_answer, plain
from tiercel.domain.request import ModelRequest

MAX_ASKED_CHARS = 20_000
MAX_LABELS = 50
MAX_LABEL_CHARS = 60

LETTERS = "ABCDEFGHIJ"
LETTERED = re.compile(r"^[ \t>*-]*\(?([A-J])[).:][ \t*]+(\S[^\n]*)", re.MULTILINE)
LETTERED_ON_ONE_LINE = re.compile(
    r"(?<!\w)\(?([A-J])[).][ \t]+([^\n]*?)(?=[ \t]*[,;]?[ \t]+\(?[B-J][).][ \t]|$)", re.MULTILINE
)
PAIRS = re.compile(
    r"\b(yes)(?: or |/| oder )(no)\b|\b(true)(?: or |/)(false)\b|\b(ja)(?: oder |/)(nein)\b|\b(oui)(?: ou |/)(non)\b"
    r"|\b(s[ií])(?: o |/)(no)\b|\b(wahr)(?: oder |/)(falsch)\b|\b(vrai)(?: ou |/)(faux)\b",
    re.IGNORECASE,
)
ONE_OF = re.compile(
    r"\b(?:(?:exactly |only )?one (?:of|word from|label from)(?: the| these)?(?: following)?(?: \w+){0,3}"
    r"|(?:labels|categories|classes|options|choices|sentiments|kategorien|catégories|categorías)(?: are)?"
    r"|eine[mnrs]? (?:von|der)(?: folgenden)?(?: \w+)?)[ \t]*[:(\[=][ \t]*([^\n]{3,600})",
    re.IGNORECASE,
)
AS_EITHER = re.compile(
    r"\b(?:as|als|is|whether|answer|reply|respond)(?: with)?(?: either| entweder| only)? "
    r"((?:[\"'“«`][\w -]{1,40}[\"'”»`](?:,? (?:or|oder|ou|o) |, ?)){1,12}[\"'“«`][\w -]{1,40}[\"'”»`])",
    re.IGNORECASE,
)
BETWEEN = re.compile(r"[,;|/]|\b(?:or|oder|ou|and|und)\b")
LONE_LETTER = re.compile(
    r"(?<![\w'’])([B-J]|A(?! [a-z]))(?![\w'’])|(?<![\w'’])(A)(?= (?:or|and|oder|und|ou|et|o|y) )"
)
BARE_LETTER = re.compile(r"(?:option |choice |letter )?[(\[]?([A-J])[)\]]?", re.IGNORECASE)
OPENING_LETTER = re.compile(r"[\s*_(\[]*([A-J])(?:[)\].:][)\]*_]*|[*_]+)(?=\s|$)")


class Offered(msgspec.Struct, frozen=True):
    """The labels a request offers, and beside each the text that explains it, if it has one."""

    labels: tuple[str, ...]
    texts: tuple[str, ...] = ()


def offered_in(request: ModelRequest) -> Offered | None:
    """The choices that the last user message offers, or what a schema's enumeration of the system messages says."""
    text = asked_text(request)
    if len(text) > MAX_ASKED_CHARS:
        text = text[: MAX_ASKED_CHARS // 2] + "\n" + text[-MAX_ASKED_CHARS // 2 :]
    return _lettered(text) or _pair(text) or _labels(text)


def asked_text(request: ModelRequest) -> str:
    """What the system messages and the last message of the user say."""
    system = [message.text for message in request.messages if message.role in ("system", "developer")]
    user = [message.text for message in request.messages if message.role == "user"]
    return "\n\n".join([*system, *user[-1:]])


def choice_in(text: str, offered: Offered) -> str | None:
    """The one label that this answer takes, `None` where it takes none or several."""
    final = final_answer(text)
    if offered.texts:
        return _letter(final.text, offered)
    return _label(final.text, offered.labels)


def _lettered(text: str) -> Offered | None:
    """Options A, B and so on without a gap, the last such list."""
    for pattern in (LETTERED, LETTERED_ON_ONE_LINE):
        run: list[tuple[str, str]] = []
        best: list[tuple[str, str]] = []
        for letter, words in pattern.findall(text):
            if letter == "A":
                run = []
            if letter == LETTERS[len(run) : len(run) + 1]:
                run.append((letter, plain(words)))
                best = run
        if len(best) > 1:
            return Offered(tuple(letter for letter, _ in best), tuple(words for _, words in best))
    return None


def _pair(text: str) -> Offered | None:
    found = PAIRS.findall(text)
    return Offered(tuple(word.lower() for word in found[-1] if word)) if found else None


def _labels(text: str) -> Offered | None:
    for found in (AS_EITHER.search(text), ONE_OF.search(text)):
        if found is None:
            continue
        listed = found[1].split(". ")[0]
        labels = [label.strip(AROUND + "()[]").lower() for label in BETWEEN.split(listed)]
        labels = list(dict.fromkeys(label for label in labels if label))
        if 2 <= len(labels) <= MAX_LABELS and max(map(len, labels)) <= MAX_LABEL_CHARS:
            return Offered(tuple(labels))
    return None


def _letter(text: str, offered: Offered) -> str | None:
    stripped = text.strip(AROUND + "()[]")
    bare = BARE_LETTER.fullmatch(stripped)
    if bare and bare[1].upper() in offered.labels:
        return bare[1].upper()
    opening = OPENING_LETTER.match(text)
    if opening and opening[1] in offered.labels:
        return opening[1]
    said = plain(text)
    for letter, words in zip(offered.labels, offered.texts, strict=True):
        if words and said == words:
            return letter
    found = {one or other for one, other in LONE_LETTER.findall(text)}.intersection(offered.labels)
    return found.pop() if len(found) == 1 else None


def _label(text: str, labels: tuple[str, ...]) -> str | None:
    """The label that the answer is, or begins with, or the only one it holds."""
    said = text.strip(AROUND + "()[]{}").lower()
    if said in labels:
        return said
    held = [label for label in labels if re.search(rf"(?<!\w){re.escape(label)}(?!\w)", said)]
    held = [label for label in held if not any(label != other and label in other for other in held)]
    if len(held) == 1:
        return held[0]
    opening = [label for label in held if re.match(rf"{re.escape(label)}[\s.,;:!–—-]", said)]
    return opening[0] if len(opening) == 1 else None
