"""What copies of requests may cost: set aside before each call, settled after it, so that many at once overspend
nothing. It is no key's money."""

from tiercel.domain.record import AttemptRecord
from tiercel.gateway.budgets import day_end


class Purse:
    """The dollars of one comparison: of each UTC day, or in all. Times are Unix seconds, amounts nano-dollars.

    `elsewhere` is what other gateways have spent of the same, as far as it is known here.
    """

    def __init__(self, spent: int, now: float, *, daily: bool) -> None:
        self._spent = spent
        self._reserved = 0
        self.elsewhere = 0
        self._resets_at = day_end(now) if daily else None

    def left(self, limit: int, now: float) -> int:
        """What may still be set aside under this limit."""
        if self._resets_at is not None and now >= self._resets_at:
            self._spent = self.elsewhere = 0
            self._resets_at = day_end(now)
        return limit - self.elsewhere - self._spent - self._reserved

    def reserve(self, nano: int) -> None:
        """Set this aside."""
        self._reserved += nano

    def settle(self, reserved: int, spent: int) -> None:
        """Of what was set aside so much was spent; the rest is free again."""
        self._reserved -= reserved
        self._spent += spent


class Claim:
    """What one copy may take of a purse; see `engine.allowance.Allowance`. `most` is what its call costs at most.
    `close` it when the copy has ended."""

    def __init__(self, purse: Purse, limit: int, now: float, most: int) -> None:
        self._purse = purse
        self._limit = limit
        self._now = now
        self._reserved: dict[int, int] = {}
        self.most = (most,)

    def room(self) -> int:
        """The most that a call may cost now."""
        return self._purse.left(self._limit, self._now)

    def covers(self, nano: int) -> bool:
        """Whether a call that costs this at most may be made now."""
        return nano <= self.room()

    def reserve(self, call: int, nano: int) -> None:
        """Set this aside for the call of this number."""
        self._reserved[call] = nano
        self._purse.reserve(nano)

    def settle(self, record: AttemptRecord) -> None:
        """A call has ended, and cost this."""
        self._purse.settle(self._reserved.pop(record.number, 0), max(0, record.cost_nano or 0))

    def close(self) -> None:
        """Give back what was set aside for calls that were never settled."""
        while self._reserved:
            self._purse.settle(self._reserved.popitem()[1], 0)
