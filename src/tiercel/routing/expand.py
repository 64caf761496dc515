"""From the names in a ladder to rungs: deployments at an effort, stage by stage, as the policy lists them.

An entry is the name of a tier, a model or a deployment, each with an optional `@effort`. Deployments of one model are
interchangeable and stay together.
"""

from collections.abc import Iterable

import msgspec

from tiercel.domain.catalog import Capabilities, Catalog, Deployment
from tiercel.domain.climb import Excluded, Rung
from tiercel.domain.policy import Policy, Preference, Tier
from tiercel.domain.request import EFFORTS, Effort

EFFORT_BY_NAME: dict[str, Effort] = {effort: effort for effort in EFFORTS}


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a ladder: a group of rungs for each member that is served, and by what they are to be ordered."""

    groups: tuple[tuple[Rung, ...], ...]
    prefer: Preference


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Rungs before any filter and without estimates, and the members that nothing serves."""

    stages: tuple[Stage, ...]
    unserved: tuple[Excluded, ...] = ()


def split_effort(entry: str) -> tuple[str, Effort | None]:
    """`name@effort` as its two parts; an `@` before anything but an effort belongs to the name."""
    name, at, effort = entry.rpartition("@")
    if at and effort in EFFORT_BY_NAME:
        return name, EFFORT_BY_NAME[effort]
    return entry, None


def expand(
    entries: Iterable[str],
    policy: Policy,
    catalog: Catalog,
    effort: Effort | None = None,
    prefer: Preference | None = None,
) -> Ladder:
    """A ladder's stages. `effort` is the client's, after the policy's; `prefer` the rule's, before tier and policy."""
    stages: list[Stage] = []
    unserved: list[Excluded] = []
    for number, entry in enumerate(entries):
        name, stated = split_effort(entry)
        tier = policy.tiers.get(name)
        groups: list[tuple[Rung, ...]] = []
        for member in tier.members if tier else (entry,):
            member_name, member_effort = split_effort(member)
            wanted = member_effort or stated
            deployments = serving(member_name, catalog)
            if deployments:
                groups.append(tuple(_rung(d, wanted, effort, number, tier) for d in deployments))
            else:
                reason = "no deployment serves it: not configured, or its provider has no key"
                unserved.append(Excluded(rung=member, filter="missing_key", reason=reason))
        chosen = prefer or (tier.prefer if tier else None) or policy.prefer
        stages.append(Stage(groups=tuple(groups), prefer=chosen))
    return Ladder(stages=tuple(stages), unserved=tuple(unserved))


def serving(name: str, catalog: Catalog) -> tuple[Deployment, ...]:
    """The deployments of a model of this name, else the one deployment of this name."""
    found = catalog.serving(name)
    if found or name not in catalog.deployments:
        return found
    return (catalog.deployments[name],)


def _rung(
    deployment: Deployment, stated: Effort | None, effort: Effort | None, stage: int, tier: Tier | None
) -> Rung:
    return Rung(
        deployment=deployment,
        stage=stage,
        tier=tier.name if tier else None,
        effort=stated or nearest_effort(deployment.model.capabilities, effort),
        first_token_seconds=tier.first_token_seconds if tier else None,
    )


def nearest_effort(capabilities: Capabilities, wanted: Effort | None) -> Effort | None:
    """The client's effort as this model knows it: the least that is no less, else its greatest."""
    if wanted is None or not capabilities.efforts:
        return None
    known = sorted(capabilities.efforts, key=EFFORTS.index)
    return next((e for e in known if EFFORTS.index(e) >= EFFORTS.index(wanted)), known[-1])
