"""How long a retry waits: full jitter under a cap that doubles."""

from hypothesis import given
from hypothesis import strategies as st

from tiercel.ladder.backoff import BASE_SECONDS, MAX_SECONDS, backoff_seconds

DRAWS = st.floats(0, 1, exclude_max=True)


@given(retries_before=st.integers(0, 60), draw=DRAWS)
def test_the_wait_is_anywhere_between_nothing_and_its_cap(retries_before: int, draw: float) -> None:
    """Nothing is added to the draw: clients that failed together do not come back together."""
    cap = min(MAX_SECONDS, BASE_SECONDS * 2**retries_before)
    assert backoff_seconds(retries_before, draw) == draw * cap
    assert backoff_seconds(retries_before, 0.0) == 0.0
    assert backoff_seconds(retries_before, draw) <= MAX_SECONDS


def test_the_cap_doubles_until_eight_seconds() -> None:
    nearly_one = 1 - 2**-53
    waits = [round(backoff_seconds(retries, nearly_one), 2) for retries in range(7)]
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
