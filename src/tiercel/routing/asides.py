"""Whom a plan's gates have called beside the ladder: the deployments that may do so for this request.

An opinion answers the request itself, so whatever keeps a request from a rung keeps it from an opinion. Who judges an
answer, or says how likely it is right, reads request and answer as text: only where data may go, and how much fits, can
bar one. Who embeds texts gets them cut to what fits.
"""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from tiercel.domain.catalog import Catalog, Deployment
from tiercel.domain.climb import Aside, AsideRole, Excluded, Rung
from tiercel.domain.embedding import ASSUMED_WINDOW, NOT_EMBEDDING
from tiercel.domain.facts import Facts
from tiercel.domain.policy import ITSELF, Asks, Gate, Policy
from tiercel.domain.request import Effort, ModelRequest
from tiercel.domain.response import Usage
from tiercel.routing.budget import guard
from tiercel.routing.cost import (
    EXPECTED_REASONING,
    EXPECTED_VISIBLE,
    embedding_prices,
    expected_rate,
    thinking_effort,
)
from tiercel.routing.expand import nearest_effort, serving, split_effort
from tiercel.routing.filters import admits, bars

BESIDE = -1
"""The stage of a rung that is not climbed."""

VERDICT_TOKENS = 1_024
"""What a judge may write, thinking apart."""

THINKING_ROOM = 4
"""It may think so many times as long as it is expected to: cut short, all that it thought is paid for nothing."""

