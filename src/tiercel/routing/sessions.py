"""Where in its ladder a request begins that goes on with a conversation: with the model that its tools or its session
are with, a stage higher where it has stalled; and what the prompt caches of its session are worth.

1. In the middle of a tool loop the model is kept that called the tools, under every rule.
2. A rule that is `sticky` to the `session` asks the rung first that gave the session's last good answer, as long as it
   stands on the ladder and does not rest. `stage` means the same, and begins at that rung's stage also without it.
   Where an arm of a split was drawn, that is whom the session is with.
3. Where the conversation has stalled, its stage is left: the ladder begins at the next one above. What is below stands
   last, for the case that nobody else answers.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Plan, Rung
from tiercel.domain.money import usd_text
from tiercel.domain.policy import Sticky
from tiercel.domain.request import Message
from tiercel.domain.response import Usage
from tiercel.domain.session import NO_SESSION, SessionState
from tiercel.routing.stall import Sign, stalled


def in_conversation(
    plan: Plan,
    messages: Sequence[Message],
    *,
    caller: str | None = None,
    session: SessionState = NO_SESSION,
) -> Plan:
    """The plan for a request that goes on with a conversation. `caller` is the deployment whose tool calls its results
    are for, where that is known."""
    kept, why = _kept(plan, caller, session)
    sign = stalled(messages, plan.stall) if plan.stall is not None else None
    if sign is not None:
        return _above(plan, kept, sign)
    if kept is None:
        return plan
    if plan.sticky == "stage" and caller is None:
        plan = _begun_at(plan, kept.stage)
    return replace(plan, keeps=plan.rungs.index(kept), why=f"{plan.why}; {why}")


STICKY_WORDS: dict[Sticky, str] = {
    "tool_loop": "",
    "cache": "within a stage, what the prompt caches of its session hold counts in the price",
    "session": "the model of its session's last good answer is asked first",
    "stage": "the model of its session's last good answer is asked first, and stays where it had to go up",
}


def conversation_words(plan: Plan) -> list[str]:
    """How far this rule stays with a model, and when it takes a conversation for stalled."""
    words = [STICKY_WORDS[plan.sticky]] if plan.sticky != "tool_loop" else []
    stall = plan.stall
    if stall is None:
        return words
    signs = []
    if stall.repeats:
        but = f" (but {', '.join(stall.polling)})" if stall.polling else ""
        signs.append(f"the same calls{but} with the same results {stall.repeats} times in a row")
    if stall.failures:
        signs.append(f"{stall.failures} errors of tools in a row")
    if stall.asked_again:
        signs.append(f"the same asked {stall.asked_again} times")
    return [*words, f"begins a stage higher after {', or '.join(signs)}"]


def _kept(plan: Plan, caller: str | None, session: SessionState) -> tuple[Rung | None, str]:
    """The rung that the conversation is with, and in which words."""
    if caller is not None:
        rung = next((rung for rung in plan.rungs if rung.deployment.name == caller), None)
        if rung is not None:
            return rung, f"in the middle of {rung.name}'s tools"
    if plan.sticky not in ("session", "stage") or session.deployment is None or plan.assignment is not None:
        return None, ""
    same = [rung for rung in plan.rungs if rung.deployment.name == session.deployment]
    rung = next((rung for rung in same if rung.name == session.rung), same[0] if same else None)
    return rung, f"the session is with {rung.name}" if rung is not None else ""


def _above(plan: Plan, kept: Rung | None, sign: Sign) -> Plan:
    """The plan begun above the stage at which the conversation stalled. One that nobody told us of stalled at the
    lowest; a user who asks a third time goes on from where the second answer came from."""
    stages = sorted({rung.stage for rung in plan.rungs})
    at = 0 if kept is None else stages.index(kept.stage)
    target = min(max(at + 1, sign.beyond + 1), len(stages) - 1)
    if target <= at:
        why = f"stalled ({sign.words}), and no stage is above"
        keeps = plan.rungs.index(kept) if kept is not None else None
        return replace(plan, keeps=keeps, why=f"{plan.why}; {why}")
    begun = _begun_at(plan, stages[target])
    why = f"stalled ({sign.words}): begins at {plan.stages[stages[target]]}"
    return replace(begun, stalled=True, why=f"{plan.why}; {why}")


def _begun_at(plan: Plan, stage: int) -> Plan:
    """The plan with the rungs below a stage last."""
    if plan.rungs[0].stage >= stage:
        return plan
    rungs = [rung for rung in plan.rungs if rung.stage >= stage]
    rungs += [rung for rung in plan.rungs if rung.stage < stage]
    return replace(plan, rungs=tuple(rungs), begins=stage)


def with_cache_note(rung: Rung, cached: Mapping[str, int], tokens: int, catalog: Catalog) -> Rung:
    """The rung with what the session's prompt caches mean for a request of so many tokens: that its own will be read,
    or what it costs to give up another's."""
    own = min(cached.get(rung.deployment.name, 0), tokens)
    if own:
        note = f"about {own:,} tokens are expected from its prompt cache"
        return replace(rung, notes=(*rung.notes, note))
    name, largest = max(cached.items(), key=lambda entry: entry[1])
    lost = min(largest, tokens)
    if not lost:
        return rung
    note = f"gives up the prompt cache of {name}: about {lost:,} tokens"
    there = catalog.deployments.get(name)
    in_full = rung.deployment.billing.cost(Usage(uncached=lost))
    saved = None if there is None else there.billing.cost(Usage(cached=lost))
    if in_full is not None and saved is not None:
        note += f", ${usd_text(in_full)} here and ${usd_text(saved)} there"
    return replace(rung, notes=(*rung.notes, note))
