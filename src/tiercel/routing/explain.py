"""A plan in words: the facts and where each comes from, what filters took out, which rule held, the ladder, the gates.

The same values `make_plan` made, put in order for a reader; nobody is called and nothing is decided again.
"""

from collections.abc import Iterator

import msgspec

from tiercel.domain.climb import Aside, Excluded, Plan, Rung
from tiercel.domain.facts import Facts
from tiercel.domain.money import usd_text
from tiercel.domain.policy import ITSELF, Gate, Hold, Policy
from tiercel.routing.hold import hold_words
from tiercel.routing.rules import mismatches
from tiercel.routing.sessions import conversation_words


class FactLine(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. `source` is stated, inferred, default, estimated or read; `why` tells what it was read from."""

    name: str
    value: str
    source: str
    why: str = ""


class PassedOver(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that stands before the one that held, and each condition that did not."""

    rule: str
    reasons: tuple[str, ...]


class RungLine(msgspec.Struct, frozen=True, kw_only=True):
    """One rung of the ladder. `estimated_usd` is the expected cost of one call, `None` where a price is unknown."""

    name: str
    provider: str
    model: str
    stage: str
    tier: str | None
    effort: str | None
    estimated_usd: str | None
    max_output_tokens: int | None
    cut_at: int | None
    notes: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that led to a plan, as plain data that serialises to JSON."""

    facts: tuple[FactLine, ...]
    rule: str
    why: str
    passed_over: tuple[PassedOver, ...]
    split: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    ladder: tuple[RungLine, ...]
    gates: tuple[str, ...]
    second_models: tuple[str, ...]
    limits: tuple[str, ...]
    hold: str
    policy_hash: str
    shadow: str | None = None
    conversation: tuple[str, ...] = ()


def explain(plan: Plan, policy: Policy | None = None) -> Explanation:
    """What led to this plan. With the policy that made it, also why each earlier rule did not hold."""
    return Explanation(
        facts=tuple(_fact_lines(plan)),
        rule=plan.rule,
        why=plan.why,
        passed_over=tuple(_passed_over(plan, policy)) if policy is not None else (),
        split=tuple(_split_words(plan)),
        excluded=plan.excluded,
        ladder=tuple(_rung_line(rung, plan) for rung in plan.rungs),
        gates=tuple(_gate_words(plan, place) for place in range(len(plan.gates))),
        second_models=tuple(_second_model_words(plan)),
        limits=tuple(_limit_words(plan)),
        hold=_hold_words(plan),
        policy_hash=plan.policy_hash,
        shadow=_shadow_words(plan),
        conversation=tuple(conversation_words(plan)),
    )


def render_text(plan: Plan, policy: Policy | None = None) -> str:
    """The explanation as text for a terminal, the same for the same plan; ends without a newline."""
    told = explain(plan, policy)
    lines = ["Facts"]
    width = max(len(fact.name) for fact in told.facts)
    for fact in told.facts:
        why = f": {fact.why}" if fact.why else ""
        lines.append(f"  {fact.name:<{width}}  {fact.value}  ({fact.source}{why})")
    lines += ["", f"Rule {told.rule}: {told.why}"]
    lines += [f"  not {missed.rule}: {'; '.join(missed.reasons)}" for missed in told.passed_over]
    if told.split:
        lines += ["", "Split", *(f"  {line}" for line in told.split)]
    lines += ["", "Filters"]
    lines += [f"  {out.rung}: {out.filter}: {out.reason}" for out in told.excluded] or ["  took nothing out"]
    lines += ["", "Ladder"]
    for number, rung in enumerate(told.ladder, start=1):
        lines.append(f"  {number}. {_rung_words(rung)}")
        lines += [f"     {note}" for note in rung.notes]
    lines += ["", "Gates"]
    lines += [f"  {gate}" for gate in told.gates] or ["  none"]
    lines += (
        ["", "Second models", *(f"  {words}" for words in told.second_models)] if told.second_models else []
    )
    lines += ["", f"Limits: {', '.join(told.limits)}", f"Streams: {told.hold}"]
    if told.conversation:
        lines.append(f"Conversation: {'; '.join(told.conversation)}")
    if told.shadow is not None:
        lines.append(f"Shadow: {told.shadow}")
    return "\n".join(lines)


def _fact_lines(plan: Plan) -> list[FactLine]:
    facts = plan.facts
    values = {
        "task": facts.task,
        "complexity": facts.complexity,
        "risk": facts.risk,
        "latency": facts.latency,
        "residency": facts.residency or "anywhere",
        "session": facts.session or "none",
    }
    lines = [
        FactLine(
            name=name,
            value=value,
            source=_source(name, facts),
            why="" if name in facts.stated else facts.signals.get(name, ""),
        )
        for name, value in values.items()
    ]
    size = f"about {facts.size.tokens:,} tokens, plus or minus {facts.size.margin:.0%}"
    lines.append(FactLine(name="size", value=size, source="estimated"))
    seen = {
        "modalities": ", ".join(facts.modalities),
        "strict JSON": "yes" if facts.strict_json else "no",
        "tools": ("yes, in a loop" if facts.in_tool_loop else "yes") if facts.tools else "no",
        "answers": str(facts.choices),
    }
    return lines + [FactLine(name=name, value=value, source="read") for name, value in seen.items()]


def _source(name: str, facts: Facts) -> str:
    """Whether the caller stated a fact, we inferred it, or nobody said anything."""
    if name in facts.stated:
        return "stated"
    return "inferred" if name in facts.signals else "default"


def _passed_over(plan: Plan, policy: Policy) -> list[PassedOver]:
    """The rules before the one that held; none where the request named what it wants."""
    names = [rule.name for rule in policy.rules]
    if plan.rule != "none" and plan.rule not in names:
        return []
    before = policy.rules if plan.rule == "none" else policy.rules[: names.index(plan.rule)]
    missed = [PassedOver(rule=rule.name, reasons=tuple(mismatches(rule.when, plan.facts))) for rule in before]
    return [rule for rule in missed if rule.reasons]


def _split_words(plan: Plan) -> Iterator[str]:
    """The arm that was drawn and what keeps it, the chances of all, and which arms could not be given."""
    given = plan.assignment
    if given is None:
        return
    if given.arm is None:
        yield f"{given.split}: no arm, so the rule's own ladder is climbed"
    elif given.unit:
        yield f"{given.split}: arm {given.arm}, kept by this {given.by}"
    else:
        why = "" if given.by == "request" else f" where none names its {given.by}"
        yield f"{given.split}: arm {given.arm} this time; each request draws for itself{why}"
    for arm, chance in given.chances.items():
        yield f"{arm}: drawn with a probability of {chance:.3g}"
    for one in given.out:
        yield f"{one.arm}: out, {one.reason}"


def _rung_line(rung: Rung, plan: Plan) -> RungLine:
    return RungLine(
        name=rung.name,
        provider=rung.deployment.provider.name,
        model=rung.deployment.model.name,
        stage=plan.stages[rung.stage],
        tier=rung.tier,
        effort=rung.effort,
        estimated_usd=None if rung.estimated_nano is None else usd_text(rung.estimated_nano),
        max_output_tokens=rung.max_output_tokens,
        cut_at=rung.cut_at,
        notes=rung.notes,
    )


def _rung_words(rung: RungLine) -> str:
    cost = "price unknown" if rung.estimated_usd is None else f"about ${rung.estimated_usd} expected"
    words = [f"{rung.name} at {rung.provider}", f"stage {rung.stage}", cost]
    if rung.max_output_tokens is not None:
        words.append(f"max_tokens {rung.max_output_tokens:,}")
    return ", ".join(words)


def _gate_words(plan: Plan, place: int) -> str:
    gate = plan.gates[place]
    words = f"{gate.check} at least {gate.at_least:g}"
    if gate.calls_models:
        words += _called_words(gate, [aside for aside in plan.asides if aside.gate == place])
    return f"{words}, asked again {gate.re_ask} time(s) before escalating" if gate.re_ask else words


def _called_words(gate: Gate, asides: list[Aside]) -> str:
    """Whom this gate has called, and what that is expected to cost."""
    what = "lets the answer pass" if gate.on_error == "open" else "does not let it pass"
    asked = [_priced(aside.rung) for aside in asides if aside.role != "embedding"]
    embed = [_priced(aside.rung) for aside in asides if aside.role == "embedding"]
    if (gate.asks != "nobody" and not asked) or (gate.asks == "nobody" and not embed):
        return f", but nobody whom it asks may be asked, which {what}"
    words = []
    if gate.asks == "opinions":
        words.append(f"{' and '.join(asked)}, asked at once, waited for {gate.wait_seconds:g} s")
    elif gate.ask == (ITSELF,):
        words.append(f"each is asked about its own answer, afterwards: {', '.join(asked)}")
    elif asked:
        words.append(f"{asked[0]}, asked afterwards")
    if gate.embed is not None:
        words.append(f"texts embedded by {embed[0]}" if embed else "nobody may embed free text")
    return f": {'; '.join(words)}; without them it {what}"


def _second_model_words(plan: Plan) -> Iterator[str]:
    """Who reviews the answer, and who may be asked for advice."""
    review, advisor = plan.review, plan.advisor
    for aside in plan.asides:
        if review is not None and aside.role == "review":
            rounds = "once" if review.rounds == 1 else f"up to {review.rounds} times"
            yield (
                f"review: {_priced(aside.rung)} approves or improves an answer of text, {rounds}, within "
                f"{review.wait_seconds:g} s; without it the answer goes out as it is"
            )
        elif advisor is not None and aside.role == "advisor":
            yield (
                f"advisor: {_priced(aside.rung)} may be asked by the model that answers, up to {advisor.max_uses} "
                f"time(s), for {advisor.max_tokens:,} tokens each"
            )


def _priced(rung: Rung) -> str:
    nano = rung.estimated_nano
    return f"{rung.name} (price unknown)" if nano is None else f"{rung.name} (about ${usd_text(nano)})"


def _hold_words(plan: Plan) -> str:
    """What of a stream waits for what."""
    if plan.review is not None:
        return "held until the whole answer passed its gates and was reviewed"
    if plan.holds:
        return hold_words(Hold(mode="all"))
    return hold_words(plan.hold) or "not held"


def _shadow_words(plan: Plan) -> str | None:
    """Who is tried on a copy, how often and for how much; nothing where nobody is."""
    if plan.shadow is None:
        return None
    shadow = plan.shadow
    tried = f"{' and '.join(shadow.candidates)} on {shadow.share * 100:g} % of such requests"
    return f"{tried}, for at most ${usd_text(shadow.day_nano)} a day; never delivered"


def _limit_words(plan: Plan) -> list[str]:
    limits = plan.limits
    words = [f"{limits.deadline_seconds:g} s", f"{limits.max_attempts} attempts"]
    if limits.max_cost_nano is not None:
        words.append(f"${usd_text(limits.max_cost_nano)}")
    if plan.hedges:
        alone = len({rung.deployment.name for rung in plan.rungs}) == 1
        words.append("no hedge: one deployment only" if alone else "one hedge when slower than 95 % of calls")
    return words
