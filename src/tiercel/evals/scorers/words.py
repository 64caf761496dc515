"""Is the answer this text, does it hold it, begin with it, come near it? As in promptfoo."""

from collections.abc import Callable

from tiercel.domain.json import Json
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.plain import Plain, needs_text, needs_texts, texts_of
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerError, ScorerInfo, as_text

MOST_EDITS = 5.0
MOST_CELLS = 200_000
"""Letters times edits: more would keep everybody waiting."""
MAX_SHOWN = 80


def _same(text: str) -> str:
    return text


def _folded(text: str) -> str:
    return text.casefold()


def equals(answer: Answer, expectation: Expectation) -> Scored:
    """Without a value, one of the item's targets must be the answer. White space at the ends does not count."""
    said = answer.text.strip()
    wanted = [as_text(expectation.value)] if expectation.value is not None else list(answer.item.target)
    if not wanted:
        raise ScorerError("nothing to compare with: give a value, or the item a target")
    if expectation.options.get("ignore_case"):
        said, wanted = said.casefold(), [one.casefold() for one in wanted]
    if any(said == one.strip() for one in wanted) or _same_json(answer.text, expectation.value):
        return Scored(value=1.0, reason="equal")
    return Scored(value=0.0, reason=f"{_shown(answer.text)} is not {_shown(wanted[0])}")


def _same_json(text: str, value: Json) -> bool:
    """An object or list is compared as JSON."""
    if not isinstance(value, dict | list):
        return False
    from tiercel.checks.json_text import NotJSONError, parse_strict

    try:
        return bool(parse_strict(text.strip()) == value)
    except NotJSONError:
        return False


def _contains(fold: Callable[[str], str]) -> Callable[[Answer, Expectation], Scored]:
    def measure(answer: Answer, expectation: Expectation) -> Scored:
        wanted = as_text(expectation.value)
        held = fold(wanted) in fold(answer.text)
        return Scored(value=float(held), reason=f"{'has' if held else 'lacks'} {_shown(wanted)}")

    return measure


def _contains_any(fold: Callable[[str], str]) -> Callable[[Answer, Expectation], Scored]:
    def measure(answer: Answer, expectation: Expectation) -> Scored:
        text = fold(answer.text)
        wanted = texts_of(expectation)
        held = next((one for one in wanted if fold(one) in text), None)
        if held is None:
            return Scored(value=0.0, reason=f"has none of {_listed(wanted)}")
        return Scored(value=1.0, reason=f"has {_shown(held)}")

    return measure


def _contains_all(fold: Callable[[str], str]) -> Callable[[Answer, Expectation], Scored]:
    def measure(answer: Answer, expectation: Expectation) -> Scored:
        text = fold(answer.text)
        wanted = texts_of(expectation)
        missing = [one for one in wanted if fold(one) not in text]
        if missing:
            return Scored(value=1 - len(missing) / len(wanted), reason=f"lacks {_listed(missing)}", met=False)
        return Scored(value=1.0, reason=f"has {_listed(wanted)}")

    return measure


def starts_with(answer: Answer, expectation: Expectation) -> Scored:
    wanted = as_text(expectation.value)
    held = answer.text.startswith(wanted)
    return Scored(value=float(held), reason=f"{'begins' if held else 'does not begin'} with {_shown(wanted)}")


def ends_with(answer: Answer, expectation: Expectation) -> Scored:
    wanted = as_text(expectation.value)
    held = answer.text.rstrip().endswith(wanted.rstrip())
    return Scored(value=float(held), reason=f"{'ends' if held else 'does not end'} with {_shown(wanted)}")


def levenshtein(answer: Answer, expectation: Expectation) -> Scored:
    """Met with at most `threshold` edits, else 5, as in promptfoo; beyond them the score is 0. Raises `ScorerError` for
    what would take too long."""
    wanted, said = as_text(expectation.value), answer.text
    most = MOST_EDITS if expectation.threshold is None else expectation.threshold
    longest = max(len(wanted), len(said), 1)
    allowed = min(max(int(most), 0), longest)
    if longest * allowed > MOST_CELLS:
        raise ScorerError(f"{longest:,} letters with {allowed:,} edits would take too long to compare")
    edits = edit_distance(wanted, said, allowed)
    if edits > allowed:
        return Scored(value=0.0, reason=f"more than {allowed} edits", met=False)
    return Scored(value=1 - edits / longest, reason=f"{edits} edits, at most {most:g}", met=True)


def edit_distance(a: str, b: str, most: int) -> int:
    """The fewest letters to put in, take out or change; `most` + 1 where it is more than that.

    Only cells within `most` of the diagonal can belong to so cheap a way, so that only they are filled.
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    beyond = most + 1
    row = {place: place for place in range(min(most, len(b)) + 1)}
    for number, letter in enumerate(a, 1):
        new: dict[int, int] = {}
        for place in range(max(0, number - most), min(len(b), number + most) + 1):
            if place == 0:
                new[0] = number
                continue
            kept = row.get(place - 1, beyond) + (letter != b[place - 1])
            new[place] = min(kept, row.get(place, beyond) + 1, new.get(place - 1, beyond) + 1)
        row = new
    return min(row.get(len(b), beyond), beyond)


def _listed(texts: tuple[str, ...] | list[str]) -> str:
    return ", ".join(_shown(text) for text in texts[:10])


def _shown(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…")


def _scorer(
    name: str, summary: str, measure: Callable[[Answer, Expectation], Scored], *, many: bool = False
) -> Plain:
    value = "list of texts, or one text with commas between them" if many else "the text"
    return Plain(
        info=ScorerInfo(name=name, summary=summary, value=value),
        measure=measure,
        find_problems=needs_texts if many else needs_text,
    )


SCORERS = (
    Plain(
        info=ScorerInfo(
            name="equals",
            summary="the answer is this text, but for white space at its ends; an object or list is compared as JSON",
            value="the text, object or list (default: one of the item's targets)",
            options={"ignore_case": "whether upper and lower case are the same (default false)"},
        ),
        measure=equals,
    ),
    _scorer("contains", "the answer has this text in it", _contains(_same)),
    _scorer("contains-any", "the answer has one of these texts in it", _contains_any(_same), many=True),
    _scorer("contains-all", "the answer has all of these texts in it", _contains_all(_same), many=True),
    _scorer("icontains", "as contains, upper and lower case being the same", _contains(_folded)),
    _scorer(
        "icontains-any",
        "as contains-any, upper and lower case being the same",
        _contains_any(_folded),
        many=True,
    ),
    _scorer(
        "icontains-all",
        "as contains-all, upper and lower case being the same",
        _contains_all(_folded),
        many=True,
    ),
    _scorer("starts-with", "the answer begins with this text", starts_with),
    _scorer("ends-with", "the answer ends with this text, white space aside", ends_with),
    Plain(
        info=ScorerInfo(
            name="levenshtein",
            summary="the answer is at most `threshold` edits (default 5) away from this text",
            value="the text",
            own_threshold=True,
        ),
        measure=levenshtein,
        find_problems=needs_text,
    ),
)
