"""How long a provider asks us to wait, in all its spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.upstream.wait_hint import MAX_WAIT_SECONDS, wait_seconds

NOW = 1_795_000_000.0  # 2026-11-18T11:06:40Z


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, "", None),
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": "1.5"}, "", 1.5),
        ({"retry-after": "0"}, "", 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, "", 0.25),
        ({"retry-after": "Wed, 18 Nov 2026 11:07:00 GMT"}, "", 20.0),
        ({"retry-after": "Wed, 18 Nov 2026 11:00:00 GMT"}, "", None),
        ({"retry-after": "Wed, 18 Nov 2099 11:00:00 GMT"}, "", 300.0),
        ({"retry-after": "1000000000"}, "", 300.0),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "inf"}, "", None),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "soon"}, "Please try again in 1.5s.", 1.5),
        ({}, "Rate limit reached. Please try again in 20ms.", 0.02),
        ({}, "please retry after 30 seconds", 30.0),
        ({}, "Try again in 2 minutes", 120.0),
        ({}, '{"details":[{"@type":"…RetryInfo","retryDelay": "34.4s"}]}', 34.4),
        ({"x-ratelimit-reset-requests": "12ms"}, "", 0.012),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "1m30s"}, "", 90.0),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "2m",
                "x-ratelimit-remaining-tokens": "100",
            },
            "",
            1.0,
        ),
        ({"x-ratelimit-reset": str(int((NOW + 12) * 1000))}, "", 12.0),
        ({"x-ratelimit-reset": str(int(NOW + 12))}, "", 12.0),
        ({"anthropic-ratelimit-tokens-reset": "2026-11-18T11:07:00Z"}, "", 20.0),
        ({"x-ratelimit-reset-requests": "later"}, "", None),
    ],
)
def test_wait_is_read(headers: dict[str, str], body: str, expected: float | None) -> None:
    assert wait_seconds(headers, body, NOW) == (expected if expected is None else pytest.approx(expected))


SPELLINGS = st.text(max_size=40) | st.from_regex(r"\A-?[0-9]{1,25}(\.[0-9]+)?(ms|s|m|h)?\Z")


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "x-ratelimit-reset"]),
        SPELLINGS,
    ),
    st.text(),
)
def test_garbage_never_raises_and_the_wait_is_bounded(headers: dict[str, str], body: str) -> None:
    seconds = wait_seconds(headers, body, NOW)
    assert seconds is None or 0 <= seconds <= MAX_WAIT_SECONDS
