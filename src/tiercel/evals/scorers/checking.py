"""The checks that judge live answers, as scorers: so that what an evaluation measures is what a policy can gate on.

One difference: a check lets a refusal, or tool calls, pass unread where it reads text. Here they are no answer.
"""

from collections.abc import Callable

import msgspec

from tiercel.checks.check import Check, Subject
from tiercel.checks.registry import Registry
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.policy import Gate
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.scorer import Answer, Scored, Scorer, ScorerError, ScorerInfo

PREFIX = "check:"
"""In front of a check's name, where a scorer of that name stands before it."""
CHECKS_VALUE = "its options, which may also stand beside it"
WAITING_TIMES = 30
"""A scorer may take so many times as long as its check: the answers of a run wait for one sandbox together."""
READ_CALLS = frozenset(("tool_calls", "refusal", "finished"))
"""Checks that do not read text alone."""
AROUND = frozenset(("bom", "fences", "prose"))
"""Repairs that only take away what stands around the JSON."""

TESTS = "Python text with assert statements, functions test_... or check(candidate)"

OptionsOf = Callable[[Expectation], JsonObject]


class Checking(msgspec.Struct, frozen=True, kw_only=True):
    """Measures with a check. `options_of` makes its options of an expectation's value and options; `turned` says that
    the scorer is met where the check is not."""

    info: ScorerInfo
    check: Check
    registry: Registry
    options_of: OptionsOf
    turned: bool = False

    def problems(self, expectation: Expectation) -> list[str]:
        try:
            gate = Gate(check=self.check.info.name, options=self.options_of(expectation))
        except ValueError as error:
            return [str(error)]
        name = f"gate {gate.check!r}: "
        return [problem.removeprefix(name) for problem in self.registry.problems(gate)]

    async def score(self, answer: Answer, expectation: Expectation) -> Scored:
        name = self.check.info.name
        subject = Subject(request=answer.request, choice=answer.choice)
        silent = subject.nothing_to_read
        if silent is not None and name not in READ_CALLS:
            return Scored(value=0.0, reason=f"no text to read: {silent}", met=False)
        verdict = await self.check.measure(subject, self.options_of(expectation), None)
        value = 1 - verdict.score if self.turned else verdict.score
        return Scored(value=value, reason=verdict.reason, repaired=bool(verdict.repairs))


class JSONScorer(msgspec.Struct, frozen=True, kw_only=True):
    """`is-json` and `contains-json`: valid as it stands, or after the check's repairs where those are wanted.

    What stands around the JSON is no fault to `contains-json`. What was repaired is counted apart.
    """

    info: ScorerInfo
    check: Check
    registry: Registry
    around: bool

    def problems(self, expectation: Expectation) -> list[str]:
        found = [f"no option {name!r}; it takes repair" for name in expectation.options if name != "repair"]
        repair = expectation.options.get("repair", False)
        if not isinstance(repair, bool):
            found.append(f"repair is {repair!r}: give true or false")
        if not isinstance(expectation.value, dict | bool | None):
            return [*found, "value is no JSON Schema: give an object, or leave it out"]
        gate = Gate(check=self.check.info.name, options={"schema": _schema(expectation.value)})
        name = f"gate {gate.check!r}: "
        return found + [problem.removeprefix(name) for problem in self.registry.problems(gate)]

    async def score(self, answer: Answer, expectation: Expectation) -> Scored:
        subject = Subject(request=answer.request, choice=answer.choice)
        if subject.nothing_to_read is not None:
            return _no_json(f"no text to read: {subject.nothing_to_read}")
        wanted = answer.request.response_format
        own = expectation.value is not None or wanted is None or not wanted.wants_json
        options = {"schema": _schema(expectation.value)} if own else {}
        verdict = await self.check.measure(subject, options, None)
        if verdict.score < 1:
            flaw = "invalid_json" if "not JSON" in verdict.reason else "schema"
            return Scored(value=0.0, reason=verdict.reason, flaw=flaw)
        changed = set(verdict.repairs) - (AROUND if self.around else set())
        if changed and not expectation.options.get("repair", False):
            return _no_json(
                f"JSON only {verdict.reason.removeprefix('valid ')}; `repair: true` would take it"
            )
        return Scored(value=1.0, reason=verdict.reason, repaired=bool(changed))


