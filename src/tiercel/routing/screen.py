"""Does this request drive a screen? Read from the tools' names and the system prompt."""

import re
from collections.abc import Sequence

from tiercel.domain.request import Tool
from tiercel.routing.phrases import contains
from tiercel.routing.vocabulary import SCREEN_ANCHORS, SCREEN_CONTROL, SCREEN_SYSTEM, SCREEN_WORDS

MAX_TOOLS = 32
MAX_NAME = 64
MAX_DESCRIPTION = 160
NAME_POINTS = 2
ALL_POINTS = 3
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
POINTS = SCREEN_WORDS.keys()


def screen_tools(tools: Sequence[Tool]) -> str | None:
    """The words that tell of a screen among the tools, or `None` where too little does."""
    named: set[str] = set()
    described: set[str] = set()
    for tool in tools[:MAX_TOOLS]:
        name = tool.name
        if tool.raw is not None and isinstance(kind := tool.raw.get("type"), str):
            name = f"{name} {kind[:MAX_NAME]}"
        named |= POINTS & {word.lower() for word in WORD.findall(name[: 2 * MAX_NAME])}
        described |= POINTS & set(WORD.findall(tool.description[:MAX_DESCRIPTION].lower()))
    strong = sum(SCREEN_WORDS[word] for word in named)
    if strong >= NAME_POINTS and not named.isdisjoint(SCREEN_ANCHORS):
        return ", ".join(sorted(named))
    if strong + sum(SCREEN_WORDS[word] for word in described - named) > ALL_POINTS:
        return ", ".join(sorted(named | described))
    return None


def screen_system(system: str) -> bool:
    """Whether the (lower-case) head of the system prompt sets up control of a screen."""
    found = sum(1 for phrase in SCREEN_SYSTEM if phrase in system)
    return found >= 2 or (found == 1 and contains(system, SCREEN_CONTROL))
