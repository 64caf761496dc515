"""How much each rule routes, what that costs, and who answers under it. Arithmetic on sums."""

from collections import Counter, defaultdict
from typing import NamedTuple

import msgspec

from tiercel.measure.report import Group, group_of
from tiercel.records.tally import RequestTally, Tallies


class Answering(NamedTuple):
    """Who answered: `tier` and `effort` are empty where there was none, all of them where nothing was delivered."""

    tier: str
    model: str
    effort: str


class RuleTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule routed: its numbers, its share of all requests and of all known cost, and who answered how many."""

    name: str
    group: Group
    share: float
    cost_share: float
    answered: dict[Answering, int]


def traffic_by_rule(answers: Tallies) -> dict[str, RuleTraffic]:
    """By rule, most requests first. A model or tier that was asked for by name counts as a rule of that name."""
    rules: defaultdict[str, RequestTally] = defaultdict(RequestTally)
    answered: defaultdict[str, Counter[Answering]] = defaultdict(Counter)
    for cell, tally in answers.items():
        if tally.counts["requests"]:
            rules[cell.rule].merge(tally)
            answered[cell.rule][Answering(cell.tier, cell.model, cell.effort)] += tally.counts["requests"]
    requests = sum(tally.counts["requests"] for tally in rules.values())
    nano = sum(tally.counts["cost_nano"] for tally in rules.values())
    ranked = sorted(rules.items(), key=lambda item: (-item[1].counts["requests"], item[0]))
    return {
        name: RuleTraffic(
            name=name,
            group=group_of(name, tally),
            share=tally.counts["requests"] / requests,
            cost_share=tally.counts["cost_nano"] / nano if nano else 0.0,
            answered=dict(answered[name]),
        )
        for name, tally in ranked
    }
