"""How hard a task is, from signs that matter to that task. Medium where nothing speaks either way."""

import re
from typing import TypeAlias

from tiercel.domain.facts import Complexity, Task
from tiercel.routing.signals import code_files, wanted_length
from tiercel.routing.vocabulary import (
    CONSTRAINTS,
    DETAIL,
    HARD_CODING,
    HARD_CODING_PAIRS,
    HARD_REASONING,
    SOURCES,
)
from tiercel.routing.wording import Wording, side_by_side

Judged: TypeAlias = tuple[Complexity, str]

FULL_STOP = re.compile(r"\.(?:\s|$)")

EVERYDAY: frozenset[Task] = frozenset(("summary", "classification", "extraction", "simple_chat"))
SHORT_WORDS = 16
LONG_WORDS = 45
MANY_CONSTRAINTS = 4
MANY_SENTENCES = 6
LARGE_TOKENS = 20_000
HUGE_TOKENS = 100_000
LONG_TEXT = 3_000
MANY_STEPS = 30


def judge_complexity(task: Task, wording: Wording, tokens: int, turns: int) -> Judged:
    """Complexity and the reason. `tokens` is the request's size, `turns` its number of messages."""
    judged: Judged
    if task in EVERYDAY:
        judged = ("simple", "an everyday task")
    elif task == "coding":
        judged = _coding(wording)
    elif task == "reasoning":
        judged = _reasoning(wording)
    elif task == "long_writing":
        judged = _long_writing(wording)
    elif task == "unknown":
        judged = ("medium", "nothing known")
    else:
        judged = (
            ("hard", f"{turns} messages so far") if turns > MANY_STEPS else ("medium", "an ordinary step")
        )
    # much to read makes any task harder by a step
    if judged[0] == "simple" and tokens > LARGE_TOKENS:
        return "medium", f"about {tokens:,} tokens to read"
    if judged[0] == "medium" and tokens > HUGE_TOKENS:
        return "hard", f"about {tokens:,} tokens to read"
    return judged


def _coding(wording: Wording) -> Judged:
    text = side_by_side(wording.order)
    signs = sorted(
        (*(wording.words & HARD_CODING), *(pair for pair in HARD_CODING_PAIRS if f" {pair} " in text))
    )
    files = code_files(wording.instruction)
    length = len(wording.order)
    if len(signs) >= 2 or (signs and (length > LONG_WORDS or files > 1)):
        return "hard", ", ".join(signs[:3])
    if files >= 3:
        return "hard", f"{files} files named"
    if length <= SHORT_WORDS and not signs and len(wording.text) <= 2 * len(wording.instruction):
        return "simple", "short and self-contained"
    return "medium", "no sign of a hard one"


def _reasoning(wording: Wording) -> Judged:
    signs = sorted(wording.words & HARD_REASONING)
    if signs:
        return "hard", ", ".join(signs[:3])
    bound = len([word for word in wording.order if word in CONSTRAINTS])
    sentences = _sentences(wording.instruction)
    if bound >= MANY_CONSTRAINTS:
        return "hard", f"{bound} words that bind the solution"
    if sentences >= MANY_SENTENCES:
        return "hard", f"{sentences} sentences of conditions"
    if len(wording.order) <= 2 * SHORT_WORDS and wording.numbers <= 2 and sentences <= 2 and bound <= 2:
        return "simple", "short, few quantities"
    return "medium", "no sign of a hard one"


def _sentences(text: str) -> int:
    ends = text.count("!") + text.count("?") + text.count("。")
    return ends + len(FULL_STOP.findall(text))


def _long_writing(wording: Wording) -> Judged:
    length = wanted_length(wording.lower)
    if length is not None and length >= LONG_TEXT:
        return "hard", f"about {length:,} words asked for"
    if SOURCES in wording.words or len(wording.words & DETAIL) >= 3:
        return "hard", "sources and detail asked for"
    return "medium", "an ordinary long text"
