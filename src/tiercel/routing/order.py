"""In which order the rungs of a ladder would be tried: stage by stage, within a stage by what the policy prefers.
Deployments of one model stay together; equals stay as the policy lists them.

Where neither a request's size nor measured speed can change the order of a stage, it is settled beforehand.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from tiercel.domain.policy import Preference
from tiercel.routing.contender import Contender, DraftStage, Groups
from tiercel.routing.cost import Rate

Priced: TypeAlias = tuple[Contender, int | None]
"""A contender, and what a call of it is expected to cost, in nano-dollars."""

Ranked: TypeAlias = tuple[float, float, int, Priced]
"""Less weight later, then the preference's figure, less being better, then the place in the policy."""

UNKNOWN = float("inf")
"""Unknown prices and speeds come last."""

NOT_MEASURED: Mapping[str, float] = {}
NOTHING_CACHED: Mapping[str, int] = {}


def ordered(
    stages: Sequence[DraftStage],
    tokens: int,
    speed: Mapping[str, float] = NOT_MEASURED,
    cached: Mapping[str, int] = NOTHING_CACHED,
) -> list[Priced]:
    """The contenders of all stages for a request of so many tokens. By deployment, `speed` is measured tokens per
    second and `cached` how many of the tokens it is expected to read from its prompt cache."""
    found: list[Priced] = []
    for stage in stages:
        if stage.settled is None or cached:
            for group in _ranked(stage.groups, stage.prefer, tokens, speed, cached):
                found += [priced for _, _, _, priced in group]
            continue
        for contender in stage.settled:
            found.append((contender, contender.rate.nano(tokens)))
    return found


def settled(groups: Groups, prefer: Preference) -> tuple[Contender, ...] | None:
    """The order of a stage, where it is the same for every size and speed as long as nothing is cached."""
    ranked = _ranked(groups, prefer, 0, NOT_MEASURED, NOTHING_CACHED)
    for one, other in _neighbours(ranked):
        if not _always_before(one, other, prefer):
            return None
    return tuple(contender for group in ranked for _, _, _, (contender, _) in group)


def _ranked(
    groups: Groups,
    prefer: Preference,
    tokens: int,
    speed: Mapping[str, float],
    cached: Mapping[str, int],
) -> list[list[Ranked]]:
    found: list[list[Ranked]] = []
    place = 0
    for group in groups:
        ranked: list[Ranked] = []
        for contender in group:
            deployment = contender.asked.deployment
            warm = min(cached.get(deployment.name, 0), tokens) if cached else 0
            nano = contender.rate.nano(tokens, warm)
            figure: float | None = 0.0
            if prefer == "cheapest":
                figure = nano
            elif prefer == "fastest":
                measured = speed.get(deployment.name, deployment.speed)
                figure = None if measured is None else -measured
            ranked.append(
                (-deployment.weight, UNKNOWN if figure is None else figure, place, (contender, nano))
            )
            place += 1
        ranked.sort()
        found.append(ranked)
    found.sort()
    return found


def _neighbours(groups: list[list[Ranked]]) -> Iterator[tuple[Ranked, Ranked]]:
    """Whom the order compares: those of a group, and the first of each group."""
    for group in groups:
        yield from pairwise(group)
    yield from pairwise([group[0] for group in groups])


def _always_before(one: Ranked, other: Ranked, prefer: Preference) -> bool:
    """Whether this is their order for every size and speed."""
    if one[0] < other[0]:
        return True
    listed_before = one[2] < other[2]
    if prefer != "cheapest":
        return prefer == "listed" and listed_before
    rate, dearer = one[3][0].rate, other[3][0].rate
    if _never_known(dearer):
        return listed_before if _never_known(rate) else rate.flat is not None
    if rate.flat is None or dearer.flat is None or rate.flat[0] > dearer.flat[0]:
        return False
    # those that cost the same stay in their places
    return rate.flat[1] < dearer.flat[1] or (rate.flat[1] == dearer.flat[1] and listed_before)


def _never_known(rate: Rate) -> bool:
    prices = rate.prices
    return prices.long is None and (prices.input is None or prices.output is None)
