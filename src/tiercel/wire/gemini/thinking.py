"""Effort and Gemini's `thinkingConfig`: a token budget up to 2.5, a level since 3. Never both in one call.

The budgets are of the order that Google's own Chat Completions surface uses; which efforts a model takes stands in its
capabilities, so that a budget above a model's largest is asked only of those that list an effort above high.
"""

from tiercel.domain.catalog import Capabilities
from tiercel.domain.errors import CallerError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Effort
from tiercel.wire import fields
from tiercel.wire.gemini.spelling import camel

PARAM = "generationConfig.thinkingConfig"
INCLUDE = f"{PARAM}.includeThoughts"
BUDGET = f"{PARAM}.thinkingBudget"
DYNAMIC = -1
"""The budget that leaves it to the model."""
LEAST_BUDGET = 512
SMALLEST_ANYWHERE = 128
LEAST_ANSWER = 1_024

_BUDGETS: dict[Effort, int] = {
    "none": 0,
    "minimal": 512,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}
_UP_TO: tuple[tuple[int, Effort], ...] = (
    (0, "none"),
    (512, "minimal"),
    (4_096, "low"),
    (12_288, "medium"),
    (28_672, "high"),
)
_LEVELS: dict[str, Effort] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
_LEVEL_WORDS: dict[Effort, str] = {
    **{effort: word for word, effort in _LEVELS.items()},
    "none": "MINIMAL",
    "max": "HIGH",
}


def read_thinking(config: JsonObject) -> tuple[Effort | None, JsonObject]:
    """The effort that a `generationConfig` asks for, and what of its `thinkingConfig` an effort does not say."""
    found = fields.optional_object(config, "thinkingConfig", PARAM)
    if not found:
        return None, {}
    thinking = camel(found, PARAM)
    level = fields.optional_text(thinking, "thinkingLevel", f"{PARAM}.thinkingLevel")
    budget = fields.optional_integer(thinking, "thinkingBudget", BUDGET, least=DYNAMIC)
    if level is not None and budget is not None:
        raise CallerError(
            "invalid_request",
            f"{PARAM}: expected one of thinkingBudget and thinkingLevel, got both",
            param=PARAM,
        )
    fields.optional_flag(thinking, "includeThoughts", INCLUDE)
    rest = fields.leftovers(thinking, frozenset(("thinkingLevel",)))
    extra = {f"{PARAM}.{key}": value for key, value in rest.items() if value is not None}
    if budget is None:
        return _effort_for_level(level), extra
    if budget == 0:
        extra.pop(BUDGET)
    return effort_for_budget(budget), extra


def effort_for_budget(budget: int) -> Effort | None:
    """The effort a budget comes nearest to, `None` where it leaves that to the model."""
    if budget == DYNAMIC:
        return None
    return next((effort for limit, effort in _UP_TO if budget <= limit), "xhigh")


def budget_for(effort: Effort, max_tokens: int | None, can_be_off: bool) -> int:
    """The budget for an effort that leaves room for an answer: thoughts count as output here.

    Where there is no room for both, the smallest that some model of this kind takes.
    """
    budget = _BUDGETS[effort]
    if budget == 0 or max_tokens is None:
        return budget
    room = max_tokens - max(LEAST_ANSWER, max_tokens // 4)
    if room < LEAST_BUDGET:
        return 0 if can_be_off else SMALLEST_ANYWHERE
    return min(budget, room)


def thinking_config(effort: Effort, capabilities: Capabilities, max_tokens: int | None) -> JsonObject | None:
    """The fields that ask for this effort, `None` where it cannot be had."""
    match capabilities.thinking:
        case "budget":
            return {"thinkingBudget": budget_for(effort, max_tokens, "none" in capabilities.efforts)}
        case "effort":
            return {"thinkingLevel": _LEVEL_WORDS[effort]}
        case _:
            return None


def _effort_for_level(level: str | None) -> Effort | None:
    if level is None or level.upper() == "THINKING_LEVEL_UNSPECIFIED":
        return None
    effort = _LEVELS.get(level.upper())
    if effort is None:
        raise CallerError(
            "unsupported_value",
            f"{PARAM}.thinkingLevel: expected one of {', '.join(_LEVELS)}",
            param=f"{PARAM}.thinkingLevel",
        )
    return effort
