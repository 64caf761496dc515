"""Settings of all tests."""

import os

import pytest
from hypothesis import HealthCheck, settings

# how long one example takes says more about the machine's other work than about the code
settings.register_profile("tiercel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tiercel")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: a good part of the tests waits for servers, kills and deadlines."""
    mine = getattr(os, "sched_getaffinity", None)
    processors = len(mine(0)) if mine is not None else os.cpu_count() or 1
    return processors * 3 // 2
