"""Reviews and advice as tables of promises: who is called about an answer, and what is delivered in the end."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ladder.plans import FINISHED, answered, plan, rung
from tiercel.domain.climb import (
    NO_GATE,
    Aside,
    Attempt,
    Call,
    Cancel,
    Conditions,
    Deliver,
    GiveUp,
    Plan,
    Start,
    Verdict,
)
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Advisor, Limits, Review
from tiercel.domain.request import Message, ModelRequest, Text, Tool, ToolChoice
from tiercel.ladder.advice import last_of, may_ask, offers_advice
from tiercel.ladder.asides import climbing
from tiercel.ladder.step import next_step

A, DEEP, STRONG = rung("a", 0), rung("deep", 1), rung("strong", -1)
BESIDE = 2  # two rungs stand before the aside


def reviewing(rounds: int = 1, by: Any = STRONG, **limits: Any) -> Plan:
    made = plan(A, DEEP, gates=(FINISHED,), limits=Limits(**limits))
    aside = Aside(gate=NO_GATE, rung=by, check="review", role="review")
    return msgspec.structs.replace(
        made, asks=True, asides=(aside,), review=Review(by="strong", rounds=rounds)
    )


def advising(uses: int = 2, **limits: Any) -> Plan:
    made = plan(A, DEEP, gates=(FINISHED,), limits=Limits(**limits))
    aside = Aside(gate=NO_GATE, rung=STRONG, role="advisor")
    return msgspec.structs.replace(
        made, asks=True, asides=(aside,), advisor=Advisor(by="strong", max_uses=uses)
    )


def text(*scores: float, **changes: Any) -> Attempt:
    return msgspec.structs.replace(answered(1, 0, *scores), **{"is_text": True, **changes})


def review(number: int, about: int, said: Any, score: float = 1.0) -> Attempt:
    call = Call(number=number, rung=BESIDE, why="review", about=about)
    verdicts = (Verdict(check="finished", score=score, reason="measured"),) if said == "improve" else ()
    return Attempt(call=call, state="answered", review=said, verdicts=verdicts)


def failed_beside(number: int, about: int, why: Any) -> Attempt:
    call = Call(number=number, rung=BESIDE, why=why, about=about)
    return Attempt(call=call, state="failed", failure=Failure(kind="timeout", message="late"))


def asking(number: int, why: Any = "first", about: int | None = None) -> Attempt:
    call = Call(number=number, rung=0, why=why, about=about)
    return Attempt(call=call, state="answered", finish="tool_calls", seeks_advice=True)


def advice(number: int, about: int) -> Attempt:
    return Attempt(call=Call(number=number, rung=BESIDE, why="advisor", about=about), state="answered")


NOW = Conditions()


def test_a_passed_answer_of_text_is_reviewed_before_it_is_delivered() -> None:
    step = next_step(reviewing(), [text(1.0)], NOW)
    assert isinstance(step, Start)
    assert step.calls == (Call(number=2, rung=BESIDE, why="review", about=1),)


@pytest.mark.parametrize(
    ("rounds", "reviews", "delivered"),
    [
        (1, [review(2, 1, "approve")], 1),
        (1, [review(2, 1, "improve")], 2),
        (1, [review(2, 1, "improve", 0.0)], 1),
        (1, [review(2, 1, None)], 1),
        (1, [failed_beside(2, 1, "review")], 1),
        (2, [review(2, 1, "improve"), review(3, 2, "approve")], 2),
        (2, [review(2, 1, "improve"), review(3, 2, "improve")], 1),
        (2, [review(2, 1, "improve"), failed_beside(3, 2, "review")], 1),
        (3, [review(2, 1, "improve"), review(3, 2, "improve"), review(4, 3, "approve")], 3),
    ],
)
def test_what_is_delivered_after_reviews(rounds: int, reviews: list[Attempt], delivered: int) -> None:
    step = next_step(reviewing(rounds), [text(1.0), *reviews], NOW)
    assert isinstance(step, Deliver)
    assert (step.attempt, step.passed) == (delivered, True)


@pytest.mark.parametrize(
    ("made", "answer", "conditions"),
    [
        (reviewing(), answered(1, 0, 1.0), NOW),
        (reviewing(), text(1.0, refused=True, is_text=False), NOW),
        (reviewing(by=rung("a", -1)), text(1.0), NOW),
        (reviewing(), text(1.0), Conditions(resting=frozenset({"strong"}))),
        (reviewing(), text(1.0), Conditions(unaffordable=frozenset({BESIDE}))),
        (reviewing(max_cost_nano=1_500), text(1.0), Conditions(spent_nano=1_000)),
        (reviewing(deadline_seconds=5.0), text(1.0), Conditions(elapsed_seconds=6.0)),
    ],
    ids=["no text", "declined", "its own", "at rest", "over the budget", "over the cap", "too late"],
)
def test_some_answers_are_delivered_without_a_review(
    made: Plan, answer: Attempt, conditions: Conditions
) -> None:
    step = next_step(made, [answer], conditions)
    assert isinstance(step, Deliver)
    assert (step.attempt, step.passed) == (1, True)


def test_an_answer_that_did_not_pass_is_not_reviewed() -> None:
    """It goes up; and the marked one at the top goes out as it is."""
    up = next_step(reviewing(), [text(0.0)], NOW)
    assert isinstance(up, Start)
    assert up.calls[0].why == "escalation"
    top = msgspec.structs.replace(answered(2, 1, 0.0, why="escalation"), is_text=True)
    end = next_step(reviewing(), [text(0.0), top], NOW)
    assert isinstance(end, Deliver)
    assert (end.attempt, end.passed) == (2, False)


def test_advice_is_asked_and_then_gone_on_from() -> None:
    step = next_step(advising(), [asking(1)], NOW)
    assert isinstance(step, Start)
    assert step.calls == (Call(number=2, rung=BESIDE, why="advisor", about=1),)
    step = next_step(advising(), [asking(1), advice(2, 1)], NOW)
    assert isinstance(step, Start)
    assert step.calls == (Call(number=3, rung=0, why="advised", about=1),)


@pytest.mark.parametrize(
    ("made", "attempts", "conditions"),
    [
        (advising(1), [asking(1), advice(2, 1), asking(3, "advised", 1)], NOW),
        (advising(), [asking(1)], Conditions(resting=frozenset({"strong"}))),
        (advising(), [asking(1)], Conditions(unaffordable=frozenset({BESIDE}))),
        (advising(), [asking(1), failed_beside(2, 1, "advisor")], NOW),
    ],
    ids=["used up", "at rest", "over the budget", "failed"],
)
def test_without_advice_the_same_rung_goes_on(
    made: Plan, attempts: list[Attempt], conditions: Conditions
) -> None:
    step = next_step(made, attempts, conditions)
    assert isinstance(step, Start)
    (call,) = step.calls
    assert (call.number, call.rung, call.why) == (len(attempts) + 1, 0, "advised")


def test_an_advised_answer_is_one_attempt_to_the_ladder() -> None:
    """It counts once, for the reason of its first call, and escalates like any other."""
    last = answered(3, 0, 0.0, why="advised")
    last = msgspec.structs.replace(last, call=msgspec.structs.replace(last.call, about=1))
    attempts = [asking(1), advice(2, 1), last]
    (seen,) = climbing(attempts)
    assert (seen.call.number, seen.call.why, seen.state) == (3, "first", "answered")
    step = next_step(advising(max_attempts=2), attempts, NOW)
    assert isinstance(step, Start)
    assert (step.calls[0].number, step.calls[0].rung, step.calls[0].why) == (4, 1, "escalation")


def test_a_retry_of_an_advised_call_keeps_what_it_goes_on_from() -> None:
    call = Call(number=3, rung=0, why="advised", about=1)
    broke = Attempt(call=call, state="failed", failure=Failure(kind="server_error", message=""))
    step = next_step(advising(), [asking(1), advice(2, 1), broke], NOW)
    assert isinstance(step, Start)
    assert (step.calls[0].why, step.calls[0].about, step.calls[0].number) == ("retry", 1, 4)


def test_once_words_went_out_the_last_call_is_the_answer() -> None:
    call = Call(number=3, rung=0, why="advised", about=1)
    attempts = [asking(1), advice(2, 1)]
    out = Conditions(committed=1)
    going = next_step(advising(), attempts, out)
    assert isinstance(going, Start)
    assert going.calls[0].why == "advised"
    done = Attempt(call=call, state="answered", finish="stop")
    assert next_step(advising(), [*attempts, done], out) == Deliver(
        attempt=3, passed=True, reason="every gate passed"
    )
    broke = Attempt(call=call, state="failed", failure=Failure(kind="overloaded", message=""))
    end = next_step(advising(), [*attempts, broke], out)
    assert isinstance(end, GiveUp)
    assert end.reason == "broken"


@pytest.mark.parametrize(("committed", "reason"), [(None, "deadline"), (1, "broken")])
def test_the_deadline_ends_what_waits_for_advice(committed: int | None, reason: str) -> None:
    late = Conditions(elapsed_seconds=700.0, committed=committed)
    flying = Attempt(call=Call(number=2, rung=BESIDE, why="advisor", about=1))
    assert next_step(advising(), [asking(1), flying], late) == Cancel(calls=(2,))
    end = next_step(advising(), [asking(1), failed_beside(2, 1, "advisor")], late)
    assert isinstance(end, GiveUp)
    assert end.reason == reason


def test_without_money_to_go_on_it_is_given_up() -> None:
    made = advising(max_cost_nano=1_500)
    end = next_step(made, [asking(1)], Conditions(spent_nano=1_000))
    assert isinstance(end, GiveUp)
    assert end.reason == "cost_cap"


@pytest.mark.parametrize(
    ("advised", "why", "may"), [(0, "first", True), (1, "advised", True), (2, "advised", False)]
)
def test_how_often_an_answer_that_asks_is_gone_on_from(advised: int, why: Any, may: bool) -> None:
    """With one use: once with advice, once with word that there is no more."""
    before = [asking(1), *(asking(n + 1, "advised", n) for n in range(1, advised))]
    assert may_ask(advising(1), before, Call(number=9, rung=0, why=why)) is may


REQUEST = ModelRequest(
    format="openai_chat", model="auto", messages=(Message(role="user", parts=(Text(text="Go"),)),)
)
FIRST = Call(number=1, rung=0, why="first")


def choosing(mode: Any) -> ModelRequest:
    return msgspec.structs.replace(REQUEST, tool_choice=ToolChoice(mode=mode, names=("look",)))


@pytest.mark.parametrize(
    ("call", "request_", "offered"),
    [
        (FIRST, REQUEST, True),
        (FIRST, choosing("auto"), True),
        (FIRST, choosing("required"), True),
        (FIRST, choosing("none"), False),
        (FIRST, choosing("named"), False),
        (FIRST, choosing("allowed"), False),
        (Call(number=2, rung=0, why="re_ask", corrects=1), REQUEST, False),
        (Call(number=2, rung=BESIDE, why="advisor", about=1), REQUEST, False),
        (
            FIRST,
            msgspec.structs.replace(
                REQUEST, tools=(Tool(name="google_search", source="gemini", raw={"googleSearch": {}}),)
            ),
            False,
        ),
    ],
)
def test_who_is_offered_advice(call: Call, request_: ModelRequest, offered: bool) -> None:
    assert offers_advice(advising(), call, request_) is offered


OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from(("answers", "misses", "asks", "down", "empty", "overloaded")),
        st.sampled_from(("approve", "improve", "misses", None, "down")),
    ),
    min_size=1,
    max_size=12,
)


def both(uses: int, rounds: int, **limits: Any) -> Plan:
    made = plan(A, DEEP, gates=(FINISHED,), limits=Limits(**limits))
    asides = (
        Aside(gate=NO_GATE, rung=STRONG, check="review", role="review"),
        Aside(gate=NO_GATE, rung=STRONG, role="advisor"),
    )
    return msgspec.structs.replace(
        made,
        asks=True,
        asides=asides,
        review=Review(by="strong", rounds=rounds),
        advisor=Advisor(by="strong", max_uses=uses),
    )


def ended(made: Plan, attempts: list[Attempt], call: Call, outcome: tuple[str, Any]) -> Attempt:
    """How this call ends, as the engine would have it."""
    said, reviewed = outcome
    if call.why == "advisor":
        return advice(call.number, call.about or 0) if said == "answers" else _broke(call, "server_error")
    if call.why == "review":
        if reviewed == "down":
            return _broke(call, "server_error")
        improves = "improve" if reviewed in ("improve", "misses") else reviewed
        score = 0.0 if reviewed == "misses" else 1.0
        return msgspec.structs.replace(review(call.number, call.about or 0, improves, score), call=call)
    if said == "asks":
        if may_ask(made, attempts, call):
            return Attempt(call=call, state="answered", finish="tool_calls", seeks_advice=True)
        return _broke(call, "empty")
    if said in ("answers", "misses"):
        verdict = Verdict(check="finished", score=float(said == "answers"), reason="measured")
        return Attempt(call=call, state="answered", finish="stop", is_text=True, verdicts=(verdict,))
    return _broke(call, "server_error" if said == "down" else said)


def _broke(call: Call, kind: Any) -> Attempt:
    return Attempt(call=call, state="failed", failure=Failure(kind=kind, message=kind))


@given(
    script=OUTCOMES,
    uses=st.integers(1, 3),
    rounds=st.integers(1, 3),
    commits=st.booleans(),
    money=st.sampled_from((None, 3_000, 20_000)),
)
def test_every_climb_with_second_models_ends_within_its_bounds(
    script: list[tuple[str, Any]], uses: int, rounds: int, commits: bool, money: int | None
) -> None:
    """Calls are numbered one after the other, advice and reviews stay within what the rule says, and what is delivered
    is an answer that asks nothing. What went out is never taken back."""
    made = both(uses, rounds, max_cost_nano=money)
    attempts: list[Attempt] = []
    committed: int | None = None
    step: Any = None
    for turn in range(60):
        spent = 1_000 * len(attempts)
        step = next_step(made, attempts, Conditions(spent_nano=spent, committed=committed))
        if not isinstance(step, Start):
            break
        (call,) = step.calls
        assert call.number == len(attempts) + 1
        one = ended(made, attempts, call, script[turn % len(script)])
        attempts.append(one)
        if commits and committed is None and one.state == "answered" and call.rung < BESIDE:
            committed = call.number
    assert not isinstance(step, Start)
    whys = [attempt.call.why for attempt in attempts]
    assert whys.count("advisor") <= uses
    assert whys.count("advised") <= uses + 1
    assert whys.count("review") <= rounds
    if isinstance(step, Deliver):
        delivered = attempts[step.attempt - 1]
        assert delivered.state == "answered" or delivered.failure is not None
        assert not delivered.seeks_advice
        if committed is not None:
            assert step.attempt == last_of(attempts, committed) or delivered.call.why == "review"
