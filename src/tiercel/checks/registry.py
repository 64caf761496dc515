"""All checks there are: our own, and those that installed packages bring through entry points of `tiercel.checks`."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

import msgspec

from tiercel.checks.agreement import Agreement
from tiercel.checks.check import Check, CheckInfo, Needs
from tiercel.checks.citation import Citation
from tiercel.checks.code import Code
from tiercel.checks.confidence import Confidence
from tiercel.checks.contains import Contains
from tiercel.checks.finished import Finished
from tiercel.checks.isolated import Isolated
from tiercel.checks.json_schema import JSONSchema
from tiercel.checks.judge import Judge
from tiercel.checks.language import Language
from tiercel.checks.length import Length
from tiercel.checks.number import Number
from tiercel.checks.python_code import Python
from tiercel.checks.refusal import RefusalCheck
from tiercel.checks.regex import Regex
from tiercel.checks.run import contained
from tiercel.checks.sandbox.boxes import Boxes
from tiercel.checks.similarity import Similarity
from tiercel.checks.table import TableCheck
from tiercel.checks.tool_calls import ToolCalls
from tiercel.domain.errors import CheckError, ConfigError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import ITSELF, Asks, Gate

GROUP = "tiercel.checks"
WHOM: dict[Asks, str] = {
    "opinions": "one or two models for their answers",
    "judge": "the model that judges",
    "confidence": f"the model that says how likely the answer is right, or {ITSELF!r}",
    "decision": "a model that answers decisions",
}


@runtime_checkable
class Notes(Protocol):
    """A check whose work depends on the machine."""

    def note(self) -> str:
        """What an operator should know of this one."""
        ...


class Registry:
    """Checks by name. Owns the worker process that some of them need: close it with `aclose`."""

    def __init__(self, checks: Iterable[Check], isolated: Isolated) -> None:
        self._checks = {check.info.name: check for check in checks}
        self._isolated = isolated
        # the dictionary's own method, since it is called for every gate of every answer
        self.get: Callable[[str], Check | None] = self._checks.get
        """The check of this name, if there is one."""

    @classmethod
    def load(cls) -> "Registry":
        """The built-in checks and those of installed packages. Raises `ConfigError` naming a plug-in that is broken."""
        isolated = Isolated()
        checks: list[Check] = [
            Finished(),
            JSONSchema(isolated),
            Regex(isolated),
            Contains(),
            TableCheck(),
            Length(),
            Language(),
            RefusalCheck(),
            ToolCalls(isolated),
            Confidence(),
            Citation(),
            Similarity(),
            Python(isolated),
            Code(Boxes()),
            Number(),
            Agreement(),
            Judge(),
        ]
        names = {check.info.name for check in checks}
        problems: list[str] = []
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            try:
                check = _plugged_in(entry)
                if check.info.name in names:
                    raise CheckError(f"there is already a check {check.info.name!r}: rename it")
            except CheckError as error:
                problems.append(f"check plug-in {entry.name!r} ({entry.value}): {error}; fix or uninstall it")
                continue
            names.add(check.info.name)
            checks.append(check)
        if problems:
            raise ConfigError(*problems)
        return cls(checks, isolated)

    @property
    def infos(self) -> tuple[CheckInfo, ...]:
        """What the checks say of themselves, by name."""
        return tuple(self._checks[name].info for name in sorted(self._checks))

    def suspicions(self, gates: Iterable[Gate]) -> list[Callable[[str], bool]]:
        """The looks that these gates' checks can take at the beginning of an answer; see `Check`."""
        checks = [self._checks.get(gate.check) for gate in gates]
        looks = [getattr(check, "suspects", None) for check in checks]
        return [partial(_suspects, look) for look in looks if look is not None]

    def notes(self, names: Iterable[str]) -> list[str]:
        """What these checks have to say of this machine. It may take a second: for commands, not for the server."""
        checks = [self._checks[name] for name in sorted(names) if name in self._checks]
        return [_noted(check) for check in checks if isinstance(check, Notes)]

    def problems(self, gate: Gate) -> list[str]:
        """What keeps this gate from being used, each in words with the fix."""
        check = self._checks.get(gate.check)
        if check is None:
            return [f"gate {gate.check!r}: no such check; {_meant(gate.check, self._checks)}"]
        unknown = [name for name in gate.options if name not in check.info.options]
        if unknown:
            return [
                f"gate {gate.check!r}: no option {name!r}; {_meant(name, check.info.options)}"
                for name in unknown
            ]
        try:
            found = contained("its options could not be examined", lambda: check.problems(gate.options))
        except CheckError as error:
            found = [str(error)]
        problems = _words(found)
        if not problems:
            try:
                problems = _calling_problems(_needs(check, gate.options), gate)
            except CheckError as error:
                problems = [str(error)]
        return [f"gate {gate.check!r}: {problem}" for problem in problems]

    def resolve(self, gate: Gate) -> Gate:
        """The gate with what only its check knows. Raises `ConfigError` with the gate's problems."""
        problems = self.problems(gate)
        if problems:
            raise ConfigError(*problems)
        check = self._checks[gate.check]
        info, needs = check.info, _needs(check, gate.options)
        always = info.always_with is not None and gate.options.get(info.always_with) is not None
        applies_with = getattr(check, "applies_with", None)
        applies = applies_with(gate.options) if applies_with is not None else info.applies
        return msgspec.structs.replace(
            gate,
            applies="always" if always else applies,
            needs_whole=info.needs_whole or needs.asks != "nobody" or gate.embed is not None,
            reads_json=info.reads_json,
            asks=needs.asks,
            on_error=gate.on_error or info.on_error,
            reads_logprobs=needs.logprobs,
            seconds=gate.seconds or needs.seconds,
        )

    async def aclose(self) -> None:
        """Stop the worker process."""
        await self._isolated.aclose()


