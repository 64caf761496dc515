"""What a plan is for all requests that are alike but for their size: made once for them, and remembered.

Requests are alike where everything else that rules, filters and the guard look at is the same. What the size still
decides is left open: estimates and the order by them, and what the window of a nearly full model leaves room for.
"""

from bisect import bisect_right
from typing import TypeAlias

import msgspec

from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Excluded, Plan, Rung
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate, Policy
from tiercel.domain.request import ModelRequest
from tiercel.domain.tokens import TokenEstimate
from tiercel.routing.asides import Asked, asked_by
from tiercel.routing.budget import guard, roomy_below
from tiercel.routing.choose import Chosen, choose
from tiercel.routing.contender import Contender, DraftStage
from tiercel.routing.cost import expected_rate
from tiercel.routing.expand import Stage, expand
from tiercel.routing.filters import bars
from tiercel.routing.hold import applied_hold, hold_words
from tiercel.routing.modes import applying, called_by
from tiercel.routing.names import resolve
from tiercel.routing.order import settled

MOST_DRAFTS = 512
"""Kept of one policy; beyond it (clients that vary what they ask for without end) all are made anew."""
MOST_POLICIES = 2
"""The one in force, and the one before it, which requests may still be climbing."""

Key: TypeAlias = tuple[object, ...]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder that was chosen, with its gates as they apply.

    `frame` is the plan of all these requests, but for facts, rungs, what is excluded and who is called beside.
    `repeats` is whether some rung stands in it twice; `asked` are those whom the gates, or the rule, have called beside
    the ladder.
    """

    chosen: Chosen
    frame: Plan
    stages: tuple[DraftStage, ...]
    unserved: tuple[Excluded, ...]
    repeats: bool
    asked: tuple[Asked, ...] = ()


class Drafts:
    """The drafts of one policy over one catalog, by what makes requests alike."""

    def __init__(self, policy: Policy, catalog: Catalog) -> None:
        self.policy = policy
        self.catalog = catalog
        self.known: dict[Key, Draft] = {}
        bounds = {rule.when.min_tokens for rule in policy.rules}
        bounds |= {rule.when.max_tokens + 1 for rule in policy.rules if rule.when.max_tokens is not None}
        self.bounds = sorted(bound for bound in bounds if bound is not None)

    def add(self, key: Key, draft: Draft) -> None:
        if len(self.known) >= MOST_DRAFTS:
            self.known.clear()
        self.known[key] = draft


_KEPT: list[Drafts] = []


def drafts_of(policy: Policy, catalog: Catalog) -> Drafts:
    """The drafts of this very policy and catalog, remembered: they are values, so nothing is decided by it."""
    for kept in _KEPT:
        if kept.policy is policy and kept.catalog is catalog:
            return kept
    made = Drafts(policy, catalog)
    _KEPT[:] = [made, *_KEPT[: MOST_POLICIES - 1]]
    return made


def draft_of(
    request: ModelRequest,
    facts: Facts,
    policy: Policy,
    catalog: Catalog,
    along: tuple[str, ...] | None = None,
) -> Draft:
    """The draft for requests like this one, `along` these entries instead of those of its ladder where they are
    given. Raises `CallerError` where the model's name stands for nothing."""
    drafts = drafts_of(policy, catalog)
    key = (
        along,
        request.model,
        request.effort,
        request.max_output_tokens,
        facts.task,
        facts.complexity,
        facts.risk,
        facts.latency,
        facts.residency,
        facts.modalities,
        facts.strict_json,
        "tests" in request.annotations,
        facts.tools,
        facts.choices,
        # sizes between the same bounds match the same rules
        bisect_right(drafts.bounds, facts.size.tokens) if drafts.bounds else 0,
    )
    draft = drafts.known.get(key)
    if draft is None:
        draft = _draft(request, facts, policy, catalog, along)
        drafts.add(key, draft)
    return draft


