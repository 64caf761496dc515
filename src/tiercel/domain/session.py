"""Whose session it is; and what is known of it while a request of it is routed: who answered last, and whose prompt
caches hold it."""

import msgspec


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """`rung` and `deployment` gave the last good answer; both are `None` where none is to be kept.

    `cached` is how many tokens of the conversation each deployment is expected to read from its prompt cache.
    """

    rung: str | None = None
    deployment: str | None = None
    cached: dict[str, int] = {}


NO_SESSION = SessionState()


def session_key(session: str | None, project: str, key_id: str) -> str | None:
    """What tells a session from all others; `None` where there is none. A name is what a client says it is, so the same
    one under two keys is two sessions. Without keys it is the name alone, and no part of it has a space in it."""
    if not session:
        return None
    return f"{project} {key_id} {session}" if project or key_id else session
