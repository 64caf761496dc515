"""Each test runs in both confinements; one that this machine does not allow is skipped, with its reason."""

import asyncio
from functools import cache

import pytest

from tests.checks.sandbox.build import KINDS
from tiercel.checks.sandbox.boxes import interpreter, try_out
from tiercel.checks.sandbox.confinement import Confinement, Kind, bubblewrap, landlock


@cache
def tried(kind: Kind) -> tuple[Confinement | None, str | None]:
    """The confinement, and what keeps it from being used here."""

    async def try_it() -> tuple[Confinement | None, str | None]:
        python = await interpreter()
        made = bubblewrap(python) if kind == "bubblewrap" else landlock(python)
        return made, "is not installed" if made is None else await try_out(made)

    return asyncio.run(try_it())


@pytest.fixture(scope="session", params=KINDS)
def confinement(request: pytest.FixtureRequest) -> Confinement:
    made, problem = tried(request.param)
    if made is None or problem is not None:
        pytest.skip(f"{request.param} {problem}")
    return made
