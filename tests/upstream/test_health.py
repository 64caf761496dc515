"""Breakers, cool-downs, the retry budget and measured speed, on a clock that moves only when told."""

from collections.abc import Iterable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.failure import Failure, FailureKind
from tiercel.domain.response import ModelResponse, Usage
from tiercel.upstream.call import CallResult
from tiercel.upstream.health import COUNTED, Health, tokens_per_second


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


GOOD = CallResult(response=ModelResponse(choices=()), seconds=1.0)


def failed(kind: FailureKind, retry_after_seconds: float | None = None) -> CallResult:
    return CallResult(failure=Failure(kind=kind, message="", retry_after_seconds=retry_after_seconds))


def rests(health: Health) -> bool:
    resting = health.resting()
    assert health.resting(["b", "a", "never called"]) == resting
    assert not health.resting(["b"])
    return resting == {"a"}


def fail(health: Health, times: int, kind: FailureKind = "server_error") -> None:
    for _ in range(times):
        health.observe("a", failed(kind))


def test_five_failures_in_a_row_open_the_breaker(health: Health) -> None:
    fail(health, 4)
    assert not rests(health)
    fail(health, 1)
    assert rests(health)


def test_the_first_of_several_rests_is_what_is_waited_for(health: Health, clock: Clock) -> None:
    health.observe("a", failed("rate_limited", 40.0))
    health.observe("b", failed("rate_limited", 20.0))
    clock.now += 5
    assert health.rest_seconds(["a", "b"]) == 15.0
    assert health.rest_seconds(["a"]) == 35.0
    assert health.rest_seconds(["a", "b", "never called"]) == 0.0
    assert health.rest_seconds([]) == 0.0


def test_success_in_between_starts_the_count_anew(health: Health) -> None:
    fail(health, 4)
    health.observe("a", GOOD)
    fail(health, 4)
    assert not rests(health)


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_only_the_deployment_s_own_failures_open_its_breaker(health: Health, kind: FailureKind) -> None:
    fail(health, 5, kind)
    assert (health.snapshot()[0].state == "open") == (kind in COUNTED)


def test_failures_about_the_request_are_not_counted() -> None:
    about_the_request = {
        "bad_request",
        "context_too_long",
        "content_policy",
        "cancelled",
        "empty",
        "empty_length",
    }
    assert not COUNTED & about_the_request


def test_after_the_rest_exactly_one_call_goes_through(health: Health, clock: Clock) -> None:
    fail(health, 5)
    clock.now += 9.9
    assert rests(health)
    clock.now += 0.1
    assert not rests(health)
    health.began("a")
    assert rests(health)


def test_good_probe_closes_the_breaker(health: Health, clock: Clock) -> None:
    fail(health, 5)
    clock.now += 10
    health.began("a")
    health.observe("a", GOOD)
    assert not rests(health)
    fail(health, 4)
    assert not rests(health)


def test_each_failed_probe_doubles_the_rest_up_to_five_minutes(health: Health, clock: Clock) -> None:
    fail(health, 5)
    rest_lengths = []
    for _ in range(7):
        rest_lengths.append(health.snapshot()[0].rest_seconds)
        clock.now += rest_lengths[-1]
        health.began("a")
        fail(health, 1)
    assert rest_lengths == [10, 20, 40, 80, 160, 300, 300]


def test_failures_of_calls_already_under_way_do_not_lengthen_the_rest(health: Health) -> None:
    fail(health, 50)
    assert health.snapshot()[0].rest_seconds == 10


def test_cancelled_probe_lets_the_next_one_try(health: Health, clock: Clock) -> None:
    fail(health, 5)
    clock.now += 10
    health.began("a")
    fail(health, 1, "cancelled")
    assert not rests(health)
    health.began("a")
    assert rests(health)


def test_probe_that_never_reports_does_not_block_for_ever(health: Health, clock: Clock) -> None:
    fail(health, 5)
    clock.now += 10
    health.began("a")
    clock.now += 120
    assert not rests(health)


