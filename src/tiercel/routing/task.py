"""Which of the ten tasks a request is, in this order: a screen to drive, an agent's step, what the words say."""

from typing import TypeAlias

from tiercel.domain.facts import Task
from tiercel.domain.request import ModelRequest
from tiercel.routing.complexity import EVERYDAY
from tiercel.routing.conversation import Conversation
from tiercel.routing.screen import screen_tools
from tiercel.routing.setting import Setting, read_setting
from tiercel.routing.signals import ENOUGH, FIRM, Score, follows_up, score_all, short_question
from tiercel.routing.vocabulary import GREETINGS, POINTING, SCREENSHOT
from tiercel.routing.wording import Wording, take_apart

Judged: TypeAlias = tuple[Task, str]

SMALL_TALK = 9
"""Words of a greeting or thanks at most."""


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
    order = wording.order
    if 0 < len(order) <= SMALL_TALK and order[0] in GREETINGS and score_all(wording).best() is None:
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
    best = score_all(wording).best()
    if best is not None and best[0] in EVERYDAY and best[1] > FIRM and wording.material:
        return best[0], f"{best[2]}, although there are tools"
    return "agent_step", "tools to call"


def _by_words(
    request: ModelRequest, conversation: Conversation, setting: Setting, wording: Wording
) -> Judged:
    score = score_all(wording)
    if request.response_format is not None and request.response_format.wants_json:
        _score_format(wording, score)
    if setting.task is not None:
        # a system prompt that sets one task speaks for every message
        score.add(*setting.task)
    best = score.best()
    if best is not None:
        return best[0], best[2]
    hung_on = _by_earlier(conversation, wording)
    if hung_on is not None:
        return hung_on
    if short_question(wording):
        return "simple_chat", "a short question"
    return "unknown", "no sign of any task"


def _score_format(wording: Wording, score: Score) -> None:
    """JSON is demanded: fields are wanted from the text, unless a label is."""
    if score.points.get("extraction", 0) > 0 or wording.material:
        score.add("extraction", ENOUGH, "a response format")


def _by_earlier(conversation: Conversation, wording: Wording) -> Judged | None:
    """What a short follow-up hangs on: the task of the message before."""
    if not conversation.earlier or not follows_up(wording):
        return None
    earlier = take_apart(conversation.earlier)
    score = score_all(earlier)
    if conversation.code_before:
        score.add("coding", FIRM, "code in the last answer")
    best = score.best()
    if best is not None:
        return best[0], f"follows up on {best[2]}"
    if short_question(earlier):
        return "simple_chat", "follows up on a short question"
    return None
