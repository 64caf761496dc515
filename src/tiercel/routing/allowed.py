"""What a key narrows of a plan: the tiers, models and deployments it may use, and what its budget can bound."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from tiercel.domain.climb import Aside, AsideRole, Excluded, Plan, Rung
from tiercel.domain.errors import CallerError, ProblemKind
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
    reason = f"this key may use {', '.join(allowed)} only"
    plan = _without_asides(
        plan,
        "key",
        reason,
        lambda aside: aside.role not in INTO_THE_ANSWER or is_allowed(aside.rung, allowed),
    )
    return _without(plan, "key", reason, lambda rung: is_allowed(rung, allowed), "permission")


def is_allowed(rung: Rung, allowed: tuple[str, ...]) -> bool:
    """Whether one of the names stands for this rung."""
    deployment = rung.deployment
    return rung.tier in allowed or deployment.model.name in allowed or deployment.name in allowed


def bounded(plan: Plan, most: Callable[[Rung], int | None]) -> tuple[Plan, tuple[int, ...]]:
    """The plan without rungs of which `most` cannot say what a call costs at most: no budget could be kept with them.
    And what it says of the others, in the order of `Plan.rung_at`.

    Raises `CallerError` where nothing is left.
    """
    costs = [most(rung) for rung in plan.rungs]
    if plan.asides:
        costs += [_most_beside(plan, aside, most) for aside in plan.asides]
    if None in costs:
        unknown = [rung for rung, nano in zip(_all_rungs(plan), costs, strict=True) if nano is None]
        reason = (
            "has no known price, or no known longest answer (send max_tokens), and this key has a budget that "
            "could not be kept"
        )
        plan = _without_asides(plan, "budget", reason, lambda aside: aside.rung not in unknown)
        plan = _without(plan, "budget", reason, lambda rung: rung not in unknown, "no_rung")
    return plan, tuple(nano for nano in costs if nano is not None)


def without_dear_review(
    plan: Plan, costs: tuple[int, ...], covers: Callable[[int], bool]
) -> tuple[Plan, tuple[int, ...]]:
    """The plan without a review that is not covered even before the first call: no stream need be held for it.

    `costs` are those of `bounded`, and come back for what is left.
    """
    index = plan.aside_of("review")
    if index is None or covers(costs[index]):
        return plan, costs
    reason = "a review may cost more than the budget of this key or its project has left"
    plan = _without_asides(plan, "budget", reason, lambda aside: aside.role != "review")
    why = f"{plan.why}; no review: no money is left for it"
    return replace(plan, why=why), (*costs[:index], *costs[index + 1 :])


def _most_beside(plan: Plan, aside: Aside, most: Callable[[Rung], int | None]) -> int | None:
    if aside.role == "embedding":
        return most_embedding_texts_nano(aside, plan.gates[aside.gate])
    if aside.role in ("review", "advisor"):  # they are shown what was answered so far
        return most_nano(aside.rung, plan.facts, answers_shown=1)
    return most(aside.rung)


def _all_rungs(plan: Plan) -> tuple[Rung, ...]:
    return (*plan.rungs, *(aside.rung for aside in plan.asides)) if plan.asides else plan.rungs


def _without_asides(
    plan: Plan, filter_name: Literal["key", "budget"], reason: str, keeps: Callable[[Aside], bool]
) -> Plan:
    kept = tuple(aside for aside in plan.asides if keeps(aside))
    if len(kept) == len(plan.asides):
        return plan
    gone = [
        Excluded(rung=a.rung.name, filter=filter_name, reason=reason) for a in plan.asides if not keeps(a)
    ]
    left = replace(plan, asides=kept, excluded=(*plan.excluded, *gone))
    return replace(
        left,
        review=None if left.aside_of("review") is None else plan.review,
        advisor=None if left.aside_of("advisor") is None else plan.advisor,
    )


def _without(
    plan: Plan,
    filter_name: Literal["key", "budget"],
    reason: str,
    keeps: Callable[[Rung], bool],
    kind: ProblemKind,
) -> Plan:
    kept = tuple(rung for rung in plan.rungs if keeps(rung))
    if len(kept) == len(plan.rungs):
        return plan
    if not kept:
        names = ", ".join(dict.fromkeys(rung.deployment.name for rung in plan.rungs))
        raise CallerError(kind, f"{plan.rule}: {names}: {reason}", param="model")
    gone = [Excluded(rung=r.name, filter=filter_name, reason=reason) for r in plan.rungs if not keeps(r)]
    in_loop = None if plan.keeps is None else plan.rungs[plan.keeps]
    keeps_at = kept.index(in_loop) if in_loop in kept else None
    return replace(plan, rungs=kept, excluded=(*plan.excluded, *gone), keeps=keeps_at)
