"""The two ways to confine a program on Linux, as commands that start the box.

Bubblewrap gives it namespaces of its own: other files, processes and networks are not there. Landlock, for machines
that allow no namespaces to users, leaves it among them and has the kernel refuse. Either way a list of system calls
(seccomp) comes on top, which `inside/start.py` puts in place.
"""

import json
import shutil
from pathlib import Path
from typing import Literal

import msgspec

from tiercel.checks.sandbox.interpreter import Interpreter

Kind = Literal["bubblewrap", "landlock"]

INSIDE = Path(__file__).parent / "inside"
HOME = "/box"
START = "import sys; sys.path.insert(0, {home!r}); from inside.start import main; main()"
PYTHON_OPTIONS = ("-I", "-S", "-B", "-X", "utf8", "-c")
NOBODY = "65534"


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """How a box is started: the command, its environment, and which of the two ways it is."""

    kind: Kind
    command: tuple[str, ...]
    environment: dict[str, str]
    prefix: str
    """Where the interpreter lives on this machine. No message is to name it."""


def bubblewrap(python: Interpreter) -> Confinement | None:
    """A box of namespaces; `None` where bubblewrap is not installed."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    plan = json.dumps({"landlock": False})
    command = (
        *(program, "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"),
        *("--uid", NOBODY, "--gid", NOBODY, "--hostname", "box"),
        *_bound(python.executable, *python.folders, *python.outside),
        *(word for folder in python.installed for word in ("--tmpfs", folder, "--remount-ro", folder)),
        *("--ro-bind", str(INSIDE), f"{HOME}/inside", "--remount-ro", "/", "--chdir", "/"),
        *("--setenv", "LD_LIBRARY_PATH", python.library_path, "--"),
        *(python.executable, *PYTHON_OPTIONS, START.format(home=HOME), plan),
    )
    return Confinement(kind="bubblewrap", command=command, environment={}, prefix=python.prefix)


def landlock(python: Interpreter) -> Confinement:
    """A box of refusals."""
    plan = json.dumps({"landlock": True, "trees": python.folders, "files": python.outside})
    command = (python.executable, *PYTHON_OPTIONS, START.format(home=str(INSIDE.parent)), plan)
    environment = {"LD_LIBRARY_PATH": python.library_path}
    return Confinement(kind="landlock", command=command, environment=environment, prefix=python.prefix)


def _bound(*paths: str) -> tuple[str, ...]:
    return tuple(word for path in paths for word in ("--ro-bind", path, path))
