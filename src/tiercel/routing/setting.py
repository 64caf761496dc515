"""What a system prompt sets up: a screen to drive, an agent, one task. Remembered, for an application sends the same
system prompt with every request."""

from functools import lru_cache

import msgspec

from tiercel.routing import vocabulary
from tiercel.routing.lexicon import Sign
from tiercel.routing.phrases import contains
from tiercel.routing.screen import screen_system
from tiercel.routing.signals import FIRM, score_words
from tiercel.routing.wording import take_apart

WORDING_CHARS = 500
REMEMBERED = 256


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """`react` is an agent that calls tools in plain text, `agentic` one with tools; `task` is the one task that is
    set, with its points and sign, `None` where none is or many are."""

    screen: bool = False
    react: bool = False
    agentic: bool = False
    task: Sign | None = None


@lru_cache(maxsize=REMEMBERED)
def read_setting(head: str) -> Setting:
    """What this head of a system prompt sets up; nothing, where it is empty."""
    system = head.lower()
    return Setting(
        screen=screen_system(system),
        react=contains(system, vocabulary.REACT),
        agentic=contains(system, vocabulary.AGENTIC),
        task=None if contains(system, vocabulary.GENERIC_SYSTEM) else _set_task(system[:WORDING_CHARS]),
    )


def _set_task(system: str) -> Sign | None:
    """The one task that a system prompt sets; one that lists many says nothing."""
    score = score_words(take_apart(system))
    strong = [task for task, points in score.points.items() if points >= FIRM]
    if len(strong) != 1:
        return None
    return strong[0], score.points[strong[0]], f"{score.signs[strong[0]][1]} in the system prompt"
