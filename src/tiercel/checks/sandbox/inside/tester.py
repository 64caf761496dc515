"""The process that runs the tests, and reports to the host line by line what came of each.

The program is in the other process: here are only the tests, and the values that it answers with.
"""

import builtins
import json
import os
import sys
import time
import types
from collections.abc import Callable
from functools import partial
from typing import Any

from .channel import Channel, ChannelError, Message
from .contain import contain
from .remote import Remote
from .units import GOT, TESTS, TestsError, Unit, free_names, take_apart
from .values import Encoded, decode, encode

MAX_SHOWN = 300
MAX_TRACE = 500
MAX_TOLD = 3
"""Of how many failures, and of how many blocks that fail, the circumstances are told."""
GONE_SECONDS = 0.2


class CannotHandOver(Exception):
    """The tests give the program what is neither a value nor a function."""


class Tester:
    """One run. `verdicts` is the descriptor that only this process has."""

    def __init__(self, source: int, sink: int, verdicts: int, program: int) -> None:
        self._channel = Channel(source, sink, self._answer)
        self._verdicts = verdicts
        self._program = program
        self._remotes: dict[int, Remote] = {}
        self._handed: list[Callable[..., object]] = []
        self._mirrors: dict[str, type[BaseException]] = {}
        self._told = 0

    def run(self, job: Message) -> None:
        """Report `ready`, then what the job asks for, then `end`."""
        if self._channel.ask({"op": "compile", "blocks": []}) == {"value": []}:
            self._report({"ready": True})
        try:
            if job["tests"] is None:
                problems = self._channel.ask({"op": "compile", "blocks": job["blocks"]})["value"]
                self._report({"compiled": [str(problem)[:MAX_SHOWN] for problem in problems[:MAX_TOLD]]})
            else:
                self._test(job)
        except TestsError as error:
            self._report({"unusable": str(error)[:MAX_SHOWN]})
        except (ChannelError, KeyError, TypeError, ValueError):
            self._report({"gone": self._how_it_ended()})
        self._report({"end": True})

    def refer(self, value: object) -> Encoded:
        """As `Foreign`: what is the program's goes back, functions of the tests are lent, all else stays here."""
        if isinstance(value, Remote):
            return {"handle": value.handle}
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType | type):
            if value not in self._handed:
                self._handed.append(value)
            return {"callback": self._handed.index(value)}
        raise CannotHandOver(
            f"the tests hand over a {type(value).__name__}; they can only values and functions"
        )

    def find(self, kind: str, body: Encoded) -> object:
        """As `Foreign`."""
        if kind == "handle":
            return self._remotes.setdefault(body, Remote(int(body), self._do))
        if kind == "callback":
            return self._handed[body]
        if kind == "coroutine":
            return self._awaited(body)
        if kind == "module" and body in sys.stdlib_module_names:
            return __import__(body)
        if kind == "exception":
            return self._mirror(body)
        raise ValueError(kind)

    def _test(self, job: Message) -> None:
        units = take_apart(job["tests"], job["entry_point"])
        self._report({"total": sum(unit.counts for unit in units)})
        problems = self._channel.ask({"op": "load", "blocks": job["blocks"]})["value"]
        told = [self._load_problem(problem) for problem in problems[:MAX_TOLD]]
        self._report({"loaded": told})
        namespace = {"__name__": "tests"} | self._names(job["tests"], job["entry_point"])
        for unit in units:
            self._run(unit, namespace)

    def _names(self, tests: str, entry_point: str | None) -> dict[str, Any]:
        """What the tests use of the program. A built-in name only where it is all that they use: a program must not be
        able to replace the tests' own `abs` or `all`."""
        own, built_in = free_names(tests)
        wanted = sorted(own | ({entry_point} if entry_point else set()))
        names = self._channel.ask({"op": "names", "wanted": wanted})["value"]
        if not names:
            wanted = sorted(built_in)
            names = self._channel.ask({"op": "names", "wanted": wanted})["value"]
        return {name: decode(names[name], self) for name in wanted if name in names}

    def _run(self, unit: Unit, namespace: dict[str, Any]) -> None:
        _, error = contain(partial(exec, unit.code, namespace))
        if isinstance(error, ChannelError):
            raise error
        if isinstance(error, ModuleNotFoundError) and not hasattr(error, "trace"):
            raise TestsError(f"line {unit.line}: {error}; only the standard library is there")
        if error is None:
            if unit.counts:
                self._report(1)
            return
        if isinstance(error, CannotHandOver):
            raise TestsError(f"line {unit.line}: {error}")
        self._told += 1
        if self._told > MAX_TOLD:
            return
        got, gone = contain(lambda: self._got(error))
        if isinstance(gone, ChannelError):
            raise gone
        failure = {
            "line": unit.line,
            "name": unit.name,
            "counts": unit.counts,
            "kind": _public_name(type(error)),
            "error": f"{type(error).__name__}: {_text(error)}"[:MAX_SHOWN].removesuffix(": "),
            "source": unit.source[:MAX_SHOWN],
            "got": got or "",
            "trace": str(getattr(error, "trace", ""))[-MAX_TRACE:],
        }
        self._report(failure)

    def _got(self, error: BaseException) -> str:
        """What a failed assertion found in place of what it wanted."""
        if not isinstance(error, AssertionError) or hasattr(error, "trace"):
            return ""
        found: list[str] = []
        step = error.__traceback__
        while step is not None:
            here = step.tb_frame
            if here.f_code.co_filename == TESTS and GOT in here.f_locals:
                found.append(repr(here.f_locals[GOT])[:MAX_SHOWN])
            step = step.tb_next
        return found[-1] if found else ""

    def _do(self, what: str, *args: Any, **kwargs: Any) -> Any:
        """Have the program do something with its objects, and bring changed arguments up to date."""
        reply = self._channel.ask(
            {
                "op": "do",
                "what": what,
                "args": [encode(value, self) for value in args],
                "kwargs": {name: encode(value, self) for name, value in kwargs.items()},
            }
        )
        if "raised" in reply:
            raise self._error(reply)
        for place, now in reply["changed"]:
            _bring_up_to_date(args[place], decode(now, self))
        return decode(reply["value"], self)

    def _answer(self, question: Message) -> Message:
        """The program calls a function that the tests lent it. It can do nothing else here."""
        if question.get("op") != "callback":
            raise ChannelError("it asks what is not to be asked")
        function = self._handed[question["number"]]
        args, kwargs = (decode(item, self) for item in question["given"])
        result, error = contain(lambda: encode(function(*args, **kwargs), self))
        if isinstance(error, ChannelError):
            raise error
        if error is not None:
            return {"raised": _public_name(type(error)), "text": _text(error)}
        return {"value": result}

    def _error(self, reply: Message) -> BaseException:
        """The program's exception, as one of the same class here."""
        kind = self._mirror(reply["raised"])
        args, error = contain(lambda: tuple(decode(item, self) for item in reply["args"]))
        raised = kind.__new__(kind)
        raised.args = (str(reply["text"]),) if error is not None or args is None else args
        raised.__dict__["trace"] = str(reply["trace"])
        return raised

    def _mirror(self, lineage: list[str]) -> type[BaseException]:
        """The built-in exception of this name, or a class of the same name and descent."""
        name, *bases = [str(name) for name in lineage]
        known = getattr(builtins, name, None)
        if isinstance(known, type) and issubclass(known, BaseException):
            return known
        if name not in self._mirrors:
            self._mirrors[name] = type(name, (self._mirror(bases),), {})
        return self._mirrors[name]

    async def _awaited(self, number: int) -> Any:
        return self._do("await", self.find("handle", number))

    def _load_problem(self, problem: Message) -> str:
        if "syntax" in problem:
            return f"does not parse: {str(problem['syntax'])[:MAX_SHOWN]}"
        return f"{problem['trace'][-MAX_TRACE:]}\n{problem['raised'][0]}: {problem['text'][:MAX_SHOWN]}"

    def _how_it_ended(self) -> str:
        """It may just be about to end; it may also have closed its pipe and go on, which is not waited for."""
        until = time.monotonic() + GONE_SECONDS
        while time.monotonic() < until:
            ended, status = os.waitpid(self._program, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return (
                    f"it ended itself with exit code {code}"
                    if code >= 0
                    else f"it was ended by signal {-code}"
                )
            time.sleep(0.01)
        return "it stopped answering"

    def _report(self, line: Message | int) -> None:
        rest = json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"
        while rest:
            rest = rest[os.write(self._verdicts, rest) :]


def _bring_up_to_date(value: Any, now: Any) -> None:
    """What the program did to a list, a set or a dictionary in place."""
    if isinstance(value, dict | set):
        value.clear()
        value.update(now)
    elif isinstance(value, list | bytearray):
        value[:] = now


def _public_name(kind: type) -> str:
    """The name of a built-in exception, or of the nearest that this one descends from: names may quote the answer."""
    return next(base.__name__ for base in kind.__mro__ if base.__module__ == "builtins")


def _text(error: BaseException) -> str:
    text, _ = contain(lambda: str(error))
    return text or ""
