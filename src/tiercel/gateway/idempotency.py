"""`Idempotency-Key`: a request that is sent twice is answered once, and the second gets the first one's answer.

Good answers are kept in memory, by whoever asked and under which key, for a day or until there is no room. An answer
that failed is not: then trying again is just what is wanted. Other processes and a restart know nothing of it.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.gateway.exchange import Exchange, Sent

Owner: TypeAlias = Callable[[Exchange], bytes]
"""Who asks; worked out only for requests that come with a key."""

HEADER = b"idempotency-key"
REPLAYED_LINE = b"idempotency-replayed: true\r\n"
MAX_KEY_CHARS = 255
KEPT_SECONDS = 86_400.0
MAX_KEPT_BYTES = 64_000_000
MAX_ANSWER_BYTES = 4_000_000
"""A longer answer is not kept, and its request may run again."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request under its key; `digest` is the request's."""

    digest: bytes
    since: float
    header_lines: bytes
    body: bytes


class Replays:
    """The requests that came with a key. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float], max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._running: dict[bytes, bytes] = {}
        """What is being answered: never forgotten for want of room, or it would be answered twice."""
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def once(
        self, exchange: Exchange, owner: Owner, body: bytes, answer: Callable[[], Awaitable[None]]
    ) -> Awaitable[None]:
        """Has this request answered, by `answer` or with the answer that there was; to be awaited at once.

        Raises `CallerError`: for a bad key, for one whose request is still running, and for one that was used for
        another request.
        """
        if HEADER not in exchange.headers:
            return answer()  # itself, and not a coroutine that would wait for it at every step
        return self._once(exchange, self._claim(exchange, owner, body), answer)

    async def _once(self, exchange: Exchange, claim: "Claim", answer: Callable[[], Awaitable[None]]) -> None:
        if await claim.replay(exchange):
            return
        exchange.sent = Sent(MAX_ANSWER_BYTES)
        try:
            await answer()
        finally:
            claim.settle(exchange)

    def _claim(self, exchange: Exchange, owner: Owner, body: bytes) -> "Claim":
        """This request's claim to its key."""
        key = exchange.header(HEADER)
        if not key or len(key) > MAX_KEY_CHARS:
            raise CallerError("invalid_request", f"Idempotency-Key: expected 1 to {MAX_KEY_CHARS} characters")
        self._forget_old()
        name = hashlib.sha256(owner(exchange) + b"\0" + key.encode("utf-8", "replace")).digest()
        digest = hashlib.sha256(exchange.path.encode("utf-8", "replace") + b"\0" + body).digest()
        kept = self._kept.get(name)
        known = kept.digest if kept is not None else self._running.get(name)
        if known is not None and known != digest:
            raise CallerError("unprocessable", "this Idempotency-Key was used for another request")
        if kept is None and known is not None:
            raise CallerError(
                "conflict",
                "the request with this Idempotency-Key is still being answered",
                retry_after_seconds=1.0,
            )
        if kept is None:
            self._running[name] = digest
        return Claim(self, name, kept)

    def keep(self, name: bytes, header_lines: bytes, body: bytes) -> None:
        """The request of a claim was answered well: keep that, and let go of the oldest where there is no room."""
        digest = self._running.pop(name)
        self._kept[name] = Kept(digest=digest, since=self._clock(), header_lines=header_lines, body=body)
        self._bytes += len(body)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def release(self, name: bytes) -> None:
        """Let the request of a claim run again."""
        del self._running[name]

    def _forget_old(self) -> None:
        oldest = self._clock() - KEPT_SECONDS
        while self._kept:
            name, kept = next(iter(self._kept.items()))
            if kept.since > oldest:
                return
            self._drop(name)

    def _drop(self, name: bytes) -> None:
        self._bytes -= len(self._kept.pop(name).body)


class Claim:
    """One request's hold on its key: while it is answered here, or to the answer that there was."""

    def __init__(self, replays: Replays, name: bytes, kept: Kept | None) -> None:
        self._replays = replays
        self._name = name
        self._kept = kept

    async def replay(self, exchange: Exchange) -> bool:
        """Send the answer there was, if there was one."""
        if self._kept is None:
            return False
        await exchange.answer(200, self._kept.header_lines + REPLAYED_LINE, self._kept.body)
        return True

    def settle(self, exchange: Exchange) -> None:
        """Keep what was sent if it is a whole good answer; else the request may run again."""
        sent = exchange.sent
        if sent is None or sent.status != 200 or not sent.complete or sent.too_long:
            self._replays.release(self._name)
        else:
            self._replays.keep(self._name, sent.lines, b"".join(sent.pieces))
