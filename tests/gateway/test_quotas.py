"""Requests and tokens a minute, and requests at once: never more in any 60 seconds, and honest about when to return."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.errors import CallerError
from tiercel.domain.keys import AccessKey, Quota
from tiercel.gateway.quotas import Quotas
from tiercel.testing.clock import FrozenClock


def key_with(**quota: int) -> AccessKey:
    return AccessKey(id="k", quota=Quota(**quota))


def told_to_wait(quotas: Quotas, limit: int) -> float:
    """For how many seconds a request is sent away; 0 when it was let in."""
    try:
        quotas.enter(key_with(requests_per_minute=limit))
    except CallerError as error:
        return error.retry_after_seconds or float("inf")
    return 0.0


def test_who_has_no_limits_is_always_let_in_and_counts_once_there_are_some() -> None:
    quotas = Quotas(FrozenClock())
    entered = [quotas.enter(AccessKey(id="k")) for _ in range(100)]
    with pytest.raises(CallerError, match="2 requests under way"):
        quotas.enter(key_with(concurrent=2))
    for one in entered:
        one.leave()
    quotas.enter(key_with(concurrent=2))


@given(waits=st.lists(st.floats(0, 45), max_size=60), limit=st.integers(1, 6))
def test_no_minute_ever_holds_more_requests_than_allowed(waits: list[float], limit: int) -> None:
    clock = FrozenClock()
    quotas = Quotas(clock)
    let_in: list[float] = []
    for wait in waits:
        clock.advance(wait)
        try:
            quotas.enter(key_with(requests_per_minute=limit))
        except CallerError:
            continue
        let_in.append(clock())
    for moment in let_in:
        assert sum(1 for other in let_in if moment <= other < moment + 60.0) <= limit


@given(waits=st.lists(st.floats(0, 45), max_size=40), limit=st.integers(1, 6))
def test_whoever_waits_as_long_as_told_is_let_in(waits: list[float], limit: int) -> None:
    clock = FrozenClock()
    quotas = Quotas(clock)
    for wait in waits:
        clock.advance(wait)
        wait_seconds = told_to_wait(quotas, limit)
        assert 0 <= wait_seconds <= 62
        if wait_seconds:
            clock.advance(wait_seconds)
            quotas.enter(key_with(requests_per_minute=limit))


def test_requests_at_once_are_counted_until_they_end() -> None:
    quotas = Quotas(FrozenClock())
    key = key_with(concurrent=2)
    quotas.enter(key)
    second = quotas.enter(key)
    with pytest.raises(CallerError, match="2 requests under way"):
        quotas.enter(key)
    second.leave()
    quotas.enter(key)
    with pytest.raises(CallerError, match="2 requests under way"):
        quotas.enter(key)


def test_a_request_that_is_refused_is_not_under_way() -> None:
    clock = FrozenClock()
    quotas = Quotas(clock)
    key = key_with(requests_per_minute=1, concurrent=2)
    quotas.enter(key)
    with pytest.raises(CallerError, match="1 requests a minute"):
        quotas.enter(key)
    clock.advance(120.0)
    quotas.enter(key)


def test_keys_do_not_share_a_limit() -> None:
    quotas = Quotas(FrozenClock())
    for name in ("a", "b"):
        quotas.enter(AccessKey(id=name, quota=Quota(requests_per_minute=1)))


def test_tokens_are_put_right_when_they_are_known() -> None:
    quotas = Quotas(FrozenClock())
    key = key_with(tokens_per_minute=1_000)
    first = quotas.count_tokens(key, 900)
    assert first is not None
    with pytest.raises(CallerError, match="900 were used"):
        quotas.count_tokens(key, 200)
    first.settle(100)
    second = quotas.count_tokens(key, 200)
    assert second is not None
    second.settle(950)
    with pytest.raises(CallerError, match="1,050 were used"):
        quotas.count_tokens(key, 1)


def test_tokens_of_a_minute_that_is_over_need_no_correction() -> None:
    clock = FrozenClock()
    quotas = Quotas(clock)
    key = key_with(tokens_per_minute=1_000)
    old = quotas.count_tokens(key, 1_000)
    assert old is not None
    clock.advance(120.0)
    quotas.count_tokens(key, 400)
    old.settle(5_000)
    quotas.count_tokens(key, 600)


def test_a_request_over_the_whole_limit_is_not_told_to_wait() -> None:
    with pytest.raises(CallerError, match="needs about 1,001") as caught:
        Quotas(FrozenClock()).count_tokens(key_with(tokens_per_minute=1_000), 1_001)
    assert caught.value.retry_after_seconds is None
