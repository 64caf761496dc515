"""Did the answer call the right tools with the right arguments? As BFCL does it: by names and values, in any order."""

import math
import re
from collections.abc import Mapping, Sequence

import msgspec

from tiercel.checks.json_text import NotJSONError, parse_strict
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ToolCall
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.plain import Plain
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerInfo

LOOSE = re.compile(r"[\s,./\-_*^\"']")


class Between(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that is acceptable from `minimum` to `maximum`, both included: a point on a screen, say."""

    minimum: float
    maximum: float

    @property
    def middle(self) -> int | float:
        """The number in the middle, whole where one lies there."""
        middle = (self.minimum + self.maximum) / 2
        whole = math.floor(middle)
        return whole if whole >= self.minimum else middle

    def holds(self, given: Json) -> bool:
        """Whether this argument lies there."""
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        return is_number and self.minimum <= given <= self.maximum


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One call that is to be made. Of `any_of` each parameter has its acceptable values, and may be left out where the
    empty text is among them; `exact` are arguments of one value each. One of the two is given."""

    name: str
    exact: JsonObject | None = None
    any_of: dict[str, list[Json] | Between] | None = None


def tool_call(answer: Answer, expectation: Expectation) -> Scored:
    """The share of the wanted calls that were made; with others beside them it is not met. `[]` wants no call."""
    wanted = wanted_calls(expectation.value)
    made = list(answer.choice.tool_calls)
    if not wanted:
        reason = "calls no tool" if not made else f"calls {made[0].name}, wanted no call"
        return Scored(value=float(not made), reason=reason)
    missed: list[str] = []
    for call in wanted:
        complaints = [(_complaint(call, one), one) for one in made]
        fitting = next((one for complaint, one in complaints if complaint is None), None)
        if fitting is not None:
            made.remove(fitting)
            continue
        near = next((complaint for complaint, one in complaints if one.name == call.name), None)
        missed.append(near or f"does not call {call.name}")
    if missed:
        return Scored(value=1 - len(missed) / len(wanted), reason="; ".join(missed), met=False)
    if made:
        return Scored(value=len(wanted) / (len(wanted) + len(made)), reason=f"also calls {made[0].name}")
    return Scored(value=1.0, reason=f"{len(wanted)} as wanted")


def wanted_calls(value: Json) -> list[Wanted]:
    """The calls of a value: `{name, arguments}`, or BFCL's `{name: {parameter: [acceptable, …]}}`, where a number may
    also have `{minimum, maximum}`, or a name, or a list of these. Raises `ValueError`."""
    listed = value if isinstance(value, list) else [value]
    return [_wanted(one) for one in listed]


def right_calls(value: Json) -> list[tuple[str, JsonObject]]:
    """Names and arguments that meet the value, with the first of acceptable values, or the number in the middle.
    Raises `ValueError`."""
    return [
        (call.name, call.exact or {key: _first_of(values) for key, values in (call.any_of or {}).items()})
        for call in wanted_calls(value)
    ]


def _first_of(values: list[Json] | Between) -> Json:
    return values.middle if isinstance(values, Between) else values[0]


def _wanted(one: Json) -> Wanted:
    match one:
        case str() if one:
            return Wanted(name=one)
        case {"name": str(name), "arguments": dict(arguments)}:
            return Wanted(name=name, exact=arguments)
        case {"name": str(name)} if len(one) == 1:
            return Wanted(name=name)
        case dict() if len(one) == 1:
            name, parameters = next(iter(one.items()))
            if isinstance(parameters, dict) and all(isinstance(v, list | dict) for v in parameters.values()):
                return Wanted(name=name, any_of={key: _values(given) for key, given in parameters.items()})
    raise ValueError(
        f"{_shown(one)} is no call: give a name, {{name, arguments}}, or {{name: {{parameter: [values]}}}}"
    )


def _values(given: Json) -> list[Json] | Between:
    """The acceptable values of a parameter. Raises `ValueError` for bounds that are none."""
    if isinstance(given, list):
        return given
    try:
        bounds = msgspec.convert(given, Between)
    except msgspec.ValidationError as error:
        raise ValueError(f"{_shown(given)}: give {{minimum, maximum}} of a number: {error}") from error
    if not bounds.minimum <= bounds.maximum:
        raise ValueError(f"{_shown(given)}: the minimum is above the maximum")
    return bounds


def _shown(value: Json) -> str:
    return msgspec.json.encode(value).decode()[:80]


def _complaint(wanted: Wanted, call: ToolCall) -> str | None:
    if call.name != wanted.name:
        return f"calls {call.name}"
    if wanted.exact is None and wanted.any_of is None:
        return None
    try:
        arguments = parse_strict(call.arguments or "{}")
    except NotJSONError:
        return f"{call.name}: its arguments are no JSON"
    if not isinstance(arguments, dict):
        return f"{call.name}: its arguments are no object"
    if wanted.exact is not None:
        return _first(_exact(call.name, wanted.exact, arguments))
    return _first(_acceptable(call.name, wanted.any_of or {}, arguments))


def _exact(name: str, wanted: JsonObject, given: JsonObject) -> Sequence[str]:
    missing = [f"{name}: {key} is missing" for key in wanted if key not in given]
    other = [f"{name}: {key} was not asked for" for key in given if key not in wanted]
    wrong = [
        f"{name}: {key} is another" for key in wanted if key in given and not _alike(wanted[key], given[key])
    ]
    return [*missing, *wrong, *other]


def _acceptable(name: str, wanted: Mapping[str, list[Json] | Between], given: JsonObject) -> Sequence[str]:
    found = [f"{name}: {key} was not asked for" for key in given if key not in wanted]
    for key, values in wanted.items():
        if isinstance(values, Between):
            found += _outside(f"{name}: {key}", values, given.get(key))
        elif key not in given:
            found += [] if "" in values else [f"{name}: {key} is missing"]
        elif not any(_acceptable_value(value, given[key]) for value in values):
            found.append(f"{name}: {key} is another")
    return found


def _outside(named: str, bounds: Between, given: Json) -> list[str]:
    if given is None:
        return [f"{named} is missing"]
    if bounds.holds(given):
        return []
    return [f"{named} is {_shown(given)}, not {bounds.minimum:g} to {bounds.maximum:g}"]


def _acceptable_value(wanted: Json, given: Json) -> bool:
    """BFCL's rules: texts without case, blanks and punctuation; an object's members are lists of acceptable values."""
    if isinstance(wanted, str) and isinstance(given, str):
        return LOOSE.sub("", wanted).lower() == LOOSE.sub("", given).lower()
    if isinstance(wanted, dict) and isinstance(given, dict):
        listed = {key: value if isinstance(value, list) else [value] for key, value in wanted.items()}
        return not _acceptable("", listed, given)
    if isinstance(wanted, list) and isinstance(given, list):
        return len(wanted) == len(given) and all(map(_acceptable_value, wanted, given))
    return _alike(wanted, given)


def _alike(wanted: Json, given: Json) -> bool:
    """Equal, where true is not 1, and 5 is 5.0."""
    if isinstance(wanted, bool) or isinstance(given, bool):
        return wanted is given
    if isinstance(wanted, list) and isinstance(given, list):
        return len(wanted) == len(given) and all(map(_alike, wanted, given))
    if isinstance(wanted, dict) and isinstance(given, dict):
        return wanted.keys() == given.keys() and all(_alike(wanted[key], given[key]) for key in wanted)
    return bool(wanted == given)


def _first(complaints: Sequence[str]) -> str | None:
    return complaints[0] if complaints else None


def _find_problems(expectation: Expectation) -> list[str]:
    try:
        wanted_calls(expectation.value)
    except ValueError as error:
        return [str(error)]
    return []


SCORERS = (
    Plain(
        info=ScorerInfo(
            name="tool-call",
            summary="the answer makes these tool calls and no others, in any order",
            value="a call or a list of them: a name, {name, arguments}, or {name: {parameter: [acceptable values], "
            "or {minimum, maximum} of a number}}",
        ),
        measure=tool_call,
        find_problems=_find_problems,
    ),
)
