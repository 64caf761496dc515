"""What is known of a request before any call is made: task, complexity, risk, modalities, size, latency, residency."""

from typing import Literal

import msgspec

from tiercel.domain.request import Modality
from tiercel.domain.tokens import TokenEstimate

Task = Literal[
    "summary",
    "classification",
    "extraction",
    "simple_chat",
    "reasoning",
    "coding",
    "long_writing",
    "agent_step",
    "gui",
    "unknown",
]
Complexity = Literal["simple", "medium", "hard"]
Risk = Literal["low", "medium", "high"]
Latency = Literal["critical", "normal", "relaxed"]
FactName = Literal["task", "complexity", "risk", "latency", "residency", "session"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one request. `stated` names those the caller gave by hint; all others were inferred.

    `signals` says in a few words what each inferred fact was read from, for `explain`; it never quotes the prompt
    beyond single words of our own lists.
    """

    task: Task = "unknown"
    complexity: Complexity = "medium"
    risk: Risk = "low"
    latency: Latency = "normal"
    residency: str | None = None
    session: str | None = None
    agent: str | None = None
    """Which of the session's agents asks, where several have a conversation each."""
    modalities: tuple[Modality, ...] = ("text",)
    size: TokenEstimate = TokenEstimate(tokens=0)
    strict_json: bool = False
    tools: bool = False
    in_tool_loop: bool = False
    choices: int = 1
    stated: tuple[FactName, ...] = ()
    signals: dict[str, str] = {}
