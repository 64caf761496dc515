"""Turns that the client never sees: an answer that asked for advice and what came back, in a request and in a stream.

What such an answer said in words belongs to the answer as the client gets it, before what comes next. Its calls do not:
neither the one to the advisor, nor any beside it, which were not carried out. Of an answer without words only thinking
that Anthropic sealed is kept, because its models want to see it before a call of a tool; others seal each turn alone.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from tiercel.domain.events import (
    ArgumentsDelta,
    Broken,
    End,
    Finished,
    ReasoningDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
    is_content,
    unfold,
)
from tiercel.domain.request import Message, Part, Reasoning, Text, ToolCall, ToolResult
from tiercel.domain.response import Choice, ModelResponse, Usage

BETWEEN = "\n\n"
"""Between what was said before the advice and after it."""
NOT_CARRIED_OUT = (
    "Not carried out: advice was asked for in the same turn. Call it again if it is still right."
)
TOGETHER = "This was answered together with the other question."


def turn(answer: ModelResponse, tool: str, advice: str) -> tuple[Message, ...]:
    """An answer that asked, as the model that gave it is shown it again, with a result for each of its calls."""
    choice = answer.choices[0]
    results = []
    for call in choice.tool_calls:
        if call.name == tool:
            said, advice = advice, TOGETHER
        else:
            said = NOT_CARRIED_OUT
        result = ToolResult(call_id=call.id, parts=(Text(text=said),))
        results.append(Message(role="tool", parts=(result,)))
    return (
        Message(role="assistant", parts=choice.parts, extra=choice.message_extra),
        *results,
    )


def without_calls(answer: ModelResponse, tool: str) -> ModelResponse:
    """The answer without its calls of this tool; it ends by itself where no other call is left."""
    choices = tuple([_without_calls(choice, tool) for choice in answer.choices])
    return replace(answer, choices=choices)


def joined(hidden: Sequence[ModelResponse], answer: ModelResponse) -> ModelResponse:
    """The answer as the client gets it, after what the hidden turns before it said.

    Its usage is the first call's input, which is the conversation as the client sent it, and all that was written.
    """
    if not hidden or not answer.choices:
        return answer
    before: list[Part] = []
    for one in hidden:
        before = _with(before, _kept(one))
    choice = answer.choices[0]
    choice = replace(choice, parts=tuple(_with(before, choice.parts)))
    usage = _usage([*hidden, answer])
    return replace(answer, choices=(choice, *answer.choices[1:]), usage=usage)


def words_of(hidden: Sequence[ModelResponse]) -> list[StreamEvent]:
    """The beginning of a stream that says what these turns leave in the answer; nothing where there are none."""
    if not hidden:
        return []
    first, *rest = hidden
    begun = replace(first, choices=(replace(first.choices[0], parts=_kept(first)),))
    for one in rest:
        kept = replace(one, choices=(replace(one.choices[0], parts=_kept(one)),))
        begun = joined([begun], kept)
    ends = (Finished, UsageUpdate, End)
    return [event for event in unfold(begun) if not isinstance(event, ends)]


class Veil:
    """Keeps from one call's stream what the client must not see.

    From the first call of a tool on everything waits for the end of the answer, for only then is it known whether the
    advisor is asked. So does thinking, until there are words. `after` are the hidden turns before this call;
    `may_ask` is whether an answer that asks is one itself.
    """

    def __init__(self, tool: str, after: Sequence[ModelResponse], *, may_ask: bool) -> None:
        self._tool = tool
        self._goes_on = bool(after)
        self._between_due = any(_says(one) for one in after)
        self._may_ask = may_ask
        self._kept: list[StreamEvent] = []
        self._calls = False
        self._spoke = False
        self._is_hidden = False
        self.has_passed = False
        """Whether anything of this call went out."""

    def pass_on(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """Those of the events, and of what was kept, that go out now."""
        passed: list[StreamEvent] = []
        for event in events:
            passed += self._pass_one(event)
        self.has_passed = self.has_passed or any([not isinstance(event, Broken) for event in passed])
        return passed

    def _pass_one(self, event: StreamEvent) -> Sequence[StreamEvent]:
        if self._is_hidden or (isinstance(event, Start) and self._goes_on):
            return ()
        if isinstance(event, Broken):  # half a call is none
            return (event,)
        if isinstance(event, Finished):
            return self._separated(self._ended(event))
        self._calls = self._calls or isinstance(event, ToolCallStart)
        if self._calls:
            self._kept.append(event)
            return ()
        if isinstance(event, Start):
            return (event,)
        self._kept.append(event)
        self._spoke = self._spoke or is_content(event)
        if not self._spoke:
            return ()
        kept, self._kept = self._kept, []
        return self._separated(kept)

    def _separated(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """The events with room before their first words, where something was said before."""
        if not self._between_due or not any(_is_words(event) for event in events):
            return events
        self._between_due = False
        place = next(at for at, event in enumerate(events) if isinstance(event, TextDelta) and event.text)
        return [*events[:place], TextDelta(text=BETWEEN), *events[place:]]

    def _ended(self, finished: Finished) -> list[StreamEvent]:
        """What may go out of what was kept, now that all of it is there."""
        kept, self._kept = self._kept, []
        asks = any(isinstance(event, ToolCallStart) and event.name == self._tool for event in kept)
        if asks and self._may_ask:
            self._is_hidden = True
            if self._spoke or any(_is_words(event) for event in kept):
                return [event for event in kept if isinstance(event, TextDelta | ReasoningDelta)]
            return [e for e in kept if isinstance(e, ReasoningDelta) and e.source == "anthropic"]
        return [*(_without_call_events(kept, self._tool) if asks else kept), finished]


def _is_words(event: StreamEvent) -> bool:
    return isinstance(event, TextDelta) and is_content(event)


def _without_calls(choice: Choice, tool: str) -> Choice:
    parts = tuple(part for part in choice.parts if not (isinstance(part, ToolCall) and part.name == tool))
    finish = choice.finish
    if finish.reason == "tool_calls" and not any(isinstance(part, ToolCall) for part in parts):
        finish = replace(finish, reason="stop", raw=None)
    return replace(choice, parts=parts, finish=finish)


def _without_call_events(events: Sequence[StreamEvent], tool: str) -> list[StreamEvent]:
    """The events without the calls of this tool; the others are numbered anew."""
    numbers: dict[int, int] = {}
    left: list[StreamEvent] = []
    for event in events:
        if isinstance(event, ToolCallStart):
            if event.name == tool:
                continue
            numbers[event.index] = len(numbers)
        if isinstance(event, ToolCallStart | ArgumentsDelta):
            if event.index not in numbers:
                continue
            event = replace(event, index=numbers[event.index])
        left.append(event)
    return left


def _kept(hidden: ModelResponse) -> tuple[Part, ...]:
    """What of a hidden turn stands in the answer."""
    parts = hidden.choices[0].parts
    if _says(hidden):
        return tuple(part for part in parts if isinstance(part, Text | Reasoning))
    return tuple(part for part in parts if isinstance(part, Reasoning) and part.source == "anthropic")


def _says(answer: ModelResponse) -> bool:
    return bool(answer.text.strip())


def _with(before: Sequence[Part], parts: Sequence[Part]) -> list[Part]:
    """These parts after those, with room between the words of the two."""
    after = list(parts)
    if not any(isinstance(part, Text) for part in before):
        return [*before, *after]
    if not any(isinstance(part, Text) and part.text.strip() for part in after):
        return [*before, *after]
    place = next(at for at, part in enumerate(after) if isinstance(part, Text) and part.text)
    words, last = after[place], before[-1]
    assert isinstance(words, Text), "found as such"
    if place == 0 and isinstance(last, Text) and not (words.extra or last.extra):
        return [*before[:-1], Text(text=f"{last.text}{BETWEEN}{words.text}"), *after[1:]]
    after[place] = replace(words, text=BETWEEN + words.text)
    return [*before, *after]


def _usage(answers: Sequence[ModelResponse]) -> Usage | None:
    used = [answer.usage for answer in answers if answer.usage is not None]
    if len(used) < len(answers):
        return answers[-1].usage
    return replace(
        used[0],
        visible=sum(usage.visible for usage in used),
        reasoning=sum(usage.reasoning for usage in used),
        source=next((usage.source for usage in used if usage.source != "upstream"), "upstream"),
        reported_cost_nano=None,
    )
