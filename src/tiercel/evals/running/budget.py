"""How much a run may still spend: what is under way counts as it is expected to cost, until it is known."""

import asyncio


class Budget:
    """Money for answers and judges together. Without a cap nothing is refused, and what is spent is counted."""

    def __init__(self, cap_nano: int | None, *, spent_nano: int = 0) -> None:
        self.cap_nano = cap_nano
        self.spent_nano = spent_nano
        self.is_over = False
        """Whether something had to be refused."""
        self.unpriced = 0
        """Calls whose cost is not known; they are not in `spent_nano`."""
        self._reserved_nano = 0
        self._settled = asyncio.Event()
        self._known: dict[str, tuple[int, int]] = {}

    def reserve(self, nano: int) -> bool:
        """Put so much aside for a call; False where there is no room for it now, and nothing is put aside then."""
        if self.cap_nano is not None and self.spent_nano + self._reserved_nano + nano > self.cap_nano:
            return False
        self._reserved_nano += nano
        return True

    async def room_for(self, nano: int) -> bool:
        """Put so much aside as soon as there is room: what is under way may cost less than was put aside for it. False,
        and the budget is over, where there will be none."""
        while not self.reserve(nano):
            if not self._reserved_nano:
                self.is_over = True
                return False
            self._settled.clear()
            await self._settled.wait()
        return True

    def settle(self, reserved_nano: int, cost_nano: int | None, of: str = "") -> None:
        """The call that so much was put aside for has cost this; `None` where nobody knows, and it is taken to be as
        expected. `of` is whose call it was."""
        if cost_nano:
            total, n = self._known.get(of, (0, 0))
            self._known[of] = total + cost_nano, n + 1
        self._reserved_nano -= reserved_nano
        self._settled.set()
        if cost_nano is None:
            self.unpriced += 1
            cost_nano = reserved_nano
        self.spent_nano += cost_nano

    def usual_nano(self, of: str) -> int:
        """What its calls have cost on average, as far as that is known; 0 before the first."""
        total, n = self._known.get(of, (0, 0))
        return total // n if n else 0
