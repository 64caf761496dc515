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

    async def one(body: bytes, due: float, *, has_place: bool) -> Call:
        if not has_place:
            await places.acquire()
        try:
            call = await endpoint.call(body, began, due)
        finally:
            places.release()
        tell(call)
        return call

    calls: list[asyncio.Task[Call]] = []
    async with asyncio.TaskGroup() as group:
        for number in range(load.calls):
            body = body_of(number)  # before it is due, so that no clock pays for it
            if load.rate is None:
                await places.acquire()
                due = time.perf_counter() - began
            else:
                due = number / load.rate
                await asyncio.sleep(began + due - time.perf_counter())
            calls.append(group.create_task(one(body, due, has_place=load.rate is None)))
    seconds = time.perf_counter() - began
    return Loaded(
        load=load,
        calls=tuple(call.result() for call in calls),
        seconds=seconds,
        cpu_share=(time.process_time() - cpu_began) / seconds,
    )
