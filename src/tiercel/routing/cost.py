"""What one call is expected to cost, so that rungs can be put in order and a cost cap can be kept.

The expected output is an assumption, not a measurement: good for comparing rungs. Bills come from
usage.
"""

from tiercel.domain.catalog import Capabilities, Deployment
from tiercel.domain.facts import Facts, Task
from tiercel.domain.request import Effort, ModelRequest
from tiercel.domain.response import Usage

EXPECTED_VISIBLE: dict[Task, int] = {
    "summary": 300,
    "classification": 20,
    "extraction": 250,
    "simple_chat": 200,
    "reasoning": 700,
    "coding": 1_000,
    "long_writing": 2_500,
    "agent_step": 250,
    "gui": 150,
    "unknown": 500,
}
"""Assumed visible tokens of an answer, by task."""

EXPECTED_REASONING: dict[Effort, int] = {
    "none": 0,
    "minimal": 100,
    "low": 500,
    "medium": 1_500,
    "high": 5_000,
    "xhigh": 10_000,
    "max": 20_000,
}
"""Assumed hidden tokens of a model that thinks, by effort."""


def expected_cost(
    deployment: Deployment, effort: Effort | None, request: ModelRequest, facts: Facts
) -> int | None:
    """Nano-dollars that one call is expected to cost, or `None` where a needed price is unknown."""
    visible = EXPECTED_VISIBLE[facts.task]
    if request.max_output_tokens is not None:
        visible = min(visible, request.max_output_tokens)
    reasoning = EXPECTED_REASONING[thinking_effort(deployment.model.capabilities, effort) or "none"]
    usage = Usage(
        uncached=facts.size.tokens,
        visible=visible * facts.choices,
        reasoning=reasoning * facts.choices,
        source="estimated",
    )
    return deployment.billing.cost(usage)


def thinking_effort(capabilities: Capabilities, effort: Effort | None) -> Effort | None:
    """The effort at which the model will think when this one is asked of it; `None` for one that does not think.

    Where thinking has to be asked for (`budget`, `adaptive`), asking for no effort asks for no thinking.
    """
    if capabilities.thinking == "none" or effort == "none":
        return None
    return effort or capabilities.default_effort
