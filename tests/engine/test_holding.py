"""What is held changes when text goes out, and never what: whatever the hold, a client reads what the checks left."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.checks.check import Subject
from tiercel.checks.incremental.shape import root_shape
from tiercel.checks.isolated import Isolated
from tiercel.checks.json_schema import JSONSchema
from tiercel.domain.climb import Verdict
from tiercel.domain.events import (
    End,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Hold
from tiercel.domain.request import Message, ModelRequest, ResponseFormat, Text
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.engine.delivery import Delivery
from tiercel.engine.following import FollowedJSON
from tiercel.engine.holding import HeldBeginning, Measured, Passage
from tiercel.testing.clock import FrozenClock
from tiercel.upstream.errors import UnwantedError

STOP = Finish(reason="stop")
SCHEMA: Any = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "integer"}}},
    "required": ["a"],
    "additionalProperties": False,
}


def beginning(
    tokens: int = 8,
    floor: float | None = None,
    *,
    clock: FrozenClock | None = None,
    others_follow: bool = True,
) -> HeldBeginning:
    return HeldBeginning(measured(tokens, floor, clock, others_follow), [lambda text: "sorry" in text])


def measured(
    tokens: int, floor: float | None = None, clock: FrozenClock | None = None, others_follow: bool = True
) -> Measured:
    hold = Hold(mode="first", tokens=tokens, least_tokens_per_second=floor)
    return Measured(hold, others_follow=others_follow, clock=clock or FrozenClock())


def following(tokens: int, schema: Any = SCHEMA) -> FollowedJSON:
    return FollowedJSON(
        root_shape(msgspec.json.encode(schema)), lambda: measured(tokens), check="json_schema"
    )


def texts(events: Sequence[StreamEvent]) -> str:
    return "".join([event.text for event in events if isinstance(event, TextDelta)])


def test_the_beginning_goes_out_with_what_came_before_it() -> None:
    passage = beginning(tokens=4)
    assert passage.pass_on([Start(), ReasoningDelta(text="hm"), TextDelta(text="one ")]) == ()
    out = passage.pass_on([TextDelta(text="two three four five")])
    assert [type(event) for event in out] == [Start, ReasoningDelta, TextDelta, TextDelta]
    last: list[StreamEvent] = [TextDelta(text=" six"), Finished(finish=STOP), End()]
    assert passage.pass_on(last) == last


@pytest.mark.parametrize(
    "events",
    [
        [TextDelta(text="short"), Finished(finish=STOP), End()],
        [RefusalDelta(text="no"), TextDelta(text="a long text that would do " * 5)],
        [TextDelta(text="I am sorry, but there is nothing that I could say to that. " * 2)],
        [TextDelta(text="a long text " * 9), Finished(finish=STOP), UsageUpdate(usage=Usage()), End()],
    ],
    ids=["ended", "refused", "looks declined", "whole at once"],
)
def test_a_beginning_about_which_the_whole_can_say_more_waits_for_the_end(events: list[StreamEvent]) -> None:
    passage = beginning()
    assert passage.pass_on(events) == ()
    assert passage.pass_on([TextDelta(text="more and more " * 20)]) == ()


@pytest.mark.parametrize(
    ("seconds", "others_follow", "leaves"), [(1.9, True, False), (2.1, True, True), (2.1, False, False)]
)
def test_a_beginning_below_the_floor_is_left_while_others_follow(
    seconds: float, others_follow: bool, leaves: bool
) -> None:
    """20 tokens at 10 a second may take two seconds."""
    clock = FrozenClock()
    passage = beginning(tokens=20, floor=10.0, clock=clock, others_follow=others_follow)
    passage.pass_on([TextDelta(text="one")])
    clock.advance(seconds)
    if leaves:
        with pytest.raises(UnwantedError):
            passage.pass_on([TextDelta(text=" two")])
        assert isinstance(passage.complaint, Failure)
    else:
        passage.pass_on([TextDelta(text=" two")])
        assert passage.complaint is None


def test_json_that_breaks_its_schema_is_told_with_the_message_for_a_re_ask() -> None:
    passage = following(tokens=1_000)
    with pytest.raises(UnwantedError):
        passage.pass_on([TextDelta(text='Sure: {"a": "x", "b": [1, "two"]')])
    complaint = passage.complaint
    assert isinstance(complaint, Verdict)
    assert (complaint.score, complaint.reason) == (0.0, "$.b[1]: type")
    assert "$.b[1]" in (complaint.message or "")


@pytest.mark.parametrize("event", [ToolCallStart(index=0, id="c", name="f"), RefusalDelta(text="no")])
def test_an_answer_that_is_no_json_after_all_waits_for_the_end(event: StreamEvent) -> None:
    passage = following(tokens=1)
    assert passage.pass_on([event]) == ()
    assert passage.pass_on([TextDelta(text='{"a": "' + "x " * 40)]) == ()


def test_a_mention_is_passed_over_and_a_value_that_breaks_off_is_not() -> None:
    """After JSON that only a repair can mend, its own parts must not be taken for the answer."""
    passage = following(tokens=2)
    assert (
        texts(passage.pass_on([TextDelta(text='In {braces} and [1]: {"a": "one two three')]))
        == '{"a": "one two three'
    )
    passage = following(tokens=2, schema={"type": "object"})
    assert (
        passage.pass_on([TextDelta(text='{"list": tru, "more": {"a": "one two three four five six"}')]) == ()
    )


@pytest.mark.parametrize("step", [1, 1_000])
def test_a_list_of_what_was_wanted_is_not_taken_for_it(step: int) -> None:
    """An array where an object is wanted: the check of the whole refuses it, so its first element must not go out."""
    passage = following(tokens=2)
    text = '[ {"a": "one two three four five six"}, {"a": "seven"} ]'
    for start in range(0, len(text), step):
        assert passage.pass_on([TextDelta(text=text[start : start + step])]) == ()


@pytest.mark.parametrize("long", ["word " * 20_000, "{x} " * 2_000, "```\nx\n```\n" * 1_000, "\n" * 20_000])
def test_an_answer_that_never_comes_to_json_is_given_up(long: str) -> None:
    passage = following(tokens=2)
    for start in range(0, len(long), 7):
        assert passage.pass_on([TextDelta(text=long[start : start + 7])]) == ()
    assert passage.pass_on([TextDelta(text='{"a": "one two three four"}')]) == ()


GOOD = st.sampled_from(
    [
        '{"a": "one two three four five"}',
        '{"a": "ä \\u00e4 \\ud83d\\ude00 \\n \\"q\\"", "b": [1, 2, 3, 4, 5, 6]}',
        ' {\n  "a": "",\n  "b": [ 1 , -20 ]\n} ',
        '{"b": [], "a": "x"}',
        '{"a": "half is \\frac{1}{2} and a line\\nends", "b": [10]}',
        '{"a": "half is \\\\frac{1}{2}, \\to the end, \\n \\nThe end", "b": [10]}',
    ]
)
BAD = st.sampled_from(
    [
        '{"a": 1}',
        '{"b": [1]}',
        '{"a": "two\nlines in a string of some length"}',
        '{"a": "C:\\dir and a bit more text behind it"}',
        '{"a": null}',
        '{"a": "and so on without an end',
        '[{"a": "x and some more of it"}]',
        '{"a": "x", "a": "y", "b": [1, 2, 3, 4, 5]}',
    ]
)
AROUND = st.sampled_from(["", "", "\n", "Here: ", "see [1] and {x}\n", '{"a": "a draft"}\n', "\ufeff"])
FENCES = st.sampled_from([("", ""), ("```json\n", "\n```"), ("~~~\n", "\n~~~\n"), ("```\n", "")])


@given(
    json_text=st.one_of(GOOD, BAD),
    before=AROUND,
    after=AROUND,
    fence=FENCES,
    tokens=st.sampled_from([1, 4, 1_000]),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
def test_followed_json_is_what_the_check_of_the_whole_would_deliver(
    json_text: str, before: str, after: str, fence: tuple[str, str], tokens: int, cuts: list[int]
) -> None:
    """However the answer is split: a client that gets an end has read just that, and one value alone always ends."""
    text = before + fence[0] + json_text + fence[1] + after
    places = sorted({0, len(text), *[cut % (len(text) + 1) for cut in cuts]})
    passage = following(tokens)
    sent = ""
    try:
        for begin, end in pairwise(places):
            sent += texts(passage.pass_on([TextDelta(text=text[begin:end])]))
    except UnwantedError:
        assert isinstance(passage.complaint, Verdict)
        assert checked("".join(json_text)).score == 0 or "draft" in text
        return
    verdict = checked(text)
    whole = verdict.repaired or text
    rest = passage.rest_of(whole)
    if rest is None:
        assert verdict.score == 0 or '"a draft"' in text or '"a": null' in text
    else:
        assert sent + rest == whole.lstrip()


def checked(text: str) -> Verdict:
    wanted = ResponseFormat(kind="json_schema", schema=SCHEMA)
    request = ModelRequest(
        format="openai_chat", model="auto", messages=(Message(role="user", parts=()),), response_format=wanted
    )
    subject = Subject(request=request, choice=Choice(parts=(Text(text=text),), finish=STOP))
    return asyncio.run(JSONSchema(Isolated()).measure(subject, {}, None))


@given(
    words=st.lists(st.sampled_from(["one ", "two ", " ", "", "sorry "]), min_size=1, max_size=40),
    mode=st.sampled_from(["all", "none", "first"]),
    tokens=st.sampled_from([1, 5, 1_000]),
)
def test_whatever_is_held_the_client_reads_the_same(words: list[str], mode: str, tokens: int) -> None:
    got: list[bytes] = []
    stream = Delivery(
        lambda events: texts(events).encode(), lambda data: got.append(data), hold=mode == "all", clock=FrozenClock()
    )  # fmt: skip
    passage: Passage | None = beginning(tokens) if mode == "first" else None
    receive = stream.receiver(1, None, passage)
    for word in words:
        assert receive([TextDelta(text=word)]) is None
    receive([Finished(finish=STOP), End()])
    answer = ModelResponse(choices=(Choice(parts=(Text(text="".join(words)),), finish=STOP),))
    got.append(stream.conclude(answer))
    assert b"".join(got).decode() == "".join(words)
