"""One HTTP answer as it will be sent, piece by piece, faults and all. What both servers of this package send."""

import asyncio
from typing import Literal

import msgspec

Ending = Literal["complete", "cut", "stall", "endless"]
"""`cut` closes the connection in mid-answer, `stall` keeps it open and silent until the other side leaves, `endless`
sends the last piece again and again until then."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer, piece by piece. A `stream` has no length; any other body announces `length`.

    `interim` goes out before the status line. `before_seconds` is the silence before it, `gap_seconds` the one after
    each piece. Without a `head` nothing of the answer is sent and only its ending happens. With `release` it waits
    after `release_after` pieces until that event is set.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    pieces: tuple[bytes, ...] = ()
    stream: bool = False
    length: int | None = None
    interim: bytes = b""
    head: bool = True
    before_seconds: float = 0.0
    gap_seconds: float = 0.0
    ending: Ending = "complete"
    release: asyncio.Event | None = None
    release_after: int = 0

    @property
    def content_length(self) -> int:
        """What a body that is no stream announces: the length of the whole, also where only a part is sent."""
        return sum(map(len, self.pieces)) if self.length is None else self.length
