"""Overload: which request begins at once, which waits in line, and which is refused.

Only what the gateway itself has to do counts here; a request that waits for its model costs nothing. A few requests
begin in each turn of the event loop, so that turns stay short: health checks, refusals and the tokens of running
streams never stand behind a crowd of beginners. The others wait in line. A line that comes and goes is a burst, and is
served. Where a line keeps standing more is asked for than can be done; then it is kept just so long that nobody waits
in it much longer than `WAIT_SECONDS`, and whoever comes beyond that is refused at once.
"""

from collections import deque
from collections.abc import Callable

import msgspec

AT_ONCE = 4
"""How many requests may be on their way to their first step at once; that is, how many begin in a turn. More of them
answer no more a second, and make everybody wait longer for the end of the turn."""
WAIT_SECONDS = 0.1
"""How long a request may be expected to wait in a line that keeps standing."""
BURST_SECONDS = 0.1
"""A line that has not stood longer than this is a burst."""
CALM_SECONDS = 1.0
"""After so long without a line, the next one may be a burst again."""
SMOOTHING = 1 / 32
"""The weight of one beginning in the measured pace: the last eight turns or so."""


class Occupancy(msgspec.Struct, frozen=True, kw_only=True):
    """How full the server is now: requests under way, in line, and at most; clients connected; refused so far."""

    in_flight: int
    waiting: int
    limit: int
    connections: int
    refused: int


Begin = Callable[[], bool]
"""Begins a request that waited; False where its client has left meanwhile."""


class Load:
    """What the gateway has taken on. Times are the clock's seconds; nothing here needs tuning to the machine."""

    def __init__(self, clock: Callable[[], float], max_in_flight: int) -> None:
        self.max_in_flight = max_in_flight
        self.refused = 0
        """How many requests were refused since the start."""
        self._clock = clock
        self._starting = 0
        self.line: deque[Begin] = deque()
        """While nobody stands in it, and there is room, whoever comes may stay."""
        self._pace_seconds = 0.0
        self._standing_since = 0.0
        self._stood_at = float("-inf")

    @property
    def waiting(self) -> int:
        """How many requests stand in line."""
        return len(self.line)

    def takes_one_more(self, in_flight: int) -> bool:
        """Whether a request that has just come may stay, with so many begun and not yet answered."""
        line = self.line
        if not line:
            return in_flight < self.max_in_flight
        if in_flight + len(line) >= self.max_in_flight:
            return False
        if len(line) < AT_ONCE or len(line) * self._pace_seconds < WAIT_SECONDS:
            return True
        return self._clock() - self._standing_since < BURST_SECONDS

    def begins_now(self, is_urgent: bool) -> bool:
        """Whether this request begins at once; `has_begun` has to follow. Otherwise it has to `wait`."""
        if (self._starting >= AT_ONCE or self.line) and not is_urgent:
            return False
        self._starting += 1
        return True

    def wait(self, begin: Begin) -> None:
        """Stand in line."""
        if not self.line:
            now = self._clock()
            if now - self._stood_at > CALM_SECONDS:
                self._standing_since = now
            self._stood_at = now
        self.line.append(begin)

    def has_begun(self) -> None:
        """A request took its first step: the next in line may go."""
        self._starting -= 1
        if self.line and self._starting < AT_ONCE:
            self._serve_next()

    def release(self) -> None:
        """Let the whole line begin, for a server that stops."""
        while self.line:
            self._starting += self.line.popleft()()

    def _serve_next(self) -> None:
        now = self._clock()
        self._pace_seconds += (now - self._stood_at - self._pace_seconds) * SMOOTHING
        self._stood_at = now
        while self.line:
            if self.line.popleft()():
                self._starting += 1
                return
