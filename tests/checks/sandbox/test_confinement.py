"""Which sandbox works is tried out, and one that does not hold is not used."""

import json
import sys

import msgspec
import pytest

from tests.checks.sandbox.build import run
from tiercel.checks.sandbox.boxes import Boxes, first_that_holds, interpreter, try_out
from tiercel.checks.sandbox.confinement import Confinement, landlock
from tiercel.checks.sandbox.outcome import Job
from tiercel.domain.errors import CheckError


async def without_landlock() -> Confinement:
    """The box of refusals with none on files."""
    made = landlock(await interpreter())
    plan = json.dumps({"landlock": False})
    return msgspec.structs.replace(made, command=(*made.command[:-1], plan))


def starting(*command: str) -> Confinement:
    return Confinement(kind="landlock", command=command, environment={}, prefix=sys.base_prefix)


async def test_a_sandbox_that_lets_files_be_read_is_seen_through() -> None:
    assert await try_out(await without_landlock()) == "can read files of this machine"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("/nonexistent",), "does not start: No such file or directory"),
        (("sh", "-c", "echo bwrap: no namespaces >&2; exit 1"), "does not start: bwrap: no namespaces"),
        (("sh", "-c", "exit 0"), "does not start: no reason given"),
        (("sh", "-c", "echo '{\"ready\": true}'"), "does not run a program to its end (broken off)"),
        (("sh", "-c", "echo nonsense"), "does not start: no reason given"),
    ],
)
async def test_one_that_does_not_work_says_why(command: tuple[str, ...], problem: str) -> None:
    assert await try_out(starting(*command)) == problem


async def test_the_first_that_holds_is_taken(confinement: Confinement) -> None:
    found = await first_that_holds({"broken": starting("false"), "good": confinement})
    assert found == confinement


async def test_where_none_holds_the_reasons_and_the_fix_are_said() -> None:
    with pytest.raises(CheckError) as caught:
        await first_that_holds({"bubblewrap": None, "Landlock": starting("sh", "-c", "echo not here >&2")})
    assert str(caught.value) == (
        "no sandbox works here (bubblewrap is not installed; Landlock does not start: not here), so no program is run: "
        "install bubblewrap (Debian and Ubuntu: apt install bubblewrap), or use a kernel of 5.13 or later with Landlock"
    )


async def test_a_box_that_stops_starting_is_an_error_of_the_check() -> None:
    boxes = Boxes(confinement=starting("false"))
    with pytest.raises(CheckError, match="did not start"):
        await boxes.run(Job(blocks=("x = 1",)), at_once=1)


async def test_the_programs_do_not_learn_where_things_lie(confinement: Confinement) -> None:
    """What it can find out of the paths of this machine does not get into the outcome."""
    program = (
        "import sys\ndef f(): raise ValueError(sys.prefix + '/lib ' + str(sys.modules['inside'].__path__))"
    )
    outcome = await run(confinement, program, "assert f() == 1")
    told = str(outcome)
    assert outcome.failures[0].error.startswith("ValueError: <python>/lib")
    assert confinement.prefix not in told
    assert "tiercel" not in told
