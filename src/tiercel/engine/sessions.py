"""What sticky rules remember of sessions: who gave the last good answer, and whose prompt caches hold the conversation.

Kept by digest, in bounded memory, for this process: after a restart, and in another process, a session begins anew. A
session's name is what a client says it is, so it means something only together with the key that said it: the same name
under two keys is two sessions.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from tiercel.domain.climb import ASIDE, Plan
from tiercel.domain.facts import Facts
from tiercel.domain.keys import AccessKey
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.session import NO_SESSION, SessionState

MAX_KNOWN = 10_000
"""Some 6 MB when full."""
CACHE_SECONDS = 300.0
"""After so long without a call a provider's prompt cache is taken to be gone: the shortest time that they promise."""
MAX_CACHES = 4
"""Deployments of which a session's caches are remembered, those that were called last."""


class Cache(msgspec.Struct, frozen=True):
    """How many tokens a deployment read from its prompt cache or wrote to it, and when, by the monotonic clock."""

    tokens: int
    at: float


class Known(msgspec.Struct):
    """What is remembered of one session."""

    rung: str | None = None
    deployment: str | None = None
    caches: dict[str, Cache] = {}


class Sessions:
    """The sessions that sticky rules have answered. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float], max_known: int = MAX_KNOWN) -> None:
        self._clock = clock
        self._max_known = max_known
        self._known: OrderedDict[bytes, Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, key: AccessKey, facts: Facts) -> SessionState:
        """What is known of the session of a request with these facts, asked with this key."""
        if not self._known or facts.session is None:
            return NO_SESSION
        known = self._known.get(_digest(key, facts, facts.session))
        if known is None:
            return NO_SESSION
        since = self._clock() - CACHE_SECONDS
        cached = {name: cache.tokens for name, cache in known.caches.items() if cache.at >= since}
        return SessionState(rung=known.rung, deployment=known.deployment, cached=cached)

    def note(self, key: AccessKey, plan: Plan, record: Record) -> None:
        """Remember what a climb under a sticky rule came to."""
        facts = plan.facts
        if facts.session is None:
            return
        digest = _digest(key, facts, facts.session)
        known = self._known.setdefault(digest, Known())
        self._known.move_to_end(digest)
        if len(self._known) > self._max_known:
            self._known.popitem(last=False)
        for attempt in record.attempts:
            self._note_cache(known, attempt)
        answer = record.answer
        if answer is not None and record.outcome == "passed" and _stays(plan, answer):
            known.rung, known.deployment = answer.rung, answer.deployment

    def _note_cache(self, known: Known, attempt: AttemptRecord) -> None:
        usage = attempt.usage
        if usage is None or attempt.state != "answered" or attempt.why in ASIDE:
            return
        known.caches.pop(attempt.deployment, None)
        tokens = usage.cached + usage.written
        if tokens > 0:
            known.caches[attempt.deployment] = Cache(tokens, self._clock())
            if len(known.caches) > MAX_CACHES:
                del known.caches[next(iter(known.caches))]


def _stays(plan: Plan, answer: AttemptRecord) -> bool:
    """Whether the session is to stay with who gave this answer. Only a rule that is sticky to the stage keeps it where
    it had to go up; else it goes on below, with whom it was with."""
    if plan.sticky == "cache" or answer.why == "review":  # of which the reviewer wrote the last answer only
        return False
    if plan.sticky == "stage":
        return True
    lowest = min(rung.stage for rung in plan.rungs)
    return any(rung.stage == lowest and rung.name == answer.rung for rung in plan.rungs)


def _digest(key: AccessKey, facts: Facts, session: str) -> bytes:
    text = "\0".join((key.id, key.project, session, facts.agent or ""))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
