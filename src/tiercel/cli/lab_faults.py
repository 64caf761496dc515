"""The faults of `tiercel lab`: read from the command line, checked, and told of."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.policy.problems import nearest
from tiercel.testing.fault_kinds import FAULT_KINDS, FaultKind
from tiercel.testing.faults import FaultScript

EVERY_MODEL = "*"


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of fault and the share of calls that meet it."""

    kind: FaultKind
    rate: float


Said = tuple[Literal["fault", "model"], str]
"""One `--fault` or `--model`, as it was written; their order says which belongs to which."""


class InOrder(argparse.Action):
    """Keeps `--fault` and `--model` in the order in which they were given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        said: list[Said] = list(getattr(namespace, self.dest) or ())
        what: Literal["fault", "model"] = "model" if option_string == "--model" else "fault"
        setattr(namespace, self.dest, [*said, (what, values)])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Register `--fault` and `--model`."""
    parser.add_argument(
        "--fault",
        dest="faults",
        action=InOrder,
        metavar="KIND[:RATE]",
        help="let calls meet this fault, all of them or a share from 0 to 1; repeatable; the kinds are listed below",
    )
    parser.add_argument(
        "--model",
        dest="faults",
        action=InOrder,
        metavar="NAME",
        help="whose calls meet the faults named before it (default: everybody's); repeatable",
    )


def kinds_text() -> str:
    """The kinds with a line each, for the end of `--help`."""
    width = max(map(len, FAULT_KINDS))
    lines = [f"  {kind.name:{width}}  {kind.about}" for kind in FAULT_KINDS.values()]
    return "\n".join(("kinds of faults:", *lines))


def fault_script(said: Sequence[Said], models: Iterable[str], seed: int) -> FaultScript:
    """The script that does what was said. Raises `ConfigError` for an unknown kind, rate or model."""
    known = tuple(models)
    script = FaultScript(seed=seed)
    for faults, names in _groups(said):
        for name in names or (EVERY_MODEL,):
            if name != EVERY_MODEL and name not in known:
                raise ConfigError(
                    f"--model {name}: the lab has no such model{nearest(name, known)}; it has {', '.join(known)}"
                )
            for fault in faults:
                script.sometimes(name, fault.kind.fault, fault.rate)
    return script


def read_fault(text: str) -> Rehearsed:
    """`KIND` or `KIND:RATE`. Raises `ConfigError` naming the nearest kind."""
    name, colon, share = text.partition(":")
    kind = FAULT_KINDS.get(name)
    if kind is None:
        hint = nearest(name, FAULT_KINDS) or f"; there are {', '.join(FAULT_KINDS)}"
        raise ConfigError(f"--fault {text}: no such kind of fault{hint}")
    try:
        rate = float(share) if colon else 1.0
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ConfigError(f"--fault {text}: expected a rate from 0 to 1, such as {name}:0.2; got {share!r}")
    return Rehearsed(kind=kind, rate=rate)


def told(script: FaultScript) -> list[str]:
    """What is rehearsed on whom, a line each."""
    return [
        f"  {chance.fault.name}: {_share(chance.rate)} of {_whose(model)} ({FAULT_KINDS[chance.fault.name].about})"
        for model, chances in script.chances.items()
        for chance in chances
    ]


def _groups(said: Sequence[Said]) -> list[tuple[list[Rehearsed], list[str]]]:
    """Faults with the models named after them. Raises `ConfigError` for a model without a fault."""
    groups: list[tuple[list[Rehearsed], list[str]]] = []
    for what, text in said:
        if what == "fault":
            if not groups or groups[-1][1]:
                groups.append(([], []))
            groups[-1][0].append(read_fault(text))
        elif not groups:
            raise ConfigError(f"--model {text}: name the fault before it: --fault KIND[:RATE] --model {text}")
        else:
            groups[-1][1].append(text)
    return groups


def _share(rate: float) -> str:
    return "all calls" if rate == 1 else f"{rate:.0%} of the calls"


def _whose(model: str) -> str:
    return "every model" if model == EVERY_MODEL else model