ROLES: dict[Asks, AsideRole] = {
    "opinions": "opinion",
    "judge": "judge",
    "confidence": "confidence",
    "decision": "decision",
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One name in a gate's `ask`, or in its `embed`: who could be meant by it, as the catalog lists them; nobody where
    it stands for the very rung that answers."""

    gate: int
    check: str
    role: AsideRole
    name: str
    effort: Effort | None
    deployments: tuple[Deployment, ...]
    texts: int = 0
    """How many are embedded together."""
    tokens: int = VERDICT_TOKENS
    """What it may write, thinking apart."""


def asked_by(gates: Sequence[Gate], catalog: Catalog) -> tuple[Asked, ...]:
    """Everybody whom these gates have called."""
    return tuple(_asked(gates, catalog))


def _asked(gates: Sequence[Gate], catalog: Catalog) -> Iterator[Asked]:
    for place, gate in enumerate(gates):
        if gate.asks != "nobody":
            for entry in gate.ask:
                name, effort = split_effort(entry)
                yield Asked(
                    gate=place,
                    check=gate.check,
                    role=ROLES[gate.asks],
                    name=name,
                    effort=effort,
                    deployments=() if name == ITSELF else serving(name, catalog),
                )
        if gate.embed is not None:
            yield Asked(
                gate=place,
                check=gate.check,
                role="embedding",
                name=gate.embed,
                effort=None,
                deployments=serving(gate.embed, catalog),
                texts=embedded_texts(gate),
            )


def embedded_texts(gate: Gate) -> int:
    """How many texts this gate has embedded in one call at most: an answer and the opinions, or it and a reference."""
    return max(2, 1 + len(gate.ask))


def asides(
    asked: Sequence[Asked], request: ModelRequest, facts: Facts, policy: Policy, rungs: Sequence[Rung]
) -> tuple[tuple[Aside, ...], list[Excluded]]:
    """For each that is called the first deployment which may be; and why the others may not, where none may.

    `rungs` are those of the ladder.
    """
    found: list[Aside] = []
    excluded: list[Excluded] = []
    for one in asked:
        if one.name == ITSELF:
            found += _themselves(one, request, facts, policy, rungs)
            continue
        obstacles: list[Excluded] = []
        for deployment in one.deployments:
            obstacle = _obstacle(one, deployment, request, facts)
            if obstacle is None:
                rung = _rung(one, deployment, request, facts, policy)
                found.append(Aside(gate=one.gate, rung=rung, check=one.check, role=one.role))
                break
            obstacles.append(obstacle)
        else:
            nobody = Excluded(
                rung=one.name,
                filter="missing_key",
                reason="no deployment serves it: not configured, or its provider has no key",
            )
            excluded += obstacles or [nobody]
    return tuple(found), excluded


def _themselves(
    asked: Asked, request: ModelRequest, facts: Facts, policy: Policy, rungs: Sequence[Rung]
) -> Iterator[Aside]:
    """Each rung of the ladder once, to be asked about its own answer."""
    for rung in {rung.name: rung for rung in rungs}.values():
        one = replace(asked, effort=rung.effort)
        own = _rung(one, rung.deployment, request, facts, policy)
        yield Aside(gate=asked.gate, rung=own, check=asked.check, role=asked.role, of=rung.name)


def _obstacle(asked: Asked, deployment: Deployment, request: ModelRequest, facts: Facts) -> Excluded | None:
    """What keeps this deployment from being called, if anything."""
    if asked.role == "opinion":
        return admits(deployment, facts, request, asked.effort)
    facts = replace(facts, modalities=("text",), tools=False, choices=1)
    if asked.role != "embedding":
        cannot = asked.role == "decision" and not deployment.provider.decisions
        reason = "its provider is not known to answer decisions"
        return _unable(deployment, reason) if cannot else admits(deployment, facts, request, asked.effort)
    if deployment.provider.format in NOT_EMBEDDING:
        return _unable(deployment, "its provider's API has no embeddings")
    return bars(deployment, facts)


def _unable(deployment: Deployment, reason: str) -> Excluded:
    return Excluded(rung=deployment.name, filter="capability", reason=reason)


def _rung(asked: Asked, deployment: Deployment, request: ModelRequest, facts: Facts, policy: Policy) -> Rung:
    if asked.role == "embedding":
        tokens = asked.texts * EXPECTED_VISIBLE[facts.task]
        nano = embedding_prices(deployment).cost(Usage(uncached=tokens))
        return Rung(deployment=deployment, stage=BESIDE, estimated_nano=nano)
    reads = asked.role != "opinion"
    if reads:
        request = replace(request, max_output_tokens=asked.tokens, effort=None)
        facts = replace(facts, modalities=("text",), tools=False, choices=1)
    effort = asked.effort or nearest_effort(deployment.model.capabilities, request.effort)
    roomy = _with_room_to_think(request, asked.tokens, deployment, effort) if reads else request
    budget = guard(deployment, effort, roomy, facts, raise_small=reads or policy.raise_small_budgets)
    shown = EXPECTED_VISIBLE[facts.task] if reads else 0
    return Rung(
        deployment=deployment,
        stage=BESIDE,
        effort=budget.effort,
        max_output_tokens=budget.max_output_tokens,
        cut_at=asked.tokens if asked.role == "advisor" else None if reads else budget.cut_at,
        estimated_nano=expected_rate(deployment, effort, request, facts).nano(facts.size.tokens + shown),
        notes=budget.notes,
    )


def _with_room_to_think(
    request: ModelRequest, tokens: int, deployment: Deployment, effort: Effort | None
) -> ModelRequest:
    thinks = thinking_effort(deployment.model.capabilities, effort) or "none"
    most = tokens + THINKING_ROOM * EXPECTED_REASONING[thinks]
    return replace(request, max_output_tokens=most)


def most_embedding_texts_nano(aside: Aside, gate: Gate) -> int | None:
    """Nano-dollars that embedding costs at most, with every text as long as the model takes it; `None` where the price
    is unknown."""
    deployment = aside.rung.deployment
    tokens = embedded_texts(gate) * embedding_window(deployment)
    return embedding_prices(deployment).cost(Usage(uncached=tokens))


def embedding_window(deployment: Deployment) -> int:
    """How many tokens one text may have."""
    return deployment.model.capabilities.window or ASSUMED_WINDOW
