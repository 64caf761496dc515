"""`tiercel demo --efforts`: the three ways, and what a mix of them saves."""

import pytest

from tiercel.cli.demo_efforts import ALWAYS_HIGH, ALWAYS_LOW, LOW_FIRST, Sent, comparison, policies
from tiercel.cli.main import main

MILLI = 1_000_000


def sent(cost: int, right: bool | None = True, *, high: bool = False) -> Sent:
    return Sent(cost_nano=cost * MILLI, right=right, high=high)


FOUND = {
    ALWAYS_HIGH: [sent(10, high=True), sent(40, high=True), sent(50, None, high=True)],
    ALWAYS_LOW: [sent(5), sent(10, False), sent(10, None)],
    LOW_FIRST: [sent(5), sent(50, high=True), sent(10, None)],
}


def test_each_way_has_its_share_its_right_answers_its_cost_and_what_it_saves() -> None:
    """The mix by lot is what is to be expected of one task in five at high effort."""
    lines = [line.split() for line in comparison(FOUND)]
    assert lines[0] == ["at", "high", "right", "of", "2", "cost", "saved", "median"]
    assert lines[1] == ["always", "high", "100", "%", "2", "$0.1", "0", "%", "0", "%"]
    assert lines[2] == ["always", "low", "0", "%", "1", "$0.025", "75", "%", "75", "%"]
    assert lines[3] == ["low", "first", "33", "%", "2", "$0.065", "35", "%", "50", "%"]
    assert lines[4] == ["80/20", "by", "lot,", "expected", "20", "%", "1.2", "$0.04", "60", "%", "60", "%"]


def test_hard_tasks_begin_at_high_effort_and_others_may_go_up_to_it() -> None:
    ladders = {way: [rule.ladder for rule in policy.rules] for way, policy in policies("m").items()}
    assert ladders == {
        ALWAYS_HIGH: [("m@high",), ("m@high",)],
        ALWAYS_LOW: [("m@low",), ("m@low",)],
        LOW_FIRST: [("m@high",), ("m@low", "m@high")],
    }


def test_the_command_shows_all_ways_and_says_that_it_is_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--efforts"]) == 0
    text = capsys.readouterr().out
    parts = ("by effort", "always high", "always low", "low first", "80/20 by lot", "SIMULATED")
    places = [text.index(part, text.index("Tiercel report")) for part in parts]
    assert places == sorted(places)
