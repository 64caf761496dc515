"""Whom a plan's gates ask beside the ladder: the deployments that may give an opinion or a verdict on this request.

An opinion answers the request itself, so whatever keeps a request from a rung keeps it from an opinion. A judge reads
the request and its answer as text: only where data may go, and how much fits, can bar one.
"""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from tiercel.domain.catalog import Catalog, Deployment
from tiercel.domain.climb import Aside, Excluded, Rung
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate, Policy
from tiercel.domain.request import Effort, ModelRequest
from tiercel.routing.budget import guard
from tiercel.routing.cost import EXPECTED_VISIBLE, expected_rate
from tiercel.routing.expand import nearest_effort, serving, split_effort
from tiercel.routing.filters import admits

BESIDE = -1
"""The stage of a rung that is not climbed."""

VERDICT_TOKENS = 1_024
"""What a judge may write, thinking apart."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One name in a gate's `ask`: who could be meant by it, as the catalog lists them."""

    gate: int
    check: str
    judge: bool
    name: str
    effort: Effort | None
    deployments: tuple[Deployment, ...]


def asked_by(gates: Sequence[Gate], catalog: Catalog) -> tuple[Asked, ...]:
    """Everybody whom these gates ask."""
    return tuple(_asked(gates, catalog))


def _asked(gates: Sequence[Gate], catalog: Catalog) -> Iterator[Asked]:
    for place, gate in enumerate(gates):
        for entry in gate.ask:
            name, effort = split_effort(entry)
            deployments = serving(name, catalog)
            yield Asked(
                gate=place,
                check=gate.check,
                judge=gate.asks == "judge",
                name=name,
                effort=effort,
                deployments=deployments,
            )


def asides(
    asked: Sequence[Asked], request: ModelRequest, facts: Facts, policy: Policy
) -> tuple[tuple[Aside, ...], list[Excluded]]:
    """For each that is asked the first deployment which may be; and why the others may not, where none may."""
    found: list[Aside] = []
    excluded: list[Excluded] = []
    for one in asked:
        read = replace(facts, modalities=("text",), tools=False, choices=1) if one.judge else facts
        obstacles: list[Excluded] = []
        for deployment in one.deployments:
            obstacle = admits(deployment, read, request, one.effort)
            if obstacle is None:
                rung = _rung(deployment, one, request, read, policy)
                found.append(Aside(gate=one.gate, rung=rung, check=one.check))
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


def _rung(deployment: Deployment, asked: Asked, request: ModelRequest, facts: Facts, policy: Policy) -> Rung:
    if asked.judge:
        request = replace(request, max_output_tokens=VERDICT_TOKENS, effort=None)
    effort = asked.effort or nearest_effort(deployment.model.capabilities, request.effort)
    budget = guard(deployment, effort, request, facts, raise_small=asked.judge or policy.raise_small_budgets)
    shown = EXPECTED_VISIBLE[facts.task] if asked.judge else 0
    return Rung(
        deployment=deployment,
        stage=BESIDE,
        effort=budget.effort,
        max_output_tokens=budget.max_output_tokens,
        cut_at=None if asked.judge else budget.cut_at,
        estimated_nano=expected_rate(deployment, effort, request, facts).nano(facts.size.tokens + shown),
        notes=budget.notes,
    )
