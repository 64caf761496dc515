"""Prose is cut at the client's limit, and the finish says so."""

import pytest

from tiercel.domain.events import Finished, StreamEvent, TextDelta
from tiercel.domain.request import Text
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.engine.cut import CUT, StreamCutter, cut_response

STOP = Finish(reason="stop", raw="stop")


def answer(text: str, visible: int | None = None) -> ModelResponse:
    usage = None if visible is None else Usage(visible=visible)
    return ModelResponse(choices=(Choice(parts=(Text(text=text),), finish=STOP),), usage=usage)


def test_an_answer_within_the_limit_is_left_alone() -> None:
    whole = answer("short", visible=2)
    assert cut_response(whole, 20) == (whole, False)


def test_the_providers_own_count_sets_the_ratio() -> None:
    cut, was_cut = cut_response(answer("x" * 100, visible=50), 20)
    assert was_cut
    assert cut.text == "x" * 40
    assert cut.choices[0].finish == CUT


def test_without_a_count_the_estimate_does() -> None:
    cut, was_cut = cut_response(answer("x" * 400), 10)
    assert was_cut
    assert len(cut.text) == pytest.approx(49, abs=2)


def test_a_stream_is_cut_at_the_same_place_however_it_is_split() -> None:
    text = "abcd" * 100
    for size in (1, 3, 400):
        cutter = StreamCutter(10)
        events: list[StreamEvent] = [TextDelta(text=text[i : i + size]) for i in range(0, len(text), size)]
        seen = cutter.pass_on([*events, Finished(finish=STOP)])
        shown = "".join(event.text for event in seen if isinstance(event, TextDelta))
        assert len(shown) == pytest.approx(49, abs=1)
        assert seen[-1] == Finished(finish=CUT)
        assert cutter.was_cut


def test_a_short_stream_keeps_its_own_finish() -> None:
    cutter = StreamCutter(10)
    events: list[StreamEvent] = [TextDelta(text="hi"), Finished(finish=STOP)]
    assert cutter.pass_on(events) == events
    assert not cutter.was_cut
