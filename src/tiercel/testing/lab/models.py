"""The simulated models: whose they are, how they are assumed to behave, and the quirks they are known for.

Windows, speeds and the names their providers use come from the same dated data as the gateway's. Skills, habits and
thinking lengths are assumptions made to show every path of the ladder; they are not measurements of any model.
"""

from functools import cache

import msgspec

from tiercel.domain.request import EFFORTS, Effort, Format
from tiercel.policy.builtin import built_in_models

FORMATS: dict[str, tuple[Format, ...]] = {
    "gemini": ("openai_chat", "gemini"),
    "stepfun": ("openai_chat",),
    "openrouter": ("openai_chat",),
    "openai": ("openai_chat", "openai_responses"),
    "anthropic": ("anthropic",),
    "azure": ("openai_chat", "openai_responses"),
    "vertex": ("gemini",),
    "ollama": ("ollama", "openai_chat"),
    "recorded": ("openai_chat",),
}
"""The providers the lab plays, and the formats each speaks. `recorded` serves answers from a file."""

PLAY_ALL = ("openai", "azure", "vertex", "ollama")
"""The providers that play every model, by its own name."""

DEFAULT_SPEED = 50.0
"""Tokens a second of a model that nobody published a speed of."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How a simulated model behaves. `thinking` is its hidden tokens for a task of middling difficulty, by effort.

    `fences` and `preface` are the shares of JSON answers that come in a code fence or in prose; a model that `obeys`
    a JSON response format does neither when one was given. `skill` is the difficulty it reaches.
    """

    skill: float
    first_token_seconds: float
    thinking: dict[Effort, int] = {}
    default_effort: Effort = "none"
    fences: float = 0.0
    preface: float = 0.0
    obeys: bool = True
    caches: bool = True

    def thinking_at(self, effort: Effort) -> int:
        """The hidden tokens at this effort: of the next one below that has a figure, else of the lowest."""
        if effort == "none" or not self.thinking:
            return 0
        place = EFFORTS.index(effort)
        listed = sorted(self.thinking, key=EFFORTS.index)
        below = [known for known in listed if EFFORTS.index(known) <= place]
        return self.thinking[below[-1] if below else listed[0]]


# Gemini's hidden thinking eats small budgets; Claude likes to fence its JSON unless its structured mode is on;
# servers of open weights enforce a schema less strictly.
MANNERS: dict[str, Manner] = {
    "gemini-3.5-flash": Manner(
        skill=0.66,
        first_token_seconds=0.6,
        thinking={"minimal": 24, "low": 120, "medium": 400, "high": 1_200},
        default_effort="medium",
    ),
    "step-3.7-flash": Manner(
        skill=0.58,
        first_token_seconds=0.5,
        thinking={"low": 80, "medium": 250, "high": 800},
        default_effort="medium",
        fences=0.1,
        preface=0.05,
        obeys=False,
    ),
    "claude-haiku-4-5": Manner(
        skill=0.62,
        first_token_seconds=0.5,
        thinking={"low": 150, "medium": 500, "high": 1_200},
        fences=0.7,
        caches=False,
    ),
    "claude-sonnet-4-5": Manner(
        skill=0.84,
        first_token_seconds=1.0,
        thinking={"low": 200, "medium": 900, "high": 2_500},
        fences=0.4,
        caches=False,
    ),
    "claude-opus-4-8": Manner(
        skill=0.96,
        first_token_seconds=1.6,
        thinking={"low": 200, "medium": 700, "high": 1_500, "xhigh": 3_000, "max": 6_000},
        default_effort="high",
        fences=0.1,
        caches=False,
    ),
    "gemini-3.5-pro": Manner(
        skill=0.93,
        first_token_seconds=2.0,
        thinking={"low": 300, "medium": 900, "high": 2_000},
        default_effort="high",
    ),
}


class SimulatedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model as one provider serves it."""

    name: str
    provider: str
    upstream_name: str
    window: int
    tokens_per_second: float
    manner: Manner


@cache
def simulated_models() -> tuple[SimulatedModel, ...]:
    """Every model under every provider that serves it here."""
    known = built_in_models()
    return tuple(
        SimulatedModel(
            name=name,
            provider=provider,
            upstream_name=upstream_name,
            window=known[name].window or 128_000,
            tokens_per_second=known[name].tokens_per_second or DEFAULT_SPEED,
            manner=manner,
        )
        for name, manner in MANNERS.items()
        for provider, upstream_name in (dict.fromkeys(PLAY_ALL, name) | (known[name].served_by or {})).items()
        if provider in FORMATS
    )


def find_model(provider: str, upstream_name: str) -> SimulatedModel | None:
    """The model that this provider calls so."""
    return next(
        (m for m in simulated_models() if (m.provider, m.upstream_name) == (provider, upstream_name)), None
    )
