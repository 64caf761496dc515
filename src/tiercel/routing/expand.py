"""From the names in a ladder to rungs: deployments at an effort, in the order in which they would be tried.

An entry is the name of a tier, a model or a deployment, each with an optional `@effort`. Deployments of one model are
interchangeable and stay together. A rung appears once, where it comes first.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from tiercel.domain.catalog import Capabilities, Catalog, Deployment
from tiercel.domain.climb import Excluded, Rung
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Policy, Preference, Tier
from tiercel.domain.request import EFFORTS, Effort, ModelRequest
from tiercel.routing.cost import expected_cost

Rank: TypeAlias = tuple[float, float]
"""Weight (higher first), then the preference's figure: lower goes first, equals stay as the file lists them."""

EFFORT_BY_NAME: dict[str, Effort] = {effort: effort for effort in EFFORTS}


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What rungs are chosen from and compared by, for one request. `speed` is measured tokens per second, by
    deployment."""

    request: ModelRequest
    facts: Facts
    policy: Policy
    catalog: Catalog
    speed: Mapping[str, float] = {}


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Rungs before any filter, and the entries that nothing serves."""

    rungs: tuple[Rung, ...]
    unserved: tuple[Excluded, ...] = ()


def split_effort(entry: str) -> tuple[str, Effort | None]:
    """`name@effort` as its two parts; an `@` before anything but an effort belongs to the name."""
    name, at, effort = entry.rpartition("@")
    if at and effort in EFFORT_BY_NAME:
        return name, EFFORT_BY_NAME[effort]
    return entry, None


def expand(entries: Iterable[str], market: Market, prefer: Preference | None = None) -> Ladder:
    """The rungs of a ladder. `prefer` is the rule's, before the tier's and the policy's own."""
    seen: set[tuple[str, Effort | None]] = set()
    rungs: list[Rung] = []
    unserved: list[Excluded] = []
    for stage, entry in enumerate(entries):
        for rung in _stage(entry, stage, market, prefer, unserved):
            default = rung.deployment.model.capabilities.default_effort
            key = (rung.deployment.name, rung.effort or default)
            if key not in seen:
                seen.add(key)
                rungs.append(rung)
    return Ladder(rungs=tuple(rungs), unserved=tuple(unserved))


def _stage(
    entry: str, stage: int, market: Market, prefer: Preference | None, unserved: list[Excluded]
) -> list[Rung]:
    """One entry's rungs, in order; members that nothing serves are added to `unserved`."""
    name, effort = split_effort(entry)
    tier = market.policy.tiers.get(name)
    chosen = prefer or (tier.prefer if tier else None) or market.policy.prefer
    groups: list[tuple[Rank, list[Rung]]] = []
    for member in tier.members if tier else (entry,):
        member_name, member_effort = split_effort(member)
        deployments = serving(member_name, market.catalog)
        if not deployments:
            reason = "no deployment serves it: not configured, or its provider has no key"
            unserved.append(Excluded(rung=member, filter="missing_key", reason=reason))
            continue
        wanted = member_effort or effort
        members = [_rung(deployment, wanted, stage, tier, market) for deployment in deployments]
        members.sort(key=lambda rung: _rank(rung, chosen, market.speed))
        groups.append((_rank(members[0], chosen, market.speed), members))
    groups.sort(key=lambda group: group[0])
    return [rung for _, members in groups for rung in members]


def serving(name: str, catalog: Catalog) -> tuple[Deployment, ...]:
    """The deployments of a model of this name, else the one deployment of this name."""
    found = catalog.serving(name)
    if found or name not in catalog.deployments:
        return found
    return (catalog.deployments[name],)


def _rung(
    deployment: Deployment, effort: Effort | None, stage: int, tier: Tier | None, market: Market
) -> Rung:
    asked = effort or nearest_effort(deployment.model.capabilities, market.request.effort)
    return Rung(
        deployment=deployment,
        stage=stage,
        tier=tier.name if tier else None,
        effort=asked,
        estimated_nano=expected_cost(deployment, asked, market.request, market.facts),
        first_token_seconds=tier.first_token_seconds if tier else None,
    )


def nearest_effort(capabilities: Capabilities, wanted: Effort | None) -> Effort | None:
    """The client's effort as this model knows it: the least that is no less, else its greatest."""
    if wanted is None or not capabilities.efforts:
        return None
    known = sorted(capabilities.efforts, key=EFFORTS.index)
    return next((e for e in known if EFFORTS.index(e) >= EFFORTS.index(wanted)), known[-1])


def _rank(rung: Rung, prefer: Preference, speed: Mapping[str, float]) -> Rank:
    return (-rung.deployment.weight, _figure(rung, prefer, speed))


def _figure(rung: Rung, prefer: Preference, speed: Mapping[str, float]) -> float:
    """What is preferred as a number, less being better; unknown prices and speeds come last."""
    match prefer:
        case "cheapest":
            return float("inf") if rung.estimated_nano is None else rung.estimated_nano
        case "fastest":
            measured = speed.get(rung.deployment.name, rung.deployment.speed)
            return float("inf") if measured is None else -measured
        case "listed":
            return 0.0
