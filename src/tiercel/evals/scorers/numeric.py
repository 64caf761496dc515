"""Is the number that the answer ends on the right one? Read as people write numbers."""

from fractions import Fraction

from tiercel.checks.comparing.final import final_answer
from tiercel.checks.comparing.quantity import Quantity, has_decimal_comma, quantities
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.plain import Plain
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerError, ScorerInfo, as_text

TAIL_CHARS = 20_000


def numeric(answer: Answer, expectation: Expectation) -> Scored:
    """1 where it is the wanted number, within `tolerance` (absolute) or `relative` (a share of it)."""
    wanted = _wanted(answer, expectation)
    found = final_quantity(answer.text)
    if found is None:
        return Scored(value=0.0, reason="no number in the answer")
    best = min(wanted, key=lambda one: abs(one.value - found.value))
    allowed = max(_given(expectation, "tolerance"), _given(expectation, "relative") * abs(best.value))
    units_agree = not best.unit or not found.unit or best.unit == found.unit
    right = units_agree and abs(best.value - found.value) <= allowed
    return Scored(value=float(right), reason=f"{_shown(found)}, wanted {_shown(best)}")


def final_quantity(text: str) -> Quantity | None:
    """The number that an answer ends on: the last after a mark such as `####` or `Answer:`, else the last of all."""
    text = text[-TAIL_CHARS:]
    comma = has_decimal_comma(text)
    found = quantities(final_answer(text).text, decimal_comma=comma) or quantities(text, decimal_comma=comma)
    return found[-1] if found else None


def _wanted(answer: Answer, expectation: Expectation) -> list[Quantity]:
    texts = [as_text(expectation.value)] if expectation.value is not None else list(answer.item.target)
    found = [one[-1] for text in texts if (one := quantities(text, decimal_comma=has_decimal_comma(text)))]
    if not found:
        raise ScorerError("no number to compare with: give a value, or the item a target that has one")
    return found


def _given(expectation: Expectation, name: str) -> Fraction:
    return Fraction(str(expectation.options.get(name, 0)))


def _find_problems(expectation: Expectation) -> list[str]:
    problems = []
    for name in ("tolerance", "relative"):
        given = expectation.options.get(name, 0)
        if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
            problems.append(f"{name} is {given!r}: give a number from 0 on")
    if expectation.value is not None and not quantities(as_text(expectation.value)):
        problems.append(f"value is {as_text(expectation.value)[:60]!r}, which has no number in it")
    return problems


def _shown(quantity: Quantity) -> str:
    value = quantity.value
    number = str(value) if value.denominator == 1 else f"{float(value):.10g}"
    return f"{number} {quantity.unit}".strip()


SCORERS = (
    Plain(
        info=ScorerInfo(
            name="numeric",
            summary="the number that the answer ends on is the right one",
            value="the number (default: the item's targets)",
            options={
                "tolerance": "how far off it may be (default 0)",
                "relative": "how far off it may be, as a share of the right number (default 0)",
            },
        ),
        measure=numeric,
        find_problems=_find_problems,
    ),
)
