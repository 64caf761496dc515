"""All scorers, with the checks' worker process, one for a module."""

import asyncio
from collections.abc import Iterator

import pytest

from tiercel.checks.registry import Registry
from tiercel.evals.judging import judging_scorers
from tiercel.evals.scorers.registry import ScorerRegistry


@pytest.fixture(scope="module")
def scorers() -> Iterator[ScorerRegistry]:
    checks = Registry.load()
    yield ScorerRegistry(checks, judging_scorers())
    asyncio.run(checks.aclose())