def _draft(
    request: ModelRequest, facts: Facts, policy: Policy, catalog: Catalog, along: tuple[str, ...] | None
) -> Draft:
    chosen = applying(choose(resolve(request.model, policy, catalog), facts, policy), facts)
    if along is not None:
        chosen = msgspec.structs.replace(chosen, entries=along, split=None)
    applies = {"always": True, "json": facts.strict_json, "tests": "tests" in request.annotations}
    gates = tuple(_at_risk(gate, facts) for gate in chosen.gates if applies[gate.applies])
    ladder = expand(chosen.entries, policy, catalog, request.effort, chosen.prefer)
    empty = msgspec.structs.replace(facts, size=TokenEstimate(0))
    stages = tuple(_stage(stage, request, empty, policy) for stage in ladder.stages)
    chosen = _held(msgspec.structs.replace(chosen, gates=gates), facts)
    asked = (*asked_by(gates, catalog), *called_by(chosen, request, catalog))
    return Draft(
        chosen=chosen,
        frame=_frame(chosen, policy, asks=bool(asked)),
        stages=stages,
        unserved=ladder.unserved,
        repeats=_repeats(stages),
        asked=asked,
    )


def _frame(chosen: Chosen, policy: Policy, *, asks: bool) -> Plan:
    return Plan(
        facts=Facts(),
        rule=chosen.rule,
        stages=chosen.entries,
        rungs=(),
        gates=chosen.gates,
        limits=chosen.limits,
        why=chosen.why,
        on_exhausted=policy.on_exhausted,
        on_refusal=policy.on_refusal,
        hedges=chosen.hedges,
        hold=chosen.hold,
        split=chosen.split,
        sticky=chosen.sticky,
        stall=chosen.stall,
        policy_hash=policy.hash,
        shadow=chosen.shadow,
        asks=asks,
    )


def _held(chosen: Chosen, facts: Facts) -> Chosen:
    """With the hold as it applies, which the reason tells where the policy names one."""
    hold = applied_hold(chosen.hold, chosen.gates, facts)
    words = hold_words(hold)
    why = f"{chosen.why}; streams: {words}" if words else chosen.why
    return msgspec.structs.replace(chosen, hold=hold, why=why)


def _at_risk(gate: Gate, facts: Facts) -> Gate:
    """The gate as it holds at this request's risk."""
    if gate.on_error != "by_risk":
        return gate
    return msgspec.structs.replace(gate, on_error="closed" if facts.risk == "high" else "open")


def _stage(stage: Stage, request: ModelRequest, facts: Facts, policy: Policy) -> DraftStage:
    groups = tuple(
        tuple(_contender(rung, request, facts, policy) for rung in group) for group in stage.groups
    )
    return DraftStage(groups=groups, prefer=stage.prefer, settled=settled(groups, stage.prefer))


def _contender(rung: Rung, request: ModelRequest, facts: Facts, policy: Policy) -> Contender:
    deployment, effort = rung.deployment, rung.effort
    return Contender(
        asked=rung,
        rung=guarded(rung, request, facts, policy),
        obstacle=bars(deployment, facts, effort),
        roomy_below=roomy_below(deployment, effort, request),
        rate=expected_rate(deployment, effort, request, facts),
        once=(deployment.name, effort or deployment.model.capabilities.default_effort),
    )


def guarded(rung: Rung, request: ModelRequest, facts: Facts, policy: Policy) -> Rung:
    """The rung with the output budget of a request of this size."""
    budget = guard(rung.deployment, rung.effort, request, facts, raise_small=policy.raise_small_budgets)
    return msgspec.structs.replace(
        rung,
        effort=budget.effort,
        max_output_tokens=budget.max_output_tokens,
        cut_at=budget.cut_at,
        notes=budget.notes,
    )


def _repeats(stages: tuple[DraftStage, ...]) -> bool:
    names = [contender.once for stage in stages for group in stage.groups for contender in group]
    return len(set(names)) < len(names)