def _suspects(look: Callable[[str], bool], beginning: str) -> bool:
    try:
        return bool(contained("the beginning could not be looked at", lambda: look(beginning)))
    except CheckError:
        return False  # the whole answer is measured anyhow


def _noted(check: Notes) -> str:
    try:
        return str(contained("what it says of this machine", check.note))
    except CheckError as error:
        return str(error)


def _needs(check: Check, options: JsonObject) -> Needs:
    """What this check needs with these options. Raises `CheckError` where a plug-in cannot say."""
    info = check.info
    says = getattr(check, "needs", None)
    if says is None:
        return Needs(asks=info.asks, embeds=info.embeds, seconds=info.seconds)
    needs = contained("what it needs could not be found out", lambda: says(options))
    if not isinstance(needs, Needs):
        raise CheckError("its 'needs' gave no Needs")
    return needs


def _calling_problems(needs: Needs, gate: Gate) -> list[str]:
    """Whether the gate names whom its check has called."""
    problems: list[str] = []
    if needs.asks == "nobody" and gate.ask:
        problems.append("with these options it asks no model; remove 'ask'")
    elif needs.asks != "nobody" and not gate.ask:
        problems.append(f"'ask' is missing: name {WHOM[needs.asks]}")
    elif needs.asks in ("judge", "confidence", "decision") and len(gate.ask) > 1:
        problems.append("'ask' names several; name one, and use another gate for another one")
    elif needs.asks == "opinions" and len(gate.ask) < needs.opinions:
        problems.append(f"'ask' names {len(gate.ask)} of the {needs.opinions} that its options want at least")
    if ITSELF in gate.ask and needs.asks not in ("nobody", "confidence"):
        problems.append(f"'ask' says {ITSELF!r}, which cannot be asked here; name {WHOM[needs.asks]}")
    if needs.embeds == "never" and gate.embed is not None:
        problems.append("with these options it has nothing embedded; remove 'embed'")
    elif needs.embeds == "must" and gate.embed is None:
        problems.append("'embed' is missing: name the model that embeds texts")
    return problems


def _plugged_in(entry: EntryPoint) -> Check:
    """The check of an entry point: an object, or what a class or function gives when called. Raises `CheckError`."""
    made = contained("it cannot be imported", entry.load)
    if not isinstance(getattr(made, "info", None), CheckInfo) or isinstance(made, type):
        if not callable(made):
            raise CheckError("it is neither a check nor a function that makes one")
        made = contained("it cannot be made", made)
    info = getattr(made, "info", None)
    if not isinstance(info, CheckInfo):
        raise CheckError("its 'info' is no CheckInfo")
    for method in ("problems", "measure"):
        if not callable(getattr(made, method, None)):
            raise CheckError(f"it has no method {method!r}")
    check: Check = made  # type: ignore[assignment] # a protocol of methods, which were looked for above
    return check


def _meant(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.4)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(names)}" if names else "it takes none"


def _words(found: object) -> list[str]:
    return [str(problem) for problem in found] if isinstance(found, list | tuple) else []
