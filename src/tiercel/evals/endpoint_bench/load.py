"""Loads: so many calls, due by a schedule or as places become free.

With a rate the calls are due at fixed moments, whatever the server does (an open loop): a call that waits for a free
place has waited for the server, and its clocks say so. Without one the next call is due when a place is free.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec

from tiercel.evals.endpoint_bench.call import Call, Endpoint


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """`calls` in all, at most `concurrency` under way, due `rate` a second or (`None`) one after the other."""

    concurrency: int
    calls: int
    rate: float | None = None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a load came to. `cpu_share` is how much of one processor this program itself took: near 1, its own clocks
    are late."""

    load: Load
    calls: tuple[Call, ...]
    seconds: float
    cpu_share: float


async def run_load(
    endpoint: Endpoint, load: Load, body_of: Callable[[int], bytes], tell: Callable[[Call], None]
) -> Loaded:
    """Make all its calls. `tell` hears of each as it ends."""
    places = asyncio.Semaphore(load.concurrency)
    began, cpu_began = time.perf_counter(), time.process_time()

    async def one(number: int) -> Call:
        body = body_of(number)
        due = None if load.rate is None else number / load.rate
        if due is not None:
            await asyncio.sleep(began + due - time.perf_counter())
        async with places:
            if due is None:
                due = time.perf_counter() - began
            call = await endpoint.call(body, began, due)
        tell(call)
        return call

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(one(number)) for number in range(load.calls)]
    seconds = time.perf_counter() - began
    return Loaded(
        load=load,
        calls=tuple(call.result() for call in calls),
        seconds=seconds,
        cpu_share=(time.process_time() - cpu_began) / seconds,
    )
