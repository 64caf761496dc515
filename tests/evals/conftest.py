"""The checks with their worker process, one for a module; each test has an event loop of its own."""

import asyncio
from collections.abc import Iterator

import pytest

from tiercel.checks.registry import Registry


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    checks = Registry.load()
    yield checks
    asyncio.run(checks.aclose())