@pytest.mark.parametrize(("asked", "seconds"), [(7.0, 7.0), (0.0, 0.0), (None, 5.0), (1e9, 300.0)])
def test_rate_limit_rests_exactly_as_long_as_asked(
    health: Health, clock: Clock, asked: float | None, seconds: float
) -> None:
    health.observe("a", failed("rate_limited", asked))
    assert health.snapshot()[0].rest_seconds == seconds
    clock.now += seconds
    assert not rests(health)


def test_success_of_an_earlier_call_does_not_shorten_a_rate_limit(health: Health) -> None:
    health.observe("a", failed("rate_limited", 30.0))
    health.observe("a", GOOD)
    assert rests(health)


@pytest.mark.parametrize("kind", ["quota", "auth", "model_gone"])
def test_what_a_person_must_put_right_rests_a_minute_and_then_longer(
    health: Health, clock: Clock, kind: FailureKind
) -> None:
    lengths = []
    for _ in range(6):
        fail(health, 3, kind)
        lengths.append(health.snapshot()[0].rest_seconds)
        clock.now += lengths[-1]
    assert lengths == [60, 120, 240, 480, 900, 900]


def test_overload_with_a_wait_rests_that_long(health: Health) -> None:
    health.observe("a", failed("overloaded", 12.0))
    assert health.snapshot()[0].rest_seconds == 12


# The retry budget


def test_budget_starts_with_ten_and_every_retry_takes_one(health: Health) -> None:
    health.spend_retry()
    assert health.retry_tokens == 9


def test_requests_refill_the_budget_up_to_its_cap(health: Health) -> None:
    health.spend_retry()
    for _ in range(5):
        health.note_request()
    assert health.retry_tokens == pytest.approx(10)
    health.note_request()
    assert health.retry_tokens == 10


def test_small_traffic_always_has_three_retries_in_ten_seconds(health: Health, clock: Clock) -> None:
    for _ in range(20):
        health.spend_retry()
    assert health.retry_tokens == 0
    clock.now += 10
    assert health.retry_tokens == 3
    health.spend_retry()
    assert health.retry_tokens == 2


@given(st.lists(st.sampled_from(["request", "retry"]), max_size=400))
def test_retries_stay_within_a_fifth_of_the_requests(steps: list[str]) -> None:
    """However requests and retries mix within ten seconds: at most the start, a fifth of the requests, and three."""
    health = Health(Clock())
    requests = retries = 0
    for step in steps:
        if step == "request":
            requests += 1
            health.note_request()
        elif health.retry_tokens >= 1:
            retries += 1
            health.spend_retry()
    assert retries <= 10 + requests * 0.2 + 3


# Speed


def answered(seconds: float, ttft: float | None, ttfa: float | None, usage: Usage | None) -> CallResult:
    return CallResult(seconds=seconds, ttft_seconds=ttft, ttfa_seconds=ttfa, usage=usage)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (answered(3.0, 1.0, 1.0, Usage(visible=100)), 50.0),
        (answered(2.0, 2.0, 2.0, Usage(visible=100)), 50.0),
        # thinking that was streamed counts, hidden thinking was done before the first token
        (answered(3.0, 1.0, 2.0, Usage(visible=50, reasoning=50)), 50.0),
        (answered(3.0, 1.0, 1.0, Usage(visible=50, reasoning=50)), 25.0),
        (answered(2.0, 2.0, 2.0, Usage(visible=50, reasoning=50)), 50.0),
        (answered(3.0, 1.0, 1.0, Usage(visible=15)), None),
        (answered(3.0, 1.0, 1.0, Usage(visible=100, source="partial")), None),
        (answered(3.0, 1.0, 1.0, None), None),
        (answered(3.0, None, None, Usage(visible=100)), None),
        (answered(0.0, 0.0, 0.0, Usage(visible=100)), None),
    ],
)
def test_speed_of_one_answer(result: CallResult, expected: float | None) -> None:
    assert tokens_per_second(result) == expected


