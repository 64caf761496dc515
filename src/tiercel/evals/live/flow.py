"""What a run draws from: how many requests its rule has, how many of them were drawn, and what a copy would cost."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from tiercel.domain.catalog import Prices
from tiercel.domain.shadow import ShadowRun
from tiercel.records.routed import Routed
from tiercel.routing.shadow import PAIRED, is_drawn, is_ruled


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that could have been copied, and what a copy of one costs on average: `None` where nobody knows."""

    requests: int
    cost_nano: int | None


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests the lot fell on. `leaders` are the first entries of their ladders, the most frequent first: of
    several, what was delivered did not come from one ladder."""

    requests: int = 0
    leaders: tuple[str, ...] = ()


def drawn(run: ShadowRun, requests: Iterable[Routed]) -> Drawn:
    """On which of these requests the run's lot fell. Each of them has a pair by now, or was passed over."""
    always = msgspec.structs.replace(run, stopped_at=None)
    leaders: Counter[str] = Counter()
    for one in requests:
        asked = (one.rule, one.key_id, one.project, one.started_at, one.leader)
        before_its_end = run.stopped_at is None or one.started_at < run.stopped_at
        if (
            can_be_copied(one)
            and before_its_end
            and always.wants(*asked)
            and is_drawn(run.id, one.id, run.share)
        ):
            leaders[one.leader or ""] += 1
    return Drawn(requests=leaders.total(), leaders=tuple(leader for leader, _ in leaders.most_common()))


def traffic(requests: Iterable[Routed], prices: Iterable[Prices]) -> Traffic:
    """What these requests would cost at the cheapest of these prices, with the tokens that they were answered with."""
    known = [price for price in prices if price.known]
    count, sums = 0, [0] * len(known)
    priced = 0
    for one in requests:
        if not can_be_copied(one):
            continue
        count += 1
        if one.usage is not None:
            priced += 1
            for at, price in enumerate(known):
                sums[at] += price.cost(one.usage) or 0
    return Traffic(requests=count, cost_nano=min(sums) // priced if priced and sums else None)


def can_be_copied(request: Routed) -> bool:
    """Whether a rule routed it and somebody was asked."""
    return request.outcome in PAIRED and is_ruled(request.rule)
