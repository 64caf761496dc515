"""Whether a conversation has stalled, read from its own messages: a tool that is called the same way with the same
result, results that are errors one after the other, or a user who asks the same again.

Only what stands since the last finished answer is looked at, and of that no more than `MOST_RESULTS`. A result that
differs is progress, so neither a poll that moves nor tests that are run after each edit count, as long as they say
something new.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.policy import Stall
from tiercel.domain.request import Media, Message, Part, Text, ToolCall, ToolResult

Asked: TypeAlias = tuple[str | tuple[str | None, ...], ...]

MOST_RESULTS = 64
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
    if not stall.repeats and not stall.failures:
        return None
    turns = list(_turns(messages))
    if stall.repeats:
        name, times = _most_repeated(turns, stall.polling)
        if times >= stall.repeats:
            words = f"{name} was called {times} times with the same arguments and result"
            return Sign(kind="repeats", words=words)
    times = _failures(turns)
    if stall.failures and times >= stall.failures:
        return Sign(kind="failures", words=f"the last {times} results of tools were errors")
    return None


def _turns(messages: Sequence[Message]) -> Iterator[list[tuple[ToolCall, ToolResult]]]:
    """The calls of the present task with their results, turn by turn, the last first. A finished answer, to which the
    user said something, ends the task before."""
    waiting: dict[str, ToolResult] = {}
    found = 0
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
            found += len(turn)
            if turn:
                yield turn
        elif after == "user":
            return
        if found >= MOST_RESULTS:
            return
        after = message.role


def _most_repeated(
    turns: Sequence[Sequence[tuple[ToolCall, ToolResult]]], polling: Sequence[str]
) -> tuple[str, int]:
    """Which call of the last turn was made most often with the same result, and how often."""
    name, most = "", 0
    for call, result in turns[0] if turns else ():
        if any(fnmatchcase(call.name, pattern) for pattern in polling):
            continue
        said = _said(result.parts)
        times = sum(
            other.name == call.name and _said(found.parts) == said and _same_arguments(call, other)
            for turn in turns
            for other, found in turn
        )
        if times > most:
            name, most = call.name, times
    return name, most


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


def _failures(turns: Iterable[Iterable[tuple[ToolCall, ToolResult]]]) -> int:
    """How many of the last results were errors, without one in between that was none."""
    times = 0
    for turn in turns:
        for _, result in turn:
            if not result.is_error and FAILED.match(_head(result)) is None:
                return times
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
