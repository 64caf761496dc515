"""What may not, or cannot, take a request: residency, modality, capability, window.

Filters come after any rule and hold for every kind of call, also for second opinions, judges and shadows. They look
in that order and name the first obstacle, so that a rung which is only too small says so.
"""

from tiercel.domain.catalog import Capabilities, Deployment
from tiercel.domain.climb import Excluded
from tiercel.domain.facts import Facts
from tiercel.domain.request import Effort, ModelRequest

LEAST_OUTPUT = 1_024
"""Tokens that must be left for an answer when the client gave no cap."""


def admits(
    deployment: Deployment, facts: Facts, request: ModelRequest, effort: Effort | None = None
) -> Excluded | None:
    """`None` when this deployment (at this effort, where one is given) may take the request, else why not.

    Structured output is not asked of a model: checks and repair see to it.
    """
    obstacle = bars(deployment, facts, effort)
    if obstacle is not None:
        return obstacle
    capabilities = deployment.model.capabilities
    if capabilities.window is not None:
        needed = facts.size.upper + wanted_output(capabilities, request)
        if needed > capabilities.window:
            reason = f"{needed:,} tokens with the answer do not fit its window of {capabilities.window:,}"
            return Excluded(rung=_name(deployment, effort), filter="window", reason=reason)
    return None


def bars(deployment: Deployment, facts: Facts, effort: Effort | None = None) -> Excluded | None:
    """What keeps a request from this deployment whatever its size, or `None`."""
    capabilities = deployment.model.capabilities
    name = _name(deployment, effort)
    if facts.residency is not None and facts.residency not in deployment.regions:
        served = ", ".join(deployment.regions) or "no stated region"
        return Excluded(rung=name, filter="residency", reason=f"serves {served}, not {facts.residency!r}")
    for modality in facts.modalities:
        if modality not in capabilities.modalities:
            return Excluded(rung=name, filter="modality", reason=f"does not take {modality}")
    obstacle = _missing_capability(capabilities, facts, effort)
    if obstacle is not None:
        return Excluded(rung=name, filter="capability", reason=obstacle)
    return None


def _name(deployment: Deployment, effort: Effort | None) -> str:
    return f"{deployment.name}@{effort}" if effort else deployment.name


def wanted_output(capabilities: Capabilities, request: ModelRequest) -> int:
    """Output tokens that must fit beside the input: the client's cap, else a little, at most what the model gives."""
    wanted = request.max_output_tokens or LEAST_OUTPUT
    return wanted if capabilities.max_output is None else min(wanted, capabilities.max_output)


def _missing_capability(capabilities: Capabilities, facts: Facts, effort: Effort | None) -> str | None:
    if facts.tools and not capabilities.tools:
        return "does not take tools"
    if facts.choices > 1 and not capabilities.choices:
        return f"gives one answer a call, not {facts.choices}"
    if effort is not None and effort not in capabilities.efforts:
        return f"does not take effort {effort!r}"
    return None
