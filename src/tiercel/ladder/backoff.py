"""How long to wait before a retry: what the provider asked for, else exponential with full jitter."""

BASE_SECONDS = 0.25
MAX_SECONDS = 8.0
MAX_ASKED_SECONDS = 20.0
"""Longer than this we do not hold a client for a rate limit; it is told to come back instead."""


def backoff_seconds(retries_before: int, draw: float) -> float:
    """Full jitter: uniform between 0 and a cap that doubles with each retry. `draw` is in [0, 1)."""
    return draw * min(MAX_SECONDS, BASE_SECONDS * 2.0**retries_before)
