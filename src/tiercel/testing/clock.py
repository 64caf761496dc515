"""A clock that stands still until a test moves it. Fits wherever a `Callable[[], float]` of seconds is wanted."""


class FrozenClock:
    """Seconds that pass only by `advance`. Call it to read the time."""

    def __init__(self, now_seconds: float = 1_000.0) -> None:
        self._now_seconds = now_seconds

    def __call__(self) -> float:
        return self._now_seconds

    def advance(self, seconds: float) -> float:
        """Let `seconds` pass and return the new time. Raises `ValueError` where time would run backwards."""
        if seconds < 0:
            raise ValueError(f"a clock does not run backwards: {seconds} s")
        self._now_seconds += seconds
        return self._now_seconds
