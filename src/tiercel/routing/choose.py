"""Which ladder a request climbs, and why: the one its model's name picks, or that of the first rule which matches."""

import msgspec

from tiercel.domain.facts import Facts
from tiercel.domain.policy import (
    NEVER_STALLED,
    Advisor,
    Gate,
    Hold,
    Limits,
    Policy,
    Preference,
    Review,
    Rule,
    Shadow,
    Split,
    Stall,
    Sticky,
)
from tiercel.domain.request import Effort
from tiercel.routing.names import Named
from tiercel.routing.rules import first_match

FINISHED = "finished"


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder that the model's name picked, before anything is expanded."""

    rule: str
    entries: tuple[str, ...]
    gates: tuple[Gate, ...]
    limits: Limits
    why: str
    prefer: Preference | None = None
    hedges: bool = False
    hold: Hold = Hold()
    review: Review | None = None
    advisor: Advisor | None = None
    shadow: Shadow | None = None
    split: Split | None = None
    """Whose arms stand before the rule's ladder, until one is drawn in place of its first entry."""
    sticky: Sticky = "tool_loop"
    stall: Stall | None = None


def choose(named: Named, facts: Facts, policy: Policy) -> Chosen:
    """The ladder of a request with these facts that names this."""
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
                hedges=policy.hedge,
                hold=policy.hold,
                sticky=policy.sticky,
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
            hedges=policy.hedge,
            hold=policy.hold,
            sticky=policy.sticky,
            stall=_watched(policy.stall),
        )
    return _by_rule(rule, policy, facts_in_words(facts))


def _by_rule(rule: Rule, policy: Policy, why: str) -> Chosen:
    split = rule.split
    return Chosen(
        rule=rule.name,
        entries=rule.ladder if split is None else (*(arm.use for arm in split.arms), *rule.ladder),
        gates=policy.gates if rule.gates is None else rule.gates,
        limits=rule.limits or policy.limits,
        why=f"{why}; {rule.why}" if rule.why else why,
        prefer=rule.prefer,
        hedges=policy.hedge if rule.hedge is None else rule.hedge,
        hold=rule.hold or policy.hold,
        review=rule.review,
        advisor=rule.advisor,
        shadow=rule.shadow,
        split=split,
        sticky=rule.sticky or policy.sticky,
        stall=_watched(policy.stall if rule.stall is None else rule.stall),
    )


def _watched(stall: Stall) -> Stall | None:
    return None if stall == NEVER_STALLED else stall


def _by_name(named: Named, facts: Facts, policy: Policy) -> Chosen:
    """A model that the caller named: nobody else answers, unless the policy lets the matching rule's ladder follow."""
    entry = _entry(named.name, named.effort)
    rule_name = f"{named.kind}:{named.name}"
    why = f"the request names the {named.kind} {named.name}"
    if policy.concrete_fallback:
        then = _by_facts(facts, policy)
        ladder = then.entries if then.split is None else then.entries[len(then.split.arms) :]
        return msgspec.structs.replace(
            then,
            rule=rule_name,
            entries=(entry, *ladder),
            why=f"{why}; then rule {then.rule}",
            shadow=None,
            split=None,
            # whoever is named is asked first, whoever answered before
            sticky="tool_loop",
            stall=None,
        )
    finished = next((gate for gate in policy.gates if gate.check == FINISHED), None)
    gates = (finished or Gate(check=FINISHED, needs_whole=False),)
    return Chosen(
        rule=rule_name, entries=(entry,), gates=gates, limits=policy.limits, why=why, hedges=policy.hedge
    )


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