def test_measured_speed_is_the_median_of_the_last_answers(health: Health) -> None:
    for seconds in (2.0, 3.0, 11.0):
        health.observe("a", answered(seconds, 1.0, 1.0, Usage(visible=100)))
    health.observe("b", answered(1.0, 0.5, 0.5, Usage(visible=3)))
    assert health.measured_speed() == {"a": 50.0}

    assert [(d.name, d.ttft_seconds) for d in health.snapshot()] == [("a", 1.0), ("b", 0.5)]


def test_measured_speed_is_that_of_the_moment_it_is_read(health: Health) -> None:
    """Nobody who was never measured has one, and asking does not make them known."""
    speeds = health.measured_speed()
    assert (speeds.get("a"), len(speeds)) == (None, 0)
    health.observe("a", answered(1.0, 1.0, 1.0, Usage(visible=40)))
    assert speeds["a"] == 40.0
    health.observe("a", answered(1.0, 1.0, 1.0, Usage(visible=60)))
    assert (speeds["a"], dict(speeds)) == (50.0, {"a": 50.0})
    assert [(d.name, d.tokens_per_second) for d in health.snapshot()] == [("a", 50.0)]


# Hedging


def begun(health: Health, name: str, seconds: Iterable[float]) -> None:
    """Streams whose first content came after so many seconds, each a second before its end."""
    for ttfa in seconds:
        health.observe(name, answered(ttfa + 1, ttfa / 2, ttfa, None))


def test_slow_is_slower_than_95_of_100_answers(health: Health) -> None:
    """A value that really occurred, of the last hundred, whatever their order."""
    begun(health, "a", [500.0] * 30)
    begun(health, "a", range(100, 0, -1))
    assert health.slow_after_seconds(["a", "b"], whole=False) == {"a": 95.0}
    assert health.slow_after_seconds(["a", "b"], whole=True) == {"a": 96.0}


def test_fewer_than_twenty_answers_say_nothing(health: Health) -> None:
    begun(health, "a", [1.0] * 19)
    assert health.slow_after_seconds(["a"], whole=False) == {}
    begun(health, "a", [2.0])
    assert health.slow_after_seconds(["a"], whole=False) == {"a": 1.0}


def test_a_whole_answer_says_nothing_about_how_streams_begin(health: Health) -> None:
    for _ in range(20):
        health.observe("a", answered(3.0, 3.0, 3.0, None))
    assert health.slow_after_seconds(["a"], whole=False) == {}
    assert health.slow_after_seconds(["a"], whole=True) == {"a": 3.0}


def test_failures_say_nothing_about_speed(health: Health) -> None:
    fail(health, 20)
    assert health.slow_after_seconds(["a"], whole=True) == {}


@pytest.mark.parametrize("whole", [False, True])
def test_a_call_that_was_outrun_counts_as_slow_but_only_if_it_was(health: Health, whole: bool) -> None:
    begun(health, "a", [1.0] * 20)
    for _ in range(10):
        health.outrun("a", 0.5, whole=whole)
    usual = 2.0 if whole else 1.0
    assert health.slow_after_seconds(["a"], whole=whole) == {"a": usual}
    for _ in range(3):
        health.outrun("a", 9.0, whole=whole)
    assert health.slow_after_seconds(["a"], whole=whole) == {"a": 9.0}
    assert health.slow_after_seconds(["a"], whole=not whole) == {"a": 3.0 - usual}


@given(st.lists(st.sampled_from(["request", "hedge"]), max_size=600))
def test_hedges_stay_within_a_twentieth_of_the_requests(steps: list[str]) -> None:
    health = Health(Clock())
    requests = hedges = 0
    for step in steps:
        if step == "request":
            requests += 1
            health.note_request()
        elif health.hedge_tokens >= 1:
            hedges += 1
            health.spend_hedge()
        assert hedges * 20 <= requests


def test_a_calm_time_saves_up_five_hedges(health: Health) -> None:
    for _ in range(1_000):
        health.note_request()
    assert health.hedge_tokens == 5.0
