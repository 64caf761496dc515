"""Request, facts, policy and catalog to a plan: which rungs, in which order, behind which gates, and why.

The model's name picks a ladder (a rule's, a tier, one model), expansion makes rungs of it, filters take out what may
not or cannot serve, and the guard sets each rung's output budget.
"""

from collections.abc import Mapping

import msgspec

from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Excluded, Plan, Rung
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate, Limits, Policy, Preference, Rule
from tiercel.domain.request import Effort, ModelRequest
from tiercel.routing.budget import guard
from tiercel.routing.expand import Market, expand
from tiercel.routing.filters import admits
from tiercel.routing.names import Named, known_models, resolve
from tiercel.routing.nothing import nothing_left
from tiercel.routing.rules import first_match

__all__ = ["known_models", "make_plan"]

FINISHED = "finished"


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder that the model's name picked, before anything is expanded."""

    rule: str
    entries: tuple[str, ...]
    gates: tuple[Gate, ...]
    limits: Limits
    why: str
    prefer: Preference | None = None


def make_plan(
    request: ModelRequest,
    facts: Facts,
    policy: Policy,
    catalog: Catalog,
    *,
    measured_speed: Mapping[str, float] = {},
    resting: frozenset[str] = frozenset(),
) -> Plan:
    """The plan for one request. `measured_speed` is tokens per second by deployment, `resting` deployments to avoid.

    Raises `CallerError`: `model_not_found`, `context_length` where only a larger window would do, or `no_rung`, which
    says what each filter took out; `UnavailableError` where no key is configured for any rung.
    """
    chosen = _choose(resolve(request.model, policy, catalog), request, facts, policy)
    market = Market(request=request, facts=facts, policy=policy, catalog=catalog, speed=measured_speed)
    ladder = expand(chosen.entries, market, chosen.prefer)
    survivors, excluded = _filtered(ladder.rungs, request, facts)
    excluded = [*ladder.unserved, *excluded]
    if not survivors:
        raise nothing_left(chosen.rule, facts, request, ladder.rungs, excluded)
    rungs, rested = _awake(survivors, resting)
    return Plan(
        facts=facts,
        rule=chosen.rule,
        stages=chosen.entries,
        rungs=tuple(_guarded(rung, request, facts, policy.raise_small_budgets) for rung in rungs),
        gates=tuple(gate for gate in chosen.gates if gate.applies == "always" or facts.strict_json),
        limits=chosen.limits,
        excluded=(*excluded, *rested),
        why=chosen.why,
        on_exhausted=policy.on_exhausted,
        on_refusal=policy.on_refusal,
        policy_hash=policy.hash,
    )


def _choose(named: Named, request: ModelRequest, facts: Facts, policy: Policy) -> Chosen:
    match named.kind:
        case "rule":
            rule = next(rule for rule in policy.rules if rule.name == named.name)
            return _by_rule(rule, policy, "the request names this rule")
        case "tier":
            entry = _entry(named.name, named.effort)
            why = f"the request names the tier {named.name}"
            return Chosen(
                rule=f"tier:{named.name}",
                entries=(entry,),
                gates=policy.gates,
                limits=policy.limits,
                why=why,
            )
        case "model" | "deployment":
            return _by_name(named, facts, policy)
        case _:
            return _by_facts(facts, policy)


def _by_facts(facts: Facts, policy: Policy) -> Chosen:
    rule = first_match(policy.rules, facts)
    if rule is None:
        return Chosen(
            rule="none",
            entries=tuple(policy.tiers),
            gates=policy.gates,
            limits=policy.limits,
            why="no rule matched: all tiers, as the policy lists them",
        )
    return _by_rule(rule, policy, facts_in_words(facts))


def _by_rule(rule: Rule, policy: Policy, why: str) -> Chosen:
    return Chosen(
        rule=rule.name,
        entries=rule.ladder,
        gates=policy.gates if rule.gates is None else rule.gates,
        limits=rule.limits or policy.limits,
        why=f"{why}; {rule.why}" if rule.why else why,
        prefer=rule.prefer,
    )


def _by_name(named: Named, facts: Facts, policy: Policy) -> Chosen:
    """A model that the caller named: nobody else answers, unless the policy lets the matching rule's ladder follow."""
    entry = _entry(named.name, named.effort)
    rule_name = f"{named.kind}:{named.name}"
    why = f"the request names the {named.kind} {named.name}"
    if policy.concrete_fallback:
        then = _by_facts(facts, policy)
        return msgspec.structs.replace(
            then, rule=rule_name, entries=(entry, *then.entries), why=f"{why}; then rule {then.rule}"
        )
    finished = next((gate for gate in policy.gates if gate.check == FINISHED), None)
    gates = (finished or Gate(check=FINISHED, needs_whole=False),)
    return Chosen(rule=rule_name, entries=(entry,), gates=gates, limits=policy.limits, why=why)


def _entry(name: str, effort: Effort | None) -> str:
    return f"{name}@{effort}" if effort else name


def facts_in_words(facts: Facts) -> str:
    """The facts that usually decide, in a few words."""
    words = [f"task {facts.task}", facts.complexity]
    if facts.risk != "low":
        words.append(f"risk {facts.risk}")
    if facts.latency != "normal":
        words.append(f"latency {facts.latency}")
    words += [modality for modality in facts.modalities if modality != "text"]
    if facts.strict_json:
        words.append("strict JSON")
    return ", ".join(words)


def _filtered(
    rungs: tuple[Rung, ...], request: ModelRequest, facts: Facts
) -> tuple[list[Rung], list[Excluded]]:
    survivors: list[Rung] = []
    excluded: list[Excluded] = []
    for rung in rungs:
        obstacle = admits(rung.deployment, facts, request, rung.effort)
        if obstacle is None:
            survivors.append(rung)
        else:
            excluded.append(obstacle)
    return survivors, excluded


def _awake(rungs: list[Rung], resting: frozenset[str]) -> tuple[list[Rung], list[Excluded]]:
    """Without those that rest; if all do, with them: somebody has to find out whether they are back."""
    awake = [rung for rung in rungs if rung.deployment.name not in resting]
    if not awake:
        return rungs, []
    reason = "failed too often a moment ago"
    rested = [
        Excluded(rung=rung.name, filter="resting", reason=reason)
        for rung in rungs
        if rung.deployment.name in resting
    ]
    return awake, rested


def _guarded(rung: Rung, request: ModelRequest, facts: Facts, raise_small: bool) -> Rung:
    budget = guard(rung.deployment, rung.effort, request, facts, raise_small=raise_small)
    if budget.effort == rung.effort and budget.max_output_tokens is None and not budget.notes:
        return rung
    return msgspec.structs.replace(
        rung,
        effort=budget.effort,
        max_output_tokens=budget.max_output_tokens,
        cut_at=budget.cut_at,
        notes=budget.notes,
    )
