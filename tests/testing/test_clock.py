"""The frozen clock."""

import pytest

from tiercel.testing.clock import FrozenClock


def test_it_stands_still() -> None:
    clock = FrozenClock(5.0)
    assert (clock(), clock()) == (5.0, 5.0)


def test_it_moves_when_told_to() -> None:
    clock = FrozenClock(5.0)
    assert clock.advance(2.5) == clock() == 7.5


def test_it_never_runs_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        FrozenClock().advance(-1)
