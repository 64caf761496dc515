"""Does this request drive a screen? Read from the tools' names and the system prompt."""

import re
from collections.abc import Sequence
from string import ascii_lowercase

from tiercel.domain.request import Tool
from tiercel.routing.phrases import contains
from tiercel.routing.vocabulary import SCREEN_ANCHORS, SCREEN_CONTROL, SCREEN_SYSTEM, SCREEN_WORDS

MAX_TOOLS = 32
MAX_NAME = 64
MAX_DESCRIPTION = 160
NAME_POINTS = 2
ALL_POINTS = 3
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
POINTS = frozenset(SCREEN_WORDS)
_SEPARATED = bytes(c if chr(c) in ascii_lowercase else ord(" ") for c in range(256))


def screen_tools(tools: Sequence[Tool]) -> str | None:
    """The words that tell of a screen among the tools, or `None` where too little does."""
    names: list[str] = []
    descriptions: list[str] = []
    for tool in tools[:MAX_TOOLS]:
        name = tool.name
        if tool.raw is not None and isinstance(kind := tool.raw.get("type"), str):
            name = f"{name} {kind[:MAX_NAME]}"
        names.append(name[: 2 * MAX_NAME])
        descriptions.append(tool.description[:MAX_DESCRIPTION])
    named = POINTS.intersection(" ".join(WORD.findall("\n".join(names))).lower().split())
    described = POINTS.intersection(_plain("\n".join(descriptions)).split())
    strong = sum(SCREEN_WORDS[word] for word in named)
    if strong >= NAME_POINTS and not named.isdisjoint(SCREEN_ANCHORS):
        return ", ".join(sorted(named))
    if strong + sum(SCREEN_WORDS[word] for word in described - named) > ALL_POINTS:
        return ", ".join(sorted(named | described))
    return None


def _plain(text: str) -> str:
    """The text in small letters, with blanks for all else."""
    return text.lower().encode("ascii", "replace").translate(_SEPARATED).decode()


def screen_system(system: str) -> bool:
    """Whether the (lower-case) head of the system prompt sets up control of a screen."""
    found = sum(1 for phrase in SCREEN_SYSTEM if phrase in system)
    return found >= 2 or (found == 1 and contains(system, SCREEN_CONTROL))
