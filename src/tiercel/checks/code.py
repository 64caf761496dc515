"""Does the program in the answer do what its tests want? It is run, in a sandbox, or refused where there is none.

Without tests it is only compiled, and the reason says so. What no test asks for is not measured.
"""

import asyncio
from typing import Annotated

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.checks.code_blocks import find_code
from tiercel.checks.sandbox.boxes import Boxes
from tiercel.checks.sandbox.outcome import Failure, Job, Outcome
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Applies
from tiercel.domain.request import ModelRequest

NAME = "code"

MAX_CODE = 100_000
MAX_TESTS = 100_000
MAX_MESSAGE = 1_500
MAX_NAME = 60
SECONDS = 20.0
"""For one answer: to wait for a place, to start, and to run."""
TRANSCRIPT = ">>> "


class CodeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every answer is tested with where the request brings no tests, whether only requests that bring some are
    measured, and how many sandboxes may run at once."""

    tests: str | None = None
    entry_point: str | None = None
    only_with_tests: bool = False
    at_once: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2


class Code:
    """The share of the tests that pass. Of a program without tests: 1 if all of it compiles, else 0."""

    info = CheckInfo(
        name=NAME,
        seconds=SECONDS,
        summary="the Python program in the answer passes the tests given, run in a sandbox; without tests it compiles",
        options={
            "tests": "Python text with assert statements, functions test_... or check(candidate), "
            "for requests without metadata tiercel.tests",
            "entry_point": "name of the function that check(candidate) is to try, "
            "for requests without metadata tiercel.entry_point",
            "only_with_tests": "whether answers to requests without metadata tiercel.tests are let be (default false)",
            "at_once": "how many sandboxes may run at the same time, 1 to 64; others wait (default 2)",
        },
    )

    def __init__(self, boxes: Boxes) -> None:
        self._boxes = boxes

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(CodeOptions, options)
        if not found and options.get("only_with_tests") and options.get("tests") is not None:
            found.append("only_with_tests leaves no use for tests: remove one of them")
        return found

    def applies_with(self, options: JsonObject) -> Applies:
        return "tests" if options.get("only_with_tests") is True else "always"

    def note(self) -> str:
        """What an operator should know of this machine. For a command: it runs an event loop of its own."""
        try:
            confinement = asyncio.run(self._boxes.confinement())
        except CheckError as error:
            return f"check {NAME!r}: {error}"
        return f"check {NAME!r}: programs run in a sandbox of {confinement.kind}"

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(CodeOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        if len(subject.choice.text) > MAX_CODE:
            return _missed(0.0, f"over {MAX_CODE} characters, not run")
        blocks = [block for block in find_code(subject.choice.text) if not block.startswith(TRANSCRIPT)]
        if not blocks:
            return _missed(0.0, "no Python code block")
        job = make_job(blocks, subject.request, wanted)
        outcome = await self._boxes.run(job, at_once=wanted.at_once)
        return _compile_verdict(outcome) if job.tests is None else _test_verdict(outcome)


def make_job(blocks: list[str], request: ModelRequest, options: CodeOptions) -> Job:
    """The program with its tests: the request's, else the gate's. Raises `CheckError` where they are too long."""
    tests = request.annotations.get("tests", options.tests)
    if tests is not None and len(tests) > MAX_TESTS:
        raise CheckError(f"the tests have over {MAX_TESTS} characters")
    entry_point = request.annotations.get("entry_point", options.entry_point)
    return Job(blocks=tuple(blocks), tests=tests, entry_point=entry_point)


def _compile_verdict(outcome: Outcome) -> Verdict:
    if outcome.compiled is None:
        return _missed(0.0, f"it does not compile: {_how_it_ended(outcome)}")
    if outcome.compiled:
        return _missed(0.0, f"it does not compile: {outcome.compiled[0]}")
    return Verdict(check=NAME, score=1.0, reason="compiles; not run, as there are no tests")


def _test_verdict(outcome: Outcome) -> Verdict:
    if outcome.unusable is not None:
        raise CheckError(f"the tests cannot be used: {outcome.unusable}")
    wanted = outcome.total + sum(not failure.counts for failure in outcome.failures)
    count = f"{outcome.passed} of {outcome.total} tests pass"
    whole = outcome.ended == "whole" and outcome.gone is None
    if whole and outcome.total and outcome.passed == wanted:
        return Verdict(check=NAME, score=1.0, reason=count)
    score = outcome.passed / wanted if wanted else 0.0
    if outcome.failures:
        first = outcome.failures[0]
        return _missed(
            score, f"{count}; first to fail is {_place(first)}: {first.kind}", _told(outcome, first)
        )
    return _missed(score, f"{count}; {_how_it_ended(outcome)}", "\n".join(outcome.loaded or ()))


def _how_it_ended(outcome: Outcome) -> str:
    """Why there is no more to be said of it."""
    if outcome.gone is not None:
        return f"the program did not last: {outcome.gone}"
    if outcome.ended == "out of time":
        return "it was stopped as its time was up"
    return "it broke off"


def _place(failure: Failure) -> str:
    what = "test" if failure.counts else "preparation"
    name = f" {failure.name[:MAX_NAME]}" if failure.name.isascii() and failure.name else ""
    return f"{what}{name} (line {failure.line})"


def _told(outcome: Outcome, failure: Failure) -> str:
    """What a model needs to know to do better: the test, what came of it, and where."""
    lines = [f"This fails: {failure.source}", failure.error]
    if failure.got:
        lines.append(f"It got: {failure.got}")
    lines += [failure.trace, *(outcome.loaded or ())]
    return "\n".join(line for line in lines if line)


def _missed(score: float, reason: str, told: str = "") -> Verdict:
    head = f"The answer needs a complete Python program that does what was asked; of yours: {reason}.\n"
    tail = "\nGive the whole answer again, with the corrected program."
    told = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in told)
    message = head + told[: MAX_MESSAGE - len(head) - len(tail)] + tail
    return Verdict(check=NAME, score=score, reason=reason, message=message)
