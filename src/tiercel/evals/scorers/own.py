"""Scorers of one's own: `module:function` in the evaluation, or installed under the entry points `tiercel.scorers`.

A function takes the answer's text and the expectation's value, and by their names, if it has such parameters, `item`
(the item as a dictionary), `answer` and `options`. It gives a truth value, a score from 0 to 1, a pair of score and
reason, or a `Scored`. It may be a coroutine; what is not runs in a thread. It has the rights of this process: run only
evaluations that you would run as a program.
"""

import asyncio
import inspect
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from tiercel.checks.run import contained
from tiercel.domain.errors import CheckError, ConfigError
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.scorer import Answer, Scored, Scorer, ScorerError, ScorerInfo

GROUP = "tiercel.scorers"
OFFERED = ("item", "answer", "options")


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """Measures with somebody's own function."""

    info: ScorerInfo
    function: Callable[..., Any]

    def problems(self, expectation: Expectation) -> list[str]:
        return []

    async def score(self, answer: Answer, expectation: Expectation) -> Scored:
        offered = {
            "item": msgspec.to_builtins(answer.item),
            "answer": answer,
            "options": dict(expectation.options),
        }
        named = {name: offered[name] for name in OFFERED if name in _parameters(self.function)}
        if inspect.iscoroutinefunction(self.function):
            found = await self.function(answer.text, expectation.value, **named)
        else:
            found = await in_a_thread(lambda: self.function(answer.text, expectation.value, **named))
        return as_scored(found)


def as_scored(found: object) -> Scored:
    """What a function may give, as a score. Raises `ScorerError` for anything else."""
    match found:
        case Scored():
            return found
        case bool() | int() | float() if 0 <= found <= 1:
            return Scored(value=float(found), reason="")
        case (bool() | int() | float() as value, str(reason)) if 0 <= value <= 1:
            return Scored(value=float(value), reason=reason)
    raise ScorerError(f"gave {found!r:.80}, which is no score from 0 to 1")


async def in_a_thread(call: Callable[[], object]) -> object:
    """As `asyncio.to_thread`, in a thread that does not keep the process alive when it never ends."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[object] = loop.create_future()

    def tell(found: object, error: CheckError | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(found)
        else:
            done.set_exception(error)

    def run() -> None:
        try:
            found, error = contained("it crashed", call), None
        except CheckError as problem:
            found, error = None, problem
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, found, error)

    threading.Thread(target=run, daemon=True, name="tiercel-scorer").start()
    return await done


def function_named(name: str, folder: Path | None) -> Own:
    """The function of a `module:function`; modules are also looked for in `folder`, the evaluation's own.

    Raises `ConfigError` where there is none.
    """
    module, _, function = name.partition(":")
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found = contained(
            "it cannot be imported", lambda: getattr(import_module(module.removesuffix(".py")), function)
        )
    except CheckError as error:
        raise ConfigError(
            f"scorer {name!r}: {error}; is {module}.py beside the evaluation, or installed?"
        ) from error
    if not callable(found):
        raise ConfigError(f"scorer {name!r}: it is no function")
    return Own(
        info=ScorerInfo(name=name, summary=(inspect.getdoc(found) or name).partition("\n")[0]), function=found
    )


def plugged_in() -> dict[str, Scorer]:
    """The scorers that installed packages bring. Raises `ConfigError` naming those that cannot be used."""
    found: dict[str, Scorer] = {}
    problems: list[str] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            made = contained("it cannot be imported", entry.load)
            scorer = _scorer(entry.name, made)
            found[scorer.info.name] = scorer
        except CheckError as error:
            problems.append(f"scorer plug-in {entry.name!r} ({entry.value}): {error}; fix or uninstall it")
    if problems:
        raise ConfigError(*problems)
    return found


def _scorer(name: str, made: object) -> Scorer:
    """A scorer is taken as it is, a function becomes one. Raises `CheckError`."""
    if isinstance(getattr(made, "info", None), ScorerInfo) and callable(getattr(made, "score", None)):
        scorer: Scorer = made  # type: ignore[assignment] # a protocol, whose parts were looked for
        return scorer
    if not callable(made):
        raise CheckError("it is neither a scorer nor a function")
    return Own(
        info=ScorerInfo(name=name, summary=(inspect.getdoc(made) or name).partition("\n")[0]), function=made
    )


def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return frozenset()
