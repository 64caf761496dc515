"""The plan of an embeddings request: the deployments of the one model it names, and nobody else.

Vectors of different models do not compare, so there is no tier, no rule and no other model to fall back to.
"""

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from tiercel.domain.catalog import Catalog, Deployment
from tiercel.domain.climb import Excluded, Plan, Rung
from tiercel.domain.embedding import EmbeddingRequest
from tiercel.domain.errors import CallerError
from tiercel.domain.facts import FactName, Facts
from tiercel.domain.policy import Policy
from tiercel.domain.request import Hints
from tiercel.domain.response import Usage
from tiercel.domain.tokens import TokenEstimate, estimate_tokens
from tiercel.routing.contender import Contender, DraftStage
from tiercel.routing.cost import Rate, embedding_prices
from tiercel.routing.expand import expand
from tiercel.routing.filters import bars
from tiercel.routing.names import Named, resolve
from tiercel.routing.order import Priced, ordered

Refusal: TypeAlias = Callable[[EmbeddingRequest, Deployment], CallerError | None]
"""Why a deployment's API cannot take a request, or `None`; known to whoever encodes calls."""


def embedding_facts(
    request: EmbeddingRequest, hints: Hints, *, residency_default: str | None = None
) -> Facts:
    """The facts of this request: its size, where it may be processed, whose session it is. Nothing is guessed."""
    stated: dict[FactName, str | None] = {"residency": hints.residency, "session": hints.session}
    if request.tokens:
        size = TokenEstimate(sum(map(len, request.tokens)), 0.0)
    else:
        size = TokenEstimate(sum(map(estimate_tokens, request.texts)))
    return Facts(
        residency=hints.residency or residency_default,
        session=hints.session,
        size=size,
        stated=tuple(name for name, value in stated.items() if value is not None),
    )


def make_embedding_plan(
    request: EmbeddingRequest, facts: Facts, policy: Policy, catalog: Catalog, refusal: Refusal
) -> Plan:
    """The plan for one request, without gates: nobody checks a vector.

    Raises `CallerError`: `model_not_found`; `unsupported_value` where the name stands for several models, or for one
    whose API cannot take the request; `context_length`; or `no_rung`, which says what kept each deployment out.
    """
    named = _named(request.model, policy, catalog)
    rule = f"{named.kind}:{named.name}"
    rungs, excluded, refusals = [], [], []
    for contender, nano in _contenders(named, facts, policy, catalog):
        deployment = contender.rung.deployment
        obstacle = contender.obstacle
        refused = refusal(request, deployment) if obstacle is None else None
        if refused is not None:
            refusals.append(refused)
            obstacle = Excluded(rung=contender.rung.name, filter="capability", reason=refused.message)
        if obstacle is None:
            rungs.append(replace(contender.rung, estimated_nano=nano))
        else:
            excluded.append(obstacle)
    if not rungs:
        raise refusals[0] if refusals else _barred(rule, excluded)
    _check_window(request, facts, rungs)
    return Plan(
        facts=facts,
        rule=rule,
        stages=(named.name,),
        rungs=tuple(rungs),
        limits=policy.limits,
        excluded=tuple(excluded),
        why=f"the request names the {named.kind} {named.name}; embeddings have no other to go to",
        policy_hash=policy.hash,
    )


def most_embedding_nano(rung: Rung, facts: Facts) -> int | None:
    """Nano-dollars that one call costs at most, `None` where the price is unknown."""
    return embedding_prices(rung.deployment).cost(Usage(uncached=facts.size.upper))


def _named(model: str, policy: Policy, catalog: Catalog) -> Named:
    named = resolve(model, policy, catalog)
    if named.kind in ("model", "deployment") and named.effort is None:
        return named
    if named.effort is not None and named.kind != "tier":
        message = f"model: embeddings take no effort; name {named.name!r} alone"
        raise CallerError("unsupported_value", message, param="model")
    message = (
        f"model: {model[:60]!r} may stand for several models, whose embeddings do not compare; "
        f"name one model, a deployment, or an alias of one{_such_as(policy, catalog)}; GET /v1/models lists them"
    )
    raise CallerError("unsupported_value", message, param="model")


def _such_as(policy: Policy, catalog: Catalog) -> str:
    """Models that stand in no tier: a tier's members answer in words, so these are likelier to embed."""
    members = {member for tier in policy.tiers.values() for member in tier.members}
    free = [
        d.model.name
        for d in catalog.deployments.values()
        if d.name not in members and d.model.name not in members
    ]
    names = list(dict.fromkeys(free))[:3]
    return f", such as {' or '.join(map(repr, names))}" if names else ""


def _contenders(named: Named, facts: Facts, policy: Policy, catalog: Catalog) -> list[Priced]:
    """The model's deployments in the order in which they would be tried, each with what it is expected to cost."""
    stage = expand((named.name,), policy, catalog).stages[0]
    groups = tuple(tuple(_contender(rung, facts) for rung in group) for group in stage.groups)
    drafted = DraftStage(groups=groups, prefer=stage.prefer)
    return ordered((drafted,), facts.size.tokens)


def _contender(rung: Rung, facts: Facts) -> Contender:
    deployment = rung.deployment
    return Contender(
        asked=rung,
        rung=rung,
        obstacle=bars(deployment, facts),
        roomy_below=float("inf"),
        rate=Rate(prices=embedding_prices(deployment), output=0, flat=None),
        once=(deployment.name, None),
    )


def _barred(rule: str, excluded: list[Excluded]) -> CallerError:
    reasons = "; ".join(f"{obstacle.rung} {obstacle.reason}" for obstacle in excluded)
    return CallerError("no_rung", f"no deployment of {rule} can take this request: {reasons}")


def _check_window(request: EmbeddingRequest, facts: Facts, rungs: list[Rung]) -> None:
    """Each text has the window for itself. What is too long even if the estimate is too high goes to nobody, as some
    APIs would cut it silently; whatever may fit is left to the provider's own count.
    """
    window = rungs[0].deployment.model.capabilities.window
    if window is None or _least(facts.size) <= window:
        return
    sizes = [TokenEstimate(len(ids), 0.0) for ids in request.tokens]
    sizes += [TokenEstimate(estimate_tokens(text)) for text in request.texts]
    for index, size in enumerate(sizes):
        if _least(size) > window:
            about = f"about {size.tokens}" if size.margin else str(size.tokens)
            message = f"input[{index}] is too long: {about} tokens > {window} maximum"
            raise CallerError("context_length", message, param=f"input[{index}]")


def _least(size: TokenEstimate) -> float:
    return size.tokens / (1 + size.margin)
