"""Budgets that several gateways share: which part of each may be spent through which of them.

Each gateway has a *ceiling* for each budget's day and month: the sum that it may reach, all that it has spent of it
included, without asking anybody. A gateway holds its ceiling, or what the records say was spent through it where
that is more. Ceilings are raised one gateway at a time, and only as far as all together hold no more than the limit;
so nothing is overspent, however many ask at once. A gateway renews its lease while it lives. When it has run out, what
the dead one held and had not spent is free for the others.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from tiercel.domain.errors import TiercelError
from tiercel.domain.secret import Secret
from tiercel.records.advisory import SLICES, alone
from tiercel.records.postgres_link import Ask, Link, LinkError

ANSWER_SECONDS = 2.0
SPARE_SHARE = 4
"""Of what nobody holds, at most one part in so many is given in advance, so that nearly spent budgets are not
left lying in pieces that are too small."""

LOCK = alone(SLICES)
NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"
LEASE = "SELECT 1 FROM slice_leases WHERE instance = ? AND expires_at > ?"
RENEW = """
INSERT INTO slice_leases (instance, expires_at) VALUES (?, ?)
ON CONFLICT (instance) DO UPDATE SET expires_at = excluded.expires_at
"""
HELD = """
SELECT asked.number, held.instance, held.ceiling_nano
FROM unnest(?::text[], ?::text[], ?::bigint[]) WITH ORDINALITY AS asked (owner, period, start_at, number)
JOIN slices AS held USING (owner, period, start_at)
JOIN slice_leases AS lease ON lease.instance = held.instance AND lease.expires_at > ?
"""
SPENT = """
SELECT asked.number, spent.instance, sum(spent.cost_nano)::bigint
FROM unnest(?::text[], ?::bigint[], ?::bigint[]) WITH ORDINALITY AS asked (owner, start_at, end_at, number)
JOIN spendings AS spent
  ON spent.owner = asked.owner AND spent.day_at >= asked.start_at AND spent.day_at < asked.end_at
GROUP BY 1, 2
"""
SET = """
INSERT INTO slices (owner, period, start_at, instance, ceiling_nano)
SELECT owner, period, start_at, ?, ceiling_nano
FROM unnest(?::text[], ?::text[], ?::bigint[], ?::bigint[]) AS new (owner, period, start_at, ceiling_nano)
ON CONFLICT (owner, period, start_at, instance) DO UPDATE SET ceiling_nano = excluded.ceiling_nano
"""
FORGET_OWN = "DELETE FROM slices WHERE instance = ?"
FORGET_OLD = "DELETE FROM slices WHERE start_at < ?"
KEPT_SECONDS = 63 * 86_400


class SlicesAwayError(TiercelError):
    """The database did not say what may be spent."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway needs of one budget's day or month. Sums are nano-dollars, times Unix seconds.

    `used` is spent or set aside through it in this period, `need` what requests wait for, `ahead` what it would like
    to have beyond that, in whole pieces of `unit`.
    """

    owner: str
    period: Literal["day", "month"]
    start_at: int
    end_at: int
    limit: int
    used: int
    need: int
    ahead: int
    unit: int

    @property
    def target(self) -> int:
        """The ceiling that it would be content with."""
        return self.used + self.need + self.ahead


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a wish: up to where this gateway may spend, what was spent through it by the records that are in
    the database, and what the others hold and have spent."""

    ceiling: int
    spent: int
    elsewhere: int
    elsewhere_spent: int


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The answers to wishes, in their order. With `lapsed` all ceilings from before are void."""

    grants: tuple[Grant, ...]
    lapsed: bool


def ceiling_for(wish: Wish, *, elsewhere: int, held: int) -> int:
    """The ceiling that this wish gets where the others hold `elsewhere` together, and it `held` itself.

    What it holds is taken from it only as far as it does not want it any more: it may be spending it at this moment.
    """
    free = wish.limit - elsewhere
    granted = min(wish.used + wish.need, free)
    pieces = max(0, free - granted) // SPARE_SHARE // wish.unit
    granted += min(wish.ahead, pieces * wish.unit)
    return max(granted, wish.used, min(held, wish.target))


class SliceStore:
    """The ceilings of one gateway. For one thread at a time."""

    def __init__(self, url: Secret, instance: str, *, lease_seconds: float) -> None:
        self._link = Link(url, answer_seconds=ANSWER_SECONDS)
        self._instance = instance
        self._lease_seconds = lease_seconds
        self._is_new = True

    def settle(self, wishes: Sequence[Wish]) -> Settlement:
        """Renew the lease, and move ceilings to these wishes as far as limits allow. Raises `SlicesAwayError`; then
        nobody knows whether they were moved."""
        try:
            with self._link.transaction() as ask:
                settlement = self._settle(ask, wishes)
        except LinkError as error:
            raise SlicesAwayError(str(error)) from error
        self._is_new = False
        return settlement

    def give_back(self) -> None:
        """Let the others have all that is not spent. Raises `SlicesAwayError`."""
        try:
            self._link.ask(FORGET_OWN, (self._instance,))
        except LinkError as error:
            raise SlicesAwayError(str(error)) from error

    def close(self) -> None:
        """Close the connection; what is held stays so until the lease ends."""
        self._link.close()

    def _settle(self, ask: Ask, wishes: Sequence[Wish]) -> Settlement:
        ask(LOCK, ())
        now = float(ask(NOW, ())[0][0])
        lapsed = not ask(LEASE, (self._instance, now))
        if lapsed or self._is_new:
            ask(FORGET_OWN, (self._instance,))
            ask(FORGET_OLD, (now - KEPT_SECONDS,))
        ask(RENEW, (self._instance, now + self._lease_seconds))
        if not wishes:
            return Settlement(grants=(), lapsed=lapsed)
        grants = tuple(self._grants(ask, wishes, now))
        owners, periods, starts = _columns(wishes, "owner", "period", "start_at")
        ask(SET, (self._instance, owners, periods, starts, [grant.ceiling for grant in grants]))
        return Settlement(grants=grants, lapsed=lapsed)

    def _grants(self, ask: Ask, wishes: Sequence[Wish], now: float) -> list[Grant]:
        owners, periods, starts, ends = _columns(wishes, "owner", "period", "start_at", "end_at")
        ceilings = _by_number(ask(HELD, (owners, periods, starts, now)))
        spent = _by_number(ask(SPENT, (owners, starts, ends)))
        grants = []
        for number, wish in enumerate(wishes, 1):
            held = ceilings[number].pop(self._instance, 0)
            own = spent[number].pop(self._instance, 0)
            known = msgspec.structs.replace(wish, used=max(wish.used, own))
            others = spent[number].keys() | ceilings[number].keys()
            elsewhere = sum(max(spent[number].get(one, 0), ceilings[number].get(one, 0)) for one in others)
            ceiling = ceiling_for(known, elsewhere=elsewhere, held=held)
            elsewhere_spent = sum(spent[number].values())
            grants.append(
                Grant(ceiling=ceiling, spent=own, elsewhere=elsewhere, elsewhere_spent=elsewhere_spent)
            )
        return grants


def _columns(wishes: Sequence[Wish], *names: str) -> list[list[Any]]:
    return [[getattr(wish, name) for wish in wishes] for name in names]


def _by_number(rows: Sequence[tuple[Any, ...]]) -> defaultdict[int, dict[str, int]]:
    """Sums by instance, by the number of the wish."""
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for number, instance, nano in rows:
        found[number][instance] = nano
    return found
