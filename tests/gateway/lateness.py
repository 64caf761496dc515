"""How late a busy machine lets the event loop be, so that a promise about time can be held to what is ours."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICK_SECONDS = 0.002


class Lateness:
    """What a ticker on this loop had to wait in all beyond its time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def watch(self) -> None:
        """Ticks until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
            self.seconds += max(0.0, time.monotonic() - began - TICK_SECONDS)


@asynccontextmanager
async def lateness() -> AsyncIterator[Lateness]:
    """The lateness from now on, to be taken off what was measured meanwhile."""
    late = Lateness()
    ticker = asyncio.create_task(late.watch())
    try:
        yield late
    finally:
        ticker.cancel()
