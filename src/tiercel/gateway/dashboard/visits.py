"""Who is logged in. A visit begins with a key and holds as long as that key is good, and no longer than it was told.

Nothing is written to disk: after a restart people log in again.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable

import msgspec

from tiercel.domain.errors import CallerError, ProblemError
from tiercel.domain.keys import ANYBODY, AccessKey, Role
from tiercel.domain.secret import Secret

MOST_VISITS = 10_000
READERS: frozenset[Role] = frozenset(("viewer", "operator"))


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One login. `shown` is the key that was shown, `None` where no keys are configured; `csrf` is what every form
    must bring along, so that no page elsewhere can send one in this person's name."""

    shown: Secret | None
    csrf: str
    ends_at: float


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at a page."""

    key: AccessKey
    csrf: str

    @property
    def is_operator(self) -> bool:
        return self.key.role == "operator"

    @property
    def project(self) -> str | None:
        """The only project it may see, `None` for all."""
        return None if self.is_operator else self.key.project


class Visits:
    """All visits, by a hash of what the cookie holds, so that memory gives nobody a way in."""

    def __init__(
        self, recognise: Callable[[str], AccessKey], clock: Callable[[], float], seconds: float
    ) -> None:
        """`recognise` raises `ProblemError` for a key that is not good, `clock` is monotonic seconds, and a visit lasts
        for so many `seconds`."""
        self._recognise = recognise
        self._clock = clock
        self._seconds = seconds
        self._visits: dict[bytes, Visit] = {}

    def begin(self, shown: str | None) -> str:
        """Log in; what the cookie is to hold. Raises `ProblemError` for a key that is not good, or may not look."""
        if shown is not None and self._recognise(shown).role not in READERS:
            raise CallerError("permission", "this key is a client's; log in with a viewer's or an operator's")
        self._drop_ended()
        cookie = secrets.token_urlsafe(32)
        self._visits[_digest(cookie)] = Visit(
            shown=None if shown is None else Secret(shown),
            csrf=secrets.token_urlsafe(32),
            ends_at=self._clock() + self._seconds,
        )
        return cookie

    def find(self, cookie: str, *, needs_key: bool) -> Caller | None:
        """Who comes with this cookie, `None` where nobody does, or not any more."""
        visit = self._visits.get(_digest(cookie))
        if visit is None:
            return None
        if self._clock() >= visit.ends_at or needs_key == (visit.shown is None):
            self.end(cookie)
            return None
        if visit.shown is None:
            return Caller(key=ANYBODY, csrf=visit.csrf)
        try:
            key = self._recognise(visit.shown.reveal())
        except ProblemError:
            self.end(cookie)
            return None
        return Caller(key=key, csrf=visit.csrf) if key.role in READERS else None

    def end(self, cookie: str) -> None:
        """Log out."""
        self._visits.pop(_digest(cookie), None)

    def _drop_ended(self) -> None:
        now = self._clock()
        ended = [key for key, visit in self._visits.items() if now >= visit.ends_at]
        room = MOST_VISITS - 1
        for key in ended or list(self._visits)[: max(0, len(self._visits) - room)]:
            del self._visits[key]


def is_same(one: str, other: str) -> bool:
    """Whether two tokens are the same; how long it takes says nothing."""
    return hmac.compare_digest(one.encode(), other.encode())


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()
