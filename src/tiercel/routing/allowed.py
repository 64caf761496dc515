"""What a key narrows of a plan: the tiers, models and deployments it may use, and what its budget can bound."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from tiercel.domain.climb import Aside, AsideRole, Excluded, Plan, Rung
from tiercel.domain.errors import CallerError, ProblemKind
from tiercel.domain.facts import Facts
from tiercel.routing.asides import most_embedding_texts_nano
from tiercel.routing.cost import most_nano

INTO_THE_ANSWER: frozenset[AsideRole] = frozenset(("opinion", "review", "advisor"))


def within(plan: Plan, allowed: tuple[str, ...]) -> Plan:
    """The plan without rungs whose tier, model and deployment are all not among these names; none means all are.

    An opinion can become the answer, what a reviewer writes too, and advice goes into it: these must be allowed as
    well. A judge's verdict never reaches the client, nor does what else a check is told. Raises `CallerError` where
    nothing is left.
    """
    if not allowed:
        return plan
    barred = _barred(plan.rungs, allowed)
    unheard: list[Aside] = []
    if plan.asides:
        heard = [aside for aside in plan.asides if aside.role in INTO_THE_ANSWER]
        unheard = [aside for aside in heard if not is_allowed(aside.rung, allowed)]
    if not barred and not unheard:
        return plan
    reason = f"this key may use {', '.join(allowed)} only"
    plan = _without_asides(plan, "key", reason, unheard)
    return _without(plan, "key", reason, barred, "permission")


def is_allowed(rung: Rung, allowed: tuple[str, ...]) -> bool:
    """Whether one of the names stands for this rung."""
    return not _barred((rung,), allowed)


def _barred(rungs: tuple[Rung, ...], allowed: tuple[str, ...]) -> list[Rung]:
    """Those for which none of the names stands. In one loop, as every request of such a key is asked."""
    barred = []
    for rung in rungs:
        deployment = rung.deployment
        if not (rung.tier in allowed or deployment.model.name in allowed or deployment.name in allowed):
            barred.append(rung)
    return barred


def bounded(
    plan: Plan, most: Callable[[Rung, Facts], int | None] = most_nano
) -> tuple[Plan, tuple[int, ...]]:
    """The plan without rungs of which `most` cannot say what a call costs at most: no budget could be kept with them.
    And what it says of the others, in the order of `Plan.rung_at`.

    Raises `CallerError` where nothing is left.
    """
    costs: list[int] = []
    unknown: list[Rung] = []
    unknown_asides: list[Aside] = []
    for rung in plan.rungs:
        nano = most(rung, plan.facts)
        if nano is None:
            unknown.append(rung)
        else:
            costs.append(nano)
    for aside in plan.asides:
        nano = _most_beside(plan, aside, most)
        if nano is None:
            unknown_asides.append(aside)
        else:
            costs.append(nano)
    if unknown or unknown_asides:
        reason = (
            "has no known price, or no known longest answer (send max_tokens), and this key has a budget that "
            "could not be kept"
        )
        plan = _without_asides(plan, "budget", reason, unknown_asides)
        plan = _without(plan, "budget", reason, unknown, "no_rung")
    return plan, tuple(costs)


def without_dear_review(plan: Plan, costs: tuple[int, ...], room: float) -> tuple[Plan, tuple[int, ...]]:
    """The plan without a review that costs more than there is room for even before the first call: no stream need be
    held for it.

    `costs` are those of `bounded`, and come back for what is left.
    """
    index = plan.aside_of("review")
    if index is None or costs[index] <= room:
        return plan, costs
    reason = "a review may cost more than the budget of this key or its project has left"
    plan = _without_asides(plan, "budget", reason, [plan.asides[index - len(plan.rungs)]])
    why = f"{plan.why}; no review: no money is left for it"
    return replace(plan, why=why), (*costs[:index], *costs[index + 1 :])


def _most_beside(plan: Plan, aside: Aside, most: Callable[[Rung, Facts], int | None]) -> int | None:
    if aside.role == "embedding":
        return most_embedding_texts_nano(aside, plan.gates[aside.gate])
    if aside.role in ("review", "advisor"):  # they are shown what was answered so far
        return most_nano(aside.rung, plan.facts, answers_shown=1)
    return most(aside.rung, plan.facts)


def _without_asides(
    plan: Plan, filter_name: Literal["key", "budget"], reason: str, gone: list[Aside]
) -> Plan:
    if not gone:
        return plan
    excluded = [Excluded(rung=aside.rung.name, filter=filter_name, reason=reason) for aside in gone]
    left = replace(
        plan,
        asides=tuple([aside for aside in plan.asides if aside not in gone]),
        excluded=(*plan.excluded, *excluded),
    )
    return replace(
        left,
        review=None if left.aside_of("review") is None else plan.review,
        advisor=None if left.aside_of("advisor") is None else plan.advisor,
    )


def _without(
    plan: Plan, filter_name: Literal["key", "budget"], reason: str, gone: list[Rung], kind: ProblemKind
) -> Plan:
    if not gone:
        return plan
    kept = tuple([rung for rung in plan.rungs if rung not in gone])
    if not kept:
        names = ", ".join(dict.fromkeys(rung.deployment.name for rung in plan.rungs))
        raise CallerError(kind, f"{plan.rule}: {names}: {reason}", param="model")
    excluded = [Excluded(rung=rung.name, filter=filter_name, reason=reason) for rung in gone]
    in_loop = None if plan.keeps is None else plan.rungs[plan.keeps]
    keeps_at = kept.index(in_loop) if in_loop in kept else None
    return replace(plan, rungs=kept, excluded=(*plan.excluded, *excluded), keeps=keeps_at)
