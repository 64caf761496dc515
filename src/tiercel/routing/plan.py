"""Request, facts, policy and catalog to a plan: which rungs, in which order, behind which gates, and why.

The model's name picks a ladder (a rule's, a tier, one model), expansion makes rungs of it, filters take out what may
not or cannot serve, and the guard sets each rung's output budget. All of that which the size does not change is drafted
once for requests that are alike.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Aside, Excluded, Plan, Rung
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Policy
from tiercel.domain.request import ModelRequest
from tiercel.domain.session import NO_SESSION, SessionState
from tiercel.routing.asides import asides
from tiercel.routing.draft import Contender, Draft, drafts_of, guarded
from tiercel.routing.filters import admits
from tiercel.routing.modes import with_second_models
from tiercel.routing.names import known_models
from tiercel.routing.nothing import nothing_left
from tiercel.routing.order import Ranked, ordered
from tiercel.routing.sessions import with_cache_note

__all__ = ["known_models", "make_plan"]


def make_plan(
    request: ModelRequest,
    facts: Facts,
    policy: Policy,
    catalog: Catalog,
    *,
    measured_speed: Mapping[str, float] = {},
    resting: frozenset[str] = frozenset(),
    along: tuple[str, ...] | None = None,
    session: SessionState = NO_SESSION,
) -> Plan:
    """The plan for one request. `measured_speed` is tokens per second by deployment, `resting` deployments to avoid.
    `along` are entries to climb in place of those that the model's name picks. Of a rule with a split it has all arms.
    Where the rule is sticky, what the prompt caches of the `session` hold counts in the order.

    Raises `CallerError`: `model_not_found`, `context_length` where only a larger window would do, or `no_rung`, which
    says what each filter took out; `UnavailableError` where no key is configured for any rung.
    """
    draft = drafts_of(policy, catalog).get(request, facts, along)
    tokens = facts.size.tokens
    cached = session.cached if draft.chosen.sticky != "tool_loop" else NO_SESSION.cached
    contenders = _contenders(draft, tokens, measured_speed, cached)
    excluded = list(draft.unserved)
    admitted, rungs = _admitted(contenders, request, facts, policy, excluded)
    if cached:
        rungs = [with_cache_note(rung, cached, tokens, catalog) for rung in rungs]
    if not rungs:
        raise nothing_left(draft.chosen.rule, facts, request, [one[3].asked for one in contenders], excluded)
    if resting:
        rungs, rested = _awake(rungs, admitted, resting)
        excluded += rested
    beside: tuple[Aside, ...] = ()
    if draft.asked:
        beside, absent = asides(draft.asked, request, facts, policy, rungs)
        excluded += absent
    return _planned(draft, facts, policy, tuple(rungs), tuple(excluded), beside)


def _planned(
    draft: Draft,
    facts: Facts,
    policy: Policy,
    rungs: tuple[Rung, ...],
    excluded: tuple[Excluded, ...],
    beside: tuple[Aside, ...],
) -> Plan:
    chosen = draft.chosen
    plan = Plan(
        facts=facts,
        rule=chosen.rule,
        stages=chosen.entries,
        rungs=rungs,
        gates=chosen.gates,
        limits=chosen.limits,
        excluded=excluded,
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
        asks=bool(draft.asked),
        asides=beside,
    )
    if chosen.review is None and chosen.advisor is None:
        return plan
    return with_second_models(plan, chosen)


def _contenders(
    draft: Draft, tokens: int, speed: Mapping[str, float], cached: Mapping[str, int]
) -> list[Ranked]:
    """All contenders in the order in which they would be tried, each once, where it comes first."""
    ranked = [one for stage in draft.stages for one in ordered(stage, tokens, speed, cached)]
    if not draft.repeats:
        return ranked
    first: dict[object, Ranked] = {}
    for one in ranked:
        first.setdefault(one[3].once, one)
    return list(first.values())


def _admitted(
    contenders: list[Ranked], request: ModelRequest, facts: Facts, policy: Policy, excluded: list[Excluded]
) -> tuple[list[Contender], list[Rung]]:
    """Those that may and can serve the request, with their rungs; the others are added to `excluded`."""
    admitted: list[Contender] = []
    rungs: list[Rung] = []
    size = facts.size.upper
    for _, _, _, contender, nano in contenders:
        rung, obstacle = contender.rung, contender.obstacle
        if size > contender.roomy_below and obstacle is None:
            rung, obstacle = _in_a_small_room(contender.asked, request, facts, policy)
        if obstacle is None:
            admitted.append(contender)
            rungs.append(replace(rung, estimated_nano=nano))
        else:
            excluded.append(obstacle)
    return admitted, rungs


def _in_a_small_room(
    asked: Rung, request: ModelRequest, facts: Facts, policy: Policy
) -> tuple[Rung, Excluded | None]:
    """A rung whose window is nearly full, or too small."""
    obstacle = admits(asked.deployment, facts, request, asked.effort)
    return guarded(asked, request, facts, policy), obstacle


def _awake(
    rungs: list[Rung], contenders: list[Contender], resting: frozenset[str]
) -> tuple[list[Rung], list[Excluded]]:
    """Without those that rest; if all do, with them: somebody has to find out whether they are back."""
    awake = [rung for rung in rungs if rung.deployment.name not in resting]
    if not awake:
        return rungs, []
    reason = "failed too often a moment ago"
    asked = [contender.asked for contender in contenders]
    rested = [
        Excluded(rung=rung.name, filter="resting", reason=reason)
        for rung in asked
        if rung.deployment.name in resting
    ]
    return awake, rested
