"""Ladders as they are drawn: each entry with who fills it, how they are doing, and how many answers came from it."""

from collections.abc import Mapping

import msgspec

from tiercel.domain.catalog import Catalog, Deployment
from tiercel.domain.climb import Rung
from tiercel.domain.policy import Policy, Rule
from tiercel.gateway.dashboard.standing import Standing
from tiercel.measure.model_words import price_text
from tiercel.measure.rules import Answering, RuleTraffic
from tiercel.routing.expand import Stage, expand, split_effort
from tiercel.routing.rule_words import gate_words, mode_words, when_words

ORDERS = {
    "cheapest": "the cheapest first",
    "fastest": "the fastest first, as measured",
    "listed": "in this order",
}


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment at an effort. `price` is of a million tokens, in and out; `at` names the provider where others
    serve the same model."""

    name: str
    model: str
    at: str
    price: str
    standing: Standing


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a ladder. `answered` is how many of the rule's requests it answered, `share` that of all of them.

    `lacking` are members that nothing here serves."""

    entry: str
    order: str
    members: tuple[Member, ...]
    lacking: tuple[str, ...]
    answered: int
    share: float


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: its conditions, steps, gates and modes in words, and what it routed, where it did.

    `elsewhere` is the share of its requests that no step answered: another model did, or nobody."""

    rule: Rule
    when: tuple[str, ...]
    steps: tuple[Step, ...]
    gates: tuple[str, ...]
    own_gates: bool
    modes: tuple[tuple[str, str], ...]
    traffic: RuleTraffic | None
    elsewhere: float


def draw(
    rule: Rule,
    policy: Policy,
    catalog: Catalog,
    standings: Mapping[str, Standing],
    traffic: RuleTraffic | None,
) -> Drawn:
    """A rule, ready to be drawn."""
    ladder = expand(rule.ladder, policy, catalog, prefer=rule.prefer)
    places = _answered_by(ladder.stages, rule.ladder, traffic)
    requests = traffic.group.requests if traffic else 0
    steps = []
    for number, (entry, stage) in enumerate(zip(rule.ladder, ladder.stages, strict=True)):
        members = tuple(_member(rung, len(group) == 1, standings) for group in stage.groups for rung in group)
        steps.append(
            Step(
                entry=entry,
                order=ORDERS[stage.prefer] if len(members) > 1 else "",
                members=members,
                lacking=_lacking(entry, policy, {out.rung for out in ladder.unserved}),
                answered=places[number],
                share=places[number] / requests if requests else 0.0,
            )
        )
    gates = policy.gates if rule.gates is None else rule.gates
    return Drawn(
        rule=rule,
        when=tuple(when_words(rule.when)),
        steps=tuple(steps),
        gates=tuple(gate_words(gate) for gate in gates),
        own_gates=rule.gates is not None,
        modes=tuple(mode_words(rule, policy)),
        traffic=traffic,
        elsewhere=1 - sum(places) / requests if requests else 0.0,
    )


def prices_text(deployment: Deployment) -> str:
    """What a million tokens cost, in and out."""
    prices = deployment.billing
    if prices.input is None or prices.output is None:
        return "price unknown"
    return f"{price_text(prices.input)} / {price_text(prices.output)}"


def _member(rung: Rung, alone: bool, standings: Mapping[str, Standing]) -> Member:
    deployment = rung.deployment
    model = deployment.model.name
    return Member(
        name=f"{model}@{rung.effort}" if rung.effort else model,
        model=model,
        at="" if alone else deployment.provider.name,
        price=prices_text(deployment),
        standing=standings[deployment.name],
    )


def _lacking(entry: str, policy: Policy, unserved: set[str]) -> tuple[str, ...]:
    tier = policy.tiers.get(split_effort(entry)[0])
    return tuple(name for name in (tier.members if tier else (entry,)) if name in unserved)


def _answered_by(
    stages: tuple[Stage, ...], entries: tuple[str, ...], traffic: RuleTraffic | None
) -> list[int]:
    """How many answers came from each stage: of two that fit, from the one that states the answer's effort."""
    counts = [0] * len(stages)
    stated = [split_effort(entry)[1] for entry in entries]
    for answer, number in traffic.answered.items() if traffic else ():
        fitting = [place for place, stage in enumerate(stages) if _fits(stage, answer, stated[place])]
        if fitting:
            counts[min(fitting, key=lambda place: stated[place] is None)] += number
    return counts


def _fits(stage: Stage, answer: Answering, effort: str | None) -> bool:
    rungs = [rung for group in stage.groups for rung in group]
    return any(
        (rung.tier or "", rung.deployment.model.name) == (answer.tier, answer.model)
        and effort in (None, answer.effort)
        for rung in rungs
    )
