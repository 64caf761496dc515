"""Effort and Anthropic's `thinking`: a token budget on older models, adaptive with an effort on newer ones.

The budgets are ours (a power of two each, of the order other gateways chose); what a model accepts stands in its
capabilities.
"""

from typing import Literal

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Effort

LEAST_BUDGET = 1_024
_BUDGETS: dict[Effort, int] = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 1_000_000,
}
_UP_TO: tuple[tuple[int, Effort], ...] = (
    (512, "minimal"),
    (4_096, "low"),
    (12_288, "medium"),
    (28_672, "high"),
)
_ADAPTIVE_WORDS: dict[Effort, str] = {"minimal": "low"}

Mode = Literal["none", "effort", "budget", "adaptive"]


def budget_for(effort: Effort, max_tokens: int) -> int | None:
    """The budget for an effort that leaves room for an answer, `None` where there is no room for both."""
    room = max_tokens - max(LEAST_BUDGET, max_tokens // 4)
    budget = min(_BUDGETS[effort], room)
    return budget if budget >= LEAST_BUDGET else None


def effort_for(thinking: Json) -> Effort | None:
    """The effort that a client's `thinking` object comes nearest to, `None` where it leaves that to the model."""
    if not isinstance(thinking, dict):
        return None
    if thinking.get("type") == "disabled":
        return "none"
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or not isinstance(budget, int):
        return None
    return next((effort for limit, effort in _UP_TO if budget <= limit), "xhigh")


def takes_as_it_is(thinking: Json, mode: Mode) -> bool:
    """Whether a model with this mode of thinking accepts this `thinking` object."""
    if not isinstance(thinking, dict):
        return False
    kind = thinking.get("type")
    if kind == "disabled":
        return mode != "none"
    return mode == ("budget" if kind == "enabled" else "adaptive")


def thinking_fields(effort: Effort, mode: Mode, max_tokens: int) -> JsonObject | None:
    """The fields that ask for this effort, `None` where it cannot be had. No effort is asked for by no field."""
    if effort == "none":
        return {"thinking": {"type": "disabled"}} if mode in ("budget", "adaptive") else {}
    if mode == "budget":
        budget = budget_for(effort, max_tokens)
        return None if budget is None else {"thinking": {"type": "enabled", "budget_tokens": budget}}
    output = {"output_config": {"effort": _ADAPTIVE_WORDS.get(effort, effort)}}
    if mode == "adaptive":
        return {"thinking": {"type": "adaptive"}, **output}
    return output if mode == "effort" else None