def _no_json(reason: str) -> Scored:
    return Scored(value=0.0, reason=reason, flaw="invalid_json")


def _schema(value: Json) -> Json:
    return True if value is None else value


def named_checks(registry: Registry) -> dict[str, Scorer]:
    """Every check that asks no model, under its own name, with dashes for underscores too, and behind `check:`."""
    found: dict[str, Scorer] = {}
    for info in registry.infos:
        check = registry.get(info.name)
        if check is None or info.asks != "nobody" or info.embeds == "must":
            continue
        scorer = Checking(
            info=ScorerInfo(
                name=info.name,
                summary=info.summary,
                value=CHECKS_VALUE,
                options=info.options,
                seconds=WAITING_TIMES * info.seconds,
            ),
            check=check,
            registry=registry,
            options_of=_given_options,
        )
        for name in (info.name, info.name.replace("_", "-"), PREFIX + info.name):
            found[name] = scorer
    return found


def json_scorers(registry: Registry) -> dict[str, Scorer]:
    """`is-json` and `contains-json`."""
    options = {"repair": "whether an answer counts that is JSON only after a local repair (default false)"}
    value = "JSON Schema (default: the request's own, else any JSON)"
    about = (("is-json", "the answer is JSON", False), ("contains-json", "the answer has JSON in it", True))
    return {
        name: JSONScorer(
            info=ScorerInfo(
                name=name, summary=f"{summary}, valid against the schema", value=value, options=options
            ),
            check=_of(registry, "json_schema"),
            registry=registry,
            around=around,
        )
        for name, summary, around in about
    }


def checks_by_other_names(registry: Registry) -> dict[str, Scorer]:
    """Checks under promptfoo's names, with values as they are given there."""

    def scorer(
        name: str, summary: str, check: str, options_of: OptionsOf, value: str = "", *, turned: bool = False
    ) -> Checking:
        found = _of(registry, check)
        options = {} if turned or check == "tool_calls" else found.info.options
        info = ScorerInfo(
            name=name,
            summary=summary,
            value=value,
            options=options,
            seconds=WAITING_TIMES * found.info.seconds,
        )
        return Checking(info=info, check=found, registry=registry, options_of=options_of, turned=turned)

    made = (
        scorer("regex", "the answer matches it", "regex", _value_as("pattern"), "pattern of Python's re"),
        scorer(
            "code",
            "the Python program in it passes the tests, run in a sandbox",
            "code",
            _value_as("tests"),
            TESTS,
        ),
        scorer("table", "it holds a table with these columns", "table", _value_as("columns"), "column names"),
        scorer(
            "language", "it is in this language", "language", _value_as("language"), "two letters, such as de"
        ),
        scorer("is-refusal", "the answer declines", "refusal", _nothing, turned=True),
        scorer("is-valid-openai-tools-call", "its tool calls can be run", "tool_calls", _nothing),
    )
    return {one.info.name: one for one in made}


def _nothing(expectation: Expectation) -> JsonObject:
    return {}


def _value_as(option: str) -> OptionsOf:
    """The value is this option of the check; an object is all of them."""

    def options_of(expectation: Expectation) -> JsonObject:
        if isinstance(expectation.value, dict) or expectation.value is None:
            return _given_options(expectation)
        return {option: expectation.value, **expectation.options}

    return options_of


def _given_options(expectation: Expectation) -> JsonObject:
    """Raises `ValueError` for a value that holds no options."""
    if expectation.value is None:
        return expectation.options
    if not isinstance(expectation.value, dict):
        raise ValueError("value is to hold the check's options: give an object, such as {min: 3}")
    return {**expectation.value, **expectation.options}


def _of(registry: Registry, name: str) -> Check:
    check = registry.get(name)
    if check is None:
        raise ScorerError(f"there is no check {name!r}")
    return check
