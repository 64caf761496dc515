"""Which time a page is of: whole steps of its charts, and never a moment that has not come."""

from datetime import UTC, datetime

import pytest

from tiercel.domain.errors import CallerError
from tiercel.gateway.dashboard.period import DAY, HOUR, LENGTHS, MINUTE, range_of

NOW = 1_795_000_000.0
"""2026-11-18 11:06:40 UTC."""


@pytest.mark.parametrize("name", LENGTHS)
def test_a_length_goes_up_to_now_from_a_whole_step_on(name: str) -> None:
    found = range_of({"range": name}, now=NOW)
    length, step = LENGTHS[name]
    assert found.live
    assert found.until == -(-NOW // MINUTE) * MINUTE
    assert found.since % step == 0
    assert found.until - length - step < found.since <= found.until - length


@pytest.mark.parametrize(
    ("since", "until", "step"),
    [
        ("2026-11-10T09:10", "2026-11-10T10:20", MINUTE),
        ("2026-11-10T09:10", "2026-11-12T10:20", HOUR),
        ("2026-11-01T09:10", "2026-11-10T10:20", 6 * HOUR),
        ("2026-10-01T09:10", "2026-11-10T10:20", DAY),
    ],
)
def test_a_range_of_ones_own_is_all_steps_that_it_touches(since: str, until: str, step: int) -> None:
    found = range_of({"from": since, "to": until}, now=NOW)
    assert (found.step_seconds, found.live) == (step, False)
    assert found.since % step == found.until % step == 0
    asked = [datetime.fromisoformat(one).replace(tzinfo=UTC).timestamp() for one in (since, until)]
    assert 0 <= asked[0] - found.since < step
    assert 0 <= found.until - asked[1] < step


def test_what_has_not_come_yet_is_not_in_it() -> None:
    """Though the last step is not whole then."""
    found = range_of({"from": "2026-11-01T00:00", "to": "2027-01-01T00:00"}, now=NOW)
    assert found.until == -(-NOW // MINUTE) * MINUTE


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(CallerError):
        range_of({"from": "2026-11-10T00:00", "to": "2026-11-01T00:00"}, now=NOW)
