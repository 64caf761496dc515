"""One worker process for the tests of a module; each test has an event loop of its own."""

import asyncio
from collections.abc import Iterator

import pytest

from tiercel.checks.isolated import Isolated


@pytest.fixture(scope="module")
def isolated() -> Iterator[Isolated]:
    worker = Isolated(seconds=2.0)
    yield worker
    asyncio.run(worker.aclose())
