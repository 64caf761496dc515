"""An ORACLE: is the answer's final number the known right one? Needs labelled data; says nothing about live traffic."""

import re
from decimal import Decimal, InvalidOperation

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import ModelRequest

NAME = "number"
OURS = "tiercel."

TAIL_CHARS = 20_000
"""How much of an answer's end is read; a final number stands at the end."""

NUMBER = re.compile(r"(?<![\w.])-?\$?-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|(?<![\w.])-?\$?\.\d+")
FIRST_AFTER = re.compile(r"####|\\boxed\{")
LAST_ON_LINE = re.compile(r"^[ \t*]*(?:final answer|answer|a)[ \t*]*:(.*)$", re.IGNORECASE | re.MULTILINE)


class NumberOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`metadata_key` names the entry of the request's metadata that holds the right number."""

    metadata_key: str = "tiercel.expected"


class Number:
    """1 if the final number equals the expected one. It knows the right answer: use it to measure, not to serve."""

    info = CheckInfo(
        name=NAME,
        summary="ORACLE, only for labelled data: the final number equals the known right one",
        options={
            "metadata_key": "entry of the request's metadata with the right number (default tiercel.expected)"
        },
    )

    def problems(self, options: JsonObject) -> list[str]:
        return option_problems(NumberOptions, options)

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        key = read_options(NumberOptions, options).metadata_key
        label = _label(subject.request, key)
        if label is None:
            raise CheckError(f"the request's metadata has no {key!r}: this check needs labelled data")
        expected = to_number(label)
        if expected is None:
            raise CheckError(f"the request's metadata {key!r} is not a number")
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=0.0, reason=f"oracle: {silent}, no number")
        found = final_number(subject.choice.text)
        if found is None:
            return Verdict(check=NAME, score=0.0, reason="oracle: no number in the answer")
        right = found == expected
        return Verdict(
            check=NAME, score=float(right), reason=f"oracle: {'right' if right else 'wrong'} number"
        )


def _label(request: ModelRequest, key: str) -> str | None:
    """The metadata entry `key`; the gateway keeps those that begin with `tiercel.` apart, without that prefix."""
    if key.startswith(OURS) and (label := request.annotations.get(key.removeprefix(OURS))) is not None:
        return label
    return request.metadata.get(key)


def final_number(text: str) -> Decimal | None:
    """The number an answer ends on: after its last `####` or `\\boxed{`, else the last one on its last `Answer:` (or
    `A:`) line, else the last of all."""
    text = text[-TAIL_CHARS:]
    markers = list(FIRST_AFTER.finditer(text))
    if markers:
        found = NUMBER.search(text[markers[-1].end() :].lstrip())
        if found:
            return to_number(found[0])
    lines = LAST_ON_LINE.findall(text)
    if lines:
        numbers = NUMBER.findall(lines[-1])
        if numbers:
            return to_number(numbers[-1])
    numbers = NUMBER.findall(text)
    return to_number(numbers[-1]) if numbers else None


def to_number(text: str) -> Decimal | None:
    """`text` as a number, without currency sign and thousands separators; `None` where it is none."""
    try:
        number = Decimal(text.strip().replace(",", "").replace("$", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
