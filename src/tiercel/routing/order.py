"""In which order the rungs of a stage would be tried, by what the policy prefers. Deployments of one model stay
together; equals stay as the policy lists them."""

from collections.abc import Mapping
from typing import TypeAlias

from tiercel.domain.policy import Preference
from tiercel.routing.draft import Contender, DraftStage

Ranked: TypeAlias = tuple[float, float, int, Contender, int | None]
"""Less weight later, then the preference's figure, less being better, then the place in the policy; the contender and
what a call of it is expected to cost, in nano-dollars."""

UNKNOWN = float("inf")
"""Unknown prices and speeds come last."""


def ordered(
    stage: DraftStage, tokens: int, speed: Mapping[str, float], cached: Mapping[str, int] = {}
) -> list[Ranked]:
    """The stage's contenders for a request of so many tokens. By deployment, `speed` is measured tokens per second and
    `cached` how many of the tokens it is expected to read from its prompt cache."""
    groups: list[list[Ranked]] = []
    place = 0
    for group in stage.groups:
        ranked: list[Ranked] = []
        for contender in group:
            if cached:
                warm = cached.get(contender.asked.deployment.name, 0)
                nano = contender.rate.nano(tokens, min(warm, tokens))
            else:
                nano = contender.rate.nano(tokens)
            figure = _figure(contender, stage.prefer, nano, speed)
            ranked.append((-contender.asked.deployment.weight, figure, place, contender, nano))
            place += 1
        ranked.sort()
        groups.append(ranked)
    groups.sort()
    return [one for group in groups for one in group]


def _figure(contender: Contender, prefer: Preference, nano: int | None, speed: Mapping[str, float]) -> float:
    if prefer == "cheapest":
        return UNKNOWN if nano is None else nano
    if prefer == "listed":
        return 0.0
    deployment = contender.asked.deployment
    measured = speed.get(deployment.name, deployment.speed)
    return UNKNOWN if measured is None else -measured
