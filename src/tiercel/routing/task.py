"""Which of the ten tasks a request is, in this order: a screen to drive, an agent's step, what the words say."""

from typing import TypeAlias

from tiercel.domain.facts import Task
from tiercel.domain.request import ModelRequest
from tiercel.routing.complexity import EVERYDAY
from tiercel.routing.conversation import Conversation
from tiercel.routing.screen import screen_tools
from tiercel.routing.setting import Setting, read_setting
from tiercel.routing.signals import (
    ENOUGH,
    FIRM,
    Score,
    follows_up,
    score_structure,
    score_words,
    short_question,
    small_talk,
)
from tiercel.routing.vocabulary import POINTING, SCREENSHOT
from tiercel.routing.wording import Wording, take_apart

Judged: TypeAlias = tuple[Task, str]


def judge_task(request: ModelRequest, conversation: Conversation, wording: Wording) -> Judged:
    """The task, and the sign it was read from; `unknown` where too little speaks for any."""
    words = screen_tools(request.tools) if request.tools else None
    if words is not None:
        return "gui", f"tools that drive a screen: {words}"
    setting = read_setting(conversation.system)
    if setting.screen:
        return "gui", "a system prompt about driving a screen"
    if SCREENSHOT in wording.words and wording.words & POINTING:
        return "gui", "asks where to click on a screenshot"
    if conversation.in_tool_loop:
        return "agent_step", "in a tool loop"
    if small_talk(wording) and not _score(wording).best():
        return "simple_chat", "a greeting or thanks"
    if setting.react:
        return "agent_step", "a system prompt with thought, action and observation"
    if request.tools:
        return _with_tools(setting, wording)
    return _by_words(request, conversation, setting, wording)


def _with_tools(setting: Setting, wording: Wording) -> Judged:
    """Tools make a step of an agent, unless a plain assistant is firmly asked for a plain thing on given material."""
    if setting.agentic:
        return "agent_step", "tools, and a system prompt for an agent"
    score = _score(wording)
    best = score.best()
    if best is not None and best[0] in EVERYDAY and best[1] > FIRM and wording.material:
        return best[0], f"{score.sign(best[0])}, although there are tools"
    return "agent_step", "tools to call"


def _by_words(
    request: ModelRequest, conversation: Conversation, setting: Setting, wording: Wording
) -> Judged:
    score = _score(wording)
    if request.response_format is not None and request.response_format.wants_json:
        _score_format(wording, score)
    if setting.task is not None:
        # a system prompt that sets one task speaks for every message
        score.add(*setting.task)
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
