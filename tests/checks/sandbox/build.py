"""Short ways to run a program in a box."""

import asyncio
from pathlib import Path
from typing import get_args
from uuid import uuid4

import msgspec

from tiercel.checks.sandbox.boxes import Boxes
from tiercel.checks.sandbox.confinement import Confinement, Kind
from tiercel.checks.sandbox.outcome import Job, Outcome

KINDS: tuple[Kind, ...] = get_args(Kind)
GONE_SECONDS = 30.0


async def run(
    confinement: Confinement,
    program: str,
    tests: str | None,
    *,
    seconds: float = 20.0,
    entry_point: str | None = None,
) -> Outcome:
    """What came of one program. The time is generous: what is to be cut short says so."""
    boxes = Boxes(seconds=seconds, confinement=confinement)
    return await boxes.run(Job(blocks=(program,), tests=tests, entry_point=entry_point), at_once=4)


def marked(confinement: Confinement) -> tuple[Confinement, str]:
    """The same with a word on its command line, by which its processes can be found."""
    mark = uuid4().hex
    return msgspec.structs.replace(confinement, command=(*confinement.command, mark)), mark


def processes(mark: str) -> list[str]:
    """The command lines of all processes of this machine that have the word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:  # it has ended meanwhile
            continue
        if mark in command:
            found.append(command)
    return found


async def none_left(mark: str) -> bool:
    """Whether all of them end: the kernel takes a moment to clear a killed process away."""
    for _ in range(int(GONE_SECONDS / 0.05)):
        if not processes(mark):
            return True
        await asyncio.sleep(0.05)
    return False
