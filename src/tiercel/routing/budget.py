"""The max_tokens guard: hidden thinking must not eat the whole of a small output budget.

Below a model's floor the call either does not think, or is given more than the client asked for, and prose is cut at
the client's own cap. Schema output is never cut: half an object is worth nothing.
"""

import msgspec

from tiercel.domain.catalog import Deployment
from tiercel.domain.facts import Facts
from tiercel.domain.request import Effort, ModelRequest
from tiercel.routing.cost import thinking_effort
from tiercel.routing.filters import wanted_output

LEAST_THINKING_BUDGET = 2_048
"""A thinking budget is 1,024 tokens at least, and an answer beside it needs as much again."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask upstream, and where to cut visible text; `None` is no cap."""

    effort: Effort | None
    max_output_tokens: int | None
    cut_at: int | None = None
    notes: tuple[str, ...] = ()


def guard(
    deployment: Deployment,
    effort: Effort | None,
    request: ModelRequest,
    facts: Facts,
    *,
    raise_small: bool = True,
) -> Budget:
    """The output budget of one call. An effort that policy or client stated is kept; the model's own may be lowered."""
    cap = request.max_output_tokens
    room = _room(deployment, facts)
    if cap is None:
        return _uncapped(deployment, effort, room)
    floor = _floor(deployment, effort)
    if not raise_small or cap >= floor:
        return _clipped(deployment, effort, cap, room)
    efforts = deployment.model.capabilities.efforts
    if effort is None and "none" in efforts:
        note = f"max_tokens {cap:,} is below the model's floor of {floor:,}: asked not to think"
        return _noted(_clipped(deployment, "none", cap, room), note)
    raised = floor + cap if room is None else min(floor + cap, room)
    if raised <= cap:
        return _clipped(deployment, effort, cap, room)
    cut_at = None if facts.strict_json else cap
    end = "not cut, for JSON would break" if facts.strict_json else f"text cut at {cap:,}"
    note = f"max_tokens {cap:,} is below the model's floor of {floor:,}: raised to {raised:,}, {end}"
    return Budget(effort=effort, max_output_tokens=raised, cut_at=cut_at, notes=(note,))


def roomy_below(deployment: Deployment, effort: Effort | None, request: ModelRequest) -> float:
    """Up to this input, counted as `size.upper`, the window changes nothing: neither `guard` nor the filter sees it."""
    capabilities = deployment.model.capabilities
    if capabilities.window is None:
        return float("inf")
    cap = request.max_output_tokens
    most = capabilities.max_output or 0 if cap is None else _floor(deployment, effort) + cap
    return capabilities.window - max(most, wanted_output(capabilities, request))


def _room(deployment: Deployment, facts: Facts) -> int | None:
    """The most output tokens there is room for, by the model's limit and by its window."""
    capabilities = deployment.model.capabilities
    limits = []
    if capabilities.max_output is not None:
        limits.append(capabilities.max_output)
    if capabilities.window is not None:
        limits.append(max(capabilities.window - facts.size.upper, 1))
    return min(limits, default=None)


def _floor(deployment: Deployment, effort: Effort | None) -> int:
    capabilities = deployment.model.capabilities
    if effort == "none" or capabilities.thinking == "none":
        return 0
    if capabilities.thinking == "budget":
        thinks = thinking_effort(capabilities, effort) not in (None, "none")
        return max(capabilities.output_floor, LEAST_THINKING_BUDGET) if thinks else 0
    return capabilities.output_floor


def _uncapped(deployment: Deployment, effort: Effort | None, room: int | None) -> Budget:
    """No cap of the client's: none of ours, unless the model's own largest answer would overrun its window."""
    largest = deployment.model.capabilities.max_output
    if room is None or largest is None or room >= largest:
        return Budget(effort=effort, max_output_tokens=None)
    note = f"{room:,} output tokens are left in the window"
    return Budget(effort=effort, max_output_tokens=room, notes=(note,))


def _clipped(deployment: Deployment, effort: Effort | None, cap: int, room: int | None) -> Budget:
    if room is None or cap <= room:
        return Budget(effort=effort, max_output_tokens=cap)
    note = f"max_tokens {cap:,} clipped to {room:,}, which is what {deployment.model.name} has room for"
    return Budget(effort=effort, max_output_tokens=room, notes=(note,))


def _noted(budget: Budget, note: str) -> Budget:
    return msgspec.structs.replace(budget, notes=(note, *budget.notes))
