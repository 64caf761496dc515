"""Events add up to an answer, and an answer unfolds into events that add up to it again."""

from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.events import (
    ArgumentsDelta,
    End,
    Finished,
    Fold,
    ReasoningDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
    is_content,
    unfold,
)
from tiercel.domain.request import Part, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage


def fold(events: list[StreamEvent]) -> ModelResponse:
    folding = Fold()
    for event in events:
        folding.add(event)
    return folding.response()


def test_deltas_become_parts_in_the_order_in_which_they_began() -> None:
    response = fold(
        [
            Start(id="r1", model="m", created=5),
            ReasoningDelta(text="hm", source="anthropic"),
            ReasoningDelta(signature="sig", source="anthropic"),
            TextDelta(text="Hel"),
            ToolCallStart(index=0, id="c1", name="f"),
            TextDelta(text="lo"),
            ArgumentsDelta(index=0, text='{"a":'),
            ArgumentsDelta(index=0, text="1}"),
            Finished(finish=Finish(reason="tool_calls")),
            UsageUpdate(usage=Usage(uncached=3)),
            End(),
        ]
    )
    (choice,) = response.choices
    assert choice.parts == (
        Reasoning(text="hm", signature="sig", source="anthropic"),
        Text(text="Hello"),
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
    )
    assert (response.id, response.model, response.created) == ("r1", "m", 5)
    assert response.usage == Usage(uncached=3)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    (choice,) = fold([ToolCallStart(index=0, id="c", name="f")]).choices
    assert choice.tool_calls[0].arguments == "{}"


def test_what_counts_as_content() -> None:
    assert is_content(TextDelta(text="x"))
    assert is_content(ToolCallStart(index=0, id="c", name="f"))
    assert not is_content(TextDelta(text=""))
    assert not is_content(TextDelta(text="\n\n"))
    assert not is_content(ReasoningDelta(text="hm"))
    assert not is_content(Start())


WORDS = st.text(min_size=1, max_size=8)
PARTS: st.SearchStrategy[tuple[Part, ...]] = st.builds(
    lambda reasoning, text, refusal, calls: (
        *([Reasoning(text=reasoning, signature="s", source="anthropic")] if reasoning else []),
        *([Text(text=text)] if text else []),
        *([Refusal(text=refusal)] if refusal else []),
        *(ToolCall(id=f"c{i}", name="f", arguments=arguments) for i, arguments in enumerate(calls)),
    ),
    st.none() | WORDS,
    st.none() | WORDS,
    st.none() | WORDS,
    st.lists(WORDS, max_size=3),
)
RESPONSES = st.lists(PARTS, min_size=1, max_size=3).map(
    lambda rows: ModelResponse(
        id="r",
        model="m",
        choices=tuple(
            Choice(index=i, parts=parts, finish=Finish(reason="stop", raw="stop"))
            for i, parts in enumerate(rows)
        ),
        usage=Usage(uncached=1, visible=2),
    )
)


@given(RESPONSES)
def test_unfolding_and_folding_gives_the_same_answer(response: ModelResponse) -> None:
    assert fold(unfold(response)) == response


def test_an_answer_of_white_space_or_thinking_alone_is_empty() -> None:
    assert Choice(parts=(Text(text=" \n"), Reasoning(text="hm"))).is_empty
    assert not Choice(parts=(Refusal(text="no"),)).is_empty
    assert not Choice(parts=(ToolCall(id="c", name="f", arguments="{}"),)).is_empty


def test_replacing_the_text_keeps_everything_else() -> None:
    call = ToolCall(id="c", name="f", arguments="{}")
    choice = Choice(parts=(Reasoning(text="hm"), Text(text="a"), call, Text(text="b")))
    assert choice.with_text("z").parts == (Reasoning(text="hm"), Text(text="z"), call)
