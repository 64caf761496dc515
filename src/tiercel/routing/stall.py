"""Whether a conversation has stalled, read from its own messages: tools that are called the same way with the same
results again and again, results that are errors one after the other, or a user who asks the same again.

Only what stands since the last finished answer is looked at, and no more of it than it takes. Anything new is progress:
neither a poll that moves nor tests that are run after each edit are a stall.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain, islice
from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.policy import Stall
from tiercel.domain.request import Media, Message, Part, Text, ToolCall, ToolResult

Turn: TypeAlias = list[tuple[ToolCall, ToolResult]]
"""The calls that a model made at once, the last first, with their results."""
Asked: TypeAlias = tuple[str | tuple[str | None, ...], ...]

MOST_CYCLE = 4
"""So many turns may a circle have that is recognised."""
MOST_ASKED = 8
MOST_MESSAGES = 200
HEAD_CHARS = 300
ARGUMENTS_CHARS = 4_000
ASKED_CHARS = 4_000
"""Longer messages are the same only where every character is."""
FEWEST_WORDS = 4
FEWEST_CHARS = 20
"""A message shorter in both says nothing by itself: `continue`, `yes, please` and `next` may be said again."""

INSISTING = frozenset(
    (
        *("please", "again", "now", "just", "still", "once"),
        *("bitte", "nochmal", "nochmals", "wieder", "jetzt", "doch"),
        *("encore", "stp", "svp", "maintenant", "otra", "vez", "ahora"),
    )
)
"""Words that turn a question into the same question once more."""
WORD = re.compile(r"[^\s.,;:!?…¿¡。，！？、\"'“”„‘’«»()]+")
"""Signs such as those of arithmetic belong to words: 3+4 is not 3*4."""
OPERATORS = ("system", "developer")
REMINDER = "<system-reminder>"
"""How Claude Code begins what it adds to the user's words."""
FAILED = re.compile(
    r"""\W{0,4}(?:
        \w*(?:error|exception)\s*[:(\]]
        |error\s+(?:executing|calling|running|invoking|while)\b
        |an?\s+(?:\w+\s+)?error\s+occurred\b
        |traceback\s+\(most\s+recent
        |fatal:|failed\s+to\b|command\s+failed\b
        |tool_use_error\b
        |(?:process\s+)?exit(?:ed)?(?:\s+with)?(?:\s+(?:code|status))?\s*:?\s*[1-9]
        |error"\s*:(?!\s*(?:null|false|""|\[\]|\{\}))
        |(?:success|ok)"\s*:\s*false
        |(?:status|type)"\s*:\s*"(?:error|failed)
    )|[^\n]{0,120}:\s+command\s+not\s+found\b|[^\n]{0,200}"exit_code"\s*:\s*[1-9]""",
    re.IGNORECASE | re.VERBOSE,
)
"""How results begin that are errors without being marked as such: only some clients mark them."""


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that a conversation has stalled; `beyond` is how often that was seen beyond the first time."""

    kind: Literal["repeats", "failures", "asked_again"]
    words: str
    beyond: int = 0


def stalled(messages: Sequence[Message], stall: Stall) -> Sign | None:
    """The first sign that this conversation has stalled, if there is one."""
    if stall.asked_again:
        times = _times_asked(messages)
        if times >= stall.asked_again:
            words = f"the user asked the same {times} times"
            return Sign(kind="asked_again", words=words, beyond=times - stall.asked_again)
    turns = list(islice(_turns(messages), max(MOST_CYCLE * stall.repeats, stall.failures)))
    if stall.repeats:
        names, times = _circle([turn for turn in turns if not _only_polls(turn, stall.polling)])
        if times >= stall.repeats:
            words = f"{names} was called {times} times with the same arguments and result"
            return Sign(kind="repeats", words=words)
    times = _failures(chain.from_iterable(turns))
    if stall.failures and times >= stall.failures:
        return Sign(kind="failures", words=f"the last {times} results of tools were errors")
    return None


def _turns(messages: Sequence[Message]) -> Iterator[Turn]:
    """The turns of the present task, the last first. A finished answer, to which the user said something, ends the task
    before."""
    waiting: dict[str, ToolResult] = {}
    after = ""
    for message in reversed(messages):
        if message.role in OPERATORS:
            continue
        if message.role != "assistant":
            for part in message.parts:
                if isinstance(part, ToolResult):
                    waiting[part.call_id] = part
        elif calls := [part for part in message.parts if isinstance(part, ToolCall)]:
            # an id is used up, because some clients count from the beginning in each turn
            turn = [(call, waiting.pop(call.id)) for call in reversed(calls) if call.id in waiting]
            if turn:
                yield turn
        elif after == "user":
            return
        after = message.role


def _only_polls(turn: Turn, polling: Sequence[str]) -> bool:
    """Whether a turn has nothing but calls that may repeat themselves."""
    return bool(polling) and all(
        any(fnmatchcase(call.name, pattern) for pattern in polling) for call, _ in turn
    )


def _circle(turns: Sequence[Turn]) -> tuple[str, int]:
    """Which tools were called in the last turn, or the last few, and how often in a row that was done just so."""
    names, most = "", 0
    for length in range(1, MOST_CYCLE + 1):
        alike = 0
        while alike + length < len(turns) and _same(turns[alike], turns[alike + length]):
            alike += 1
        times = alike // length + 1
        if times > most:
            called = chain.from_iterable(turns[:length])
            names, most = " with ".join(dict.fromkeys(call.name for call, _ in called)), times
    return names, most


def _same(turn: Turn, other: Turn) -> bool:
    """Whether both made the same calls and got the same results."""
    return len(turn) == len(other) and all(
        a.name == b.name and _said(found.parts) == _said(before.parts) and _same_arguments(a, b)
        for (a, found), (b, before) in zip(turn, other, strict=True)
    )


def _same_arguments(call: ToolCall, other: ToolCall) -> bool:
    """Whether both have the same arguments, however they are written."""
    if call.arguments == other.arguments:
        return True
    if max(len(call.arguments), len(other.arguments)) > ARGUMENTS_CHARS:
        return False
    try:
        return bool(msgspec.json.decode(call.arguments) == msgspec.json.decode(other.arguments))
    except (msgspec.DecodeError, RecursionError):
        return False


def _failures(results: Iterable[tuple[ToolCall, ToolResult]]) -> int:
    """How many of the last results were errors, without one in between that was none."""
    times = 0
    for _, result in results:
        if not result.is_error and FAILED.match(_head(result)) is None:
            break
        times += 1
    return times


def _head(result: ToolResult) -> str:
    for part in result.parts:
        if isinstance(part, Text):
            return part.text[:HEAD_CHARS]
    return ""


def _times_asked(messages: Sequence[Message]) -> int:
    """How often in a row the user has asked what the last message asks; 0 where that is not the user's."""
    asked: Asked = ()
    times = seen = 0
    answered = False
    spoken = [message for message in messages[-MOST_MESSAGES:] if message.role not in OPERATORS]
    for place in range(len(spoken) - 1, -1, -1):
        message = spoken[place]
        if message.role == "assistant":
            answered = True
        # what follows a tool's result is said by the client, in the middle of its work
        if message.role != "user" or (place and spoken[place - 1].role == "tool"):
            if not times:
                return 0
            continue
        found = _asked(message)
        if not times:
            if not found:
                return 0
            asked, times = found, 1
        elif answered and found:
            if found != asked:
                return times
            times += 1
            answered = False
        seen += 1
        if seen >= MOST_ASKED:
            return times
    return times


def _asked(message: Message) -> Asked:
    """What a message asks, to compare it with another; nothing where that is too little to be told from another."""
    text = "\n".join(
        part.text
        for part in message.parts
        if isinstance(part, Text) and not part.text.lstrip().startswith(REMINDER)
    )
    if len(text) > ASKED_CHARS:
        return (text, *_said(message.parts))
    words = [word for word in WORD.findall(text.casefold()) if word not in INSISTING]
    if len(words) < FEWEST_WORDS and sum(map(len, words)) < FEWEST_CHARS:
        return ()
    return (*words, *(one for one in _said(message.parts) if not isinstance(one, str)))


def _said(parts: Iterable[Part]) -> Asked:
    """Texts and media, without the marks that clients put on them, such as those for caches, which wander."""
    return tuple(
        part.text if isinstance(part, Text) else (part.url, part.data, part.file_id)
        for part in parts
        if isinstance(part, Text | Media)
    )
