"""What is known of a session while a request of it is routed: who answered last, and whose prompt caches hold it."""

import msgspec


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """`rung` and `deployment` gave the last good answer; both are `None` where none is to be kept.

    `cached` is how many tokens of the conversation each deployment is expected to read from its prompt cache.
    """

    rung: str | None = None
    deployment: str | None = None
    cached: dict[str, int] = {}


NO_SESSION = SessionState()
