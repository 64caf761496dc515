"""Which of the ten tasks a request is, in this order: a screen to drive, an agent's step, what the words say."""

from functools import lru_cache
from typing import TypeAlias

from tiercel.domain.facts import Task
from tiercel.domain.request import ModelRequest
from tiercel.routing import vocabulary
from tiercel.routing.conversation import Conversation
from tiercel.routing.screen import screen_system, screen_tools
from tiercel.routing.signals import (
    ENOUGH,
    FIRM,
    Score,
    Wording,
    contains,
    follows_up,
    score_structure,
    score_words,
    short_question,
    small_talk,
    take_apart,
)

Judged: TypeAlias = tuple[Task, str]

CHEAP: frozenset[Task] = frozenset(("summary", "classification", "extraction", "simple_chat"))
SYSTEM_WORDING_CHARS = 500


def judge_task(request: ModelRequest, conversation: Conversation, wording: Wording) -> Judged:
    """The task, and the sign it was read from; `unknown` where too little speaks for any."""
    words = screen_tools(request.tools) if request.tools else None
    if words is not None:
        return "gui", f"tools that drive a screen: {words}"
    if conversation.system and screen_system(conversation.system):
        return "gui", "a system prompt about driving a screen"
    if "screenshot" in wording.words and wording.words & {"click", "tap", "coordinates", "pixel"}:
        return "gui", "asks where to click on a screenshot"
    if conversation.in_tool_loop:
        return "agent_step", "in a tool loop"
    if small_talk(wording) and not _score(wording).best():
        return "simple_chat", "a greeting or thanks"
    if conversation.system and contains(conversation.system, vocabulary.REACT):
        return "agent_step", "a system prompt with thought, action and observation"
    if request.tools:
        return _with_tools(conversation, wording)
    return _by_words(request, conversation, wording)


def _with_tools(conversation: Conversation, wording: Wording) -> Judged:
    """Tools make a step of an agent, unless a plain assistant is firmly asked for a plain thing on given material."""
    if contains(conversation.system, vocabulary.AGENTIC):
        return "agent_step", "tools, and a system prompt for an agent"
    score = _score(wording)
    best = score.best()
    if best is not None and best[0] in CHEAP and best[1] > FIRM and wording.material:
        return best[0], f"{score.sign(best[0])}, although there are tools"
    return "agent_step", "tools to call"


def _by_words(request: ModelRequest, conversation: Conversation, wording: Wording) -> Judged:
    score = _score(wording)
    if request.response_format is not None and request.response_format.wants_json:
        _score_format(wording, score)
    if conversation.system:
        _add_system(conversation.system, score)
    best = score.best()
    if best is not None:
        return best[0], score.sign(best[0])
    hung_on = _by_earlier(conversation, wording)
    if hung_on is not None:
        return hung_on
    if short_question(wording):
        return "simple_chat", "a short question"
    return "unknown", "no sign of any task"


def _score(wording: Wording) -> Score:
    score = score_words(wording)
    score_structure(wording, score)
    return score


def _score_format(wording: Wording, score: Score) -> None:
    """JSON is demanded: fields are wanted from the text, unless a label is."""
    if score.points.get("extraction", 0) > 0 or wording.material:
        score.add("extraction", ENOUGH, "a response format")


def _add_system(system: str, score: Score) -> None:
    """A system prompt that sets one task speaks for every message; one that lists many says nothing."""
    found = _set_task(system[:SYSTEM_WORDING_CHARS])
    if found is not None and not contains(system, vocabulary.GENERIC_SYSTEM):
        score.add(*found)


@lru_cache(maxsize=256)
def _set_task(system: str) -> tuple[Task, int, str] | None:
    """The one task that a system prompt sets, with its points and sign. Remembered: an application sends the same
    system prompt with every request."""
    set_up = score_words(take_apart(system))
    strong = [task for task, points in set_up.points.items() if points >= FIRM]
    if len(strong) != 1:
        return None
    return strong[0], set_up.points[strong[0]], f"{set_up.sign(strong[0])} in the system prompt"


def _by_earlier(conversation: Conversation, wording: Wording) -> Judged | None:
    """What a short follow-up hangs on: the task of the message before."""
    if not conversation.earlier or not follows_up(wording):
        return None
    score = _score(take_apart(conversation.earlier))
    if conversation.code_before:
        score.add("coding", FIRM, "code in the last answer")
    best = score.best()
    if best is not None:
        return best[0], f"follows up on {score.sign(best[0])}"
    if short_question(take_apart(conversation.earlier)):
        return "simple_chat", "follows up on a short question"
    return None
