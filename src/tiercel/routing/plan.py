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
from tiercel.routing.contender import Contender
from tiercel.routing.draft import draft_of, guarded
from tiercel.routing.filters import admits
from tiercel.routing.modes import with_second_models
from tiercel.routing.names import known_models
from tiercel.routing.nothing import nothing_left
from tiercel.routing.order import Priced, ordered
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
    draft = draft_of(request, facts, policy, catalog, along)
    tokens = facts.size.tokens
    cached = session.cached if draft.frame.sticky != "tool_loop" else NO_SESSION.cached
    contenders = ordered(draft.stages, tokens, measured_speed, cached)
    if draft.repeats:
        contenders = _once(contenders)
    excluded = list(draft.unserved)
    admitted, rungs = _admitted(contenders, request, facts, policy, excluded)
    if not rungs:
        raise nothing_left(draft.chosen.rule, facts, request, [one.asked for one, _ in contenders], excluded)
    if cached:
        rungs = [with_cache_note(rung, cached, tokens, catalog) for rung in rungs]
    if resting:
        rungs, rested = _awake(rungs, admitted, resting)
        excluded += rested
    beside: tuple[Aside, ...] = ()
    if draft.asked:
        beside, absent = asides(draft.asked, request, facts, policy, rungs)
        excluded += absent
    plan = replace(draft.frame, facts=facts, rungs=tuple(rungs), excluded=tuple(excluded), asides=beside)
    if beside and (draft.chosen.review is not None or draft.chosen.advisor is not None):
        return with_second_models(plan, draft.chosen)
    return plan


def _once(contenders: list[Priced]) -> list[Priced]:
    """Each where it comes first."""
    first: dict[object, Priced] = {}
    for priced in contenders:
        first.setdefault(priced[0].once, priced)
    return list(first.values())


def _admitted(
    contenders: list[Priced], request: ModelRequest, facts: Facts, policy: Policy, excluded: list[Excluded]
) -> tuple[list[Contender], list[Rung]]:
    """Those that may and can serve the request, with their rungs; what bars the others is added to `excluded`."""
    admitted: list[Contender] = []
    rungs: list[Rung] = []
    size = facts.size.upper
    for contender, nano in contenders:
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
