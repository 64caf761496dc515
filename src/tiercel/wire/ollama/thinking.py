"""Effort and Ollama's `think`: on or off for most models, a level for those that have levels.

Many servers refuse a level for a model without levels (`think value "medium" is not supported for this model`), so
only a model whose capabilities say `thinking = "effort"` is sent one.
"""

from typing import Literal

from tiercel.domain.json import Json
from tiercel.domain.request import Effort

LEVELS: dict[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "max": "max"}
_WRITTEN: dict[Effort, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}


def effort_for(think: Json) -> Effort | None:
    """The effort a client's `think` stands for. Plain `true` is what a model with levels takes for medium."""
    if isinstance(think, bool):
        return "medium" if think else "none"
    return LEVELS.get(think) if isinstance(think, str) else None


def think_for(effort: Effort, mode: Literal["none", "effort", "budget", "adaptive"]) -> bool | str:
    """What asks for this effort."""
    if effort == "none":
        return False
    return _WRITTEN[effort] if mode == "effort" else True
