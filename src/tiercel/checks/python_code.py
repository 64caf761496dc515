"""Does the answer hold Python code that could be compiled? It is parsed, in the isolated worker, and never run.

So it finds what no interpreter would take, and code that lacks a wanted function; it cannot say what the code does.
"""

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.checks.code_blocks import find_code
from tiercel.checks.isolated import Isolated
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject

NAME = "python"

MAX_CODE = 100_000


class PythonOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of functions and classes that the code must define at its outermost level."""

    defines: tuple[str, ...] = ()


class Parsed(msgspec.Struct, frozen=True):
    """What the worker found: the outermost definitions, or why the code is no Python."""

    defines: tuple[str, ...] = ()
    error: str = ""


class Python:
    """1 if some code block parses and defines what it must; else 0. Without a fence the whole answer is the code."""

    info = CheckInfo(
        name=NAME,
        summary="the answer holds Python code that parses and defines what it must; nothing is run",
        options={"defines": "list of functions and classes that the code must define"},
    )

    def __init__(self, isolated: Isolated) -> None:
        self._isolated = isolated

    def problems(self, options: JsonObject) -> list[str]:
        return option_problems(PythonOptions, options)

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(PythonOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        if len(subject.choice.text) > MAX_CODE:
            return _missed(f"over {MAX_CODE} characters, not parsed")
        complaints: list[str] = []
        for code in find_code(subject.choice.text):
            complaint = await self._complaint(code, wanted)
            if complaint is None:
                return Verdict(check=NAME, score=1.0, reason="parses")
            complaints.append(complaint)
        return _missed(complaints[0] if complaints else "no Python code block")

    async def _complaint(self, code: str, wanted: PythonOptions) -> str | None:
        result = await self._isolated.evaluate("python", {"text": code})
        parsed = msgspec.convert(result, Parsed)
        if parsed.error:
            return f"the code does not parse: {parsed.error}"
        missing = [name for name in wanted.defines if name not in parsed.defines]
        return f"the code does not define {missing[0]!r}" if missing else None


def _missed(reason: str) -> Verdict:
    message = (
        f"The answer needs one block of valid Python code; yours: {reason}. Give the whole answer again."
    )
    return Verdict(check=NAME, score=0.0, reason=reason, message=message)
