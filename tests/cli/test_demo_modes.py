"""`tiercel demo --modes`: what each mode costs beside one model alone."""

import pytest

from tiercel.cli.demo_modes import ALONE, HOLDS, Way, came_of, comparison, ways
from tiercel.cli.demo_sessions import STICKIES
from tiercel.cli.main import main
from tiercel.domain.climb import Why
from tiercel.domain.record import AttemptRecord, Record

MILLI = 1_000_000


def record(
    *calls: Why, usd_milli: int = 1, first: float = 1.0, seconds: float = 2.0, told: str = ""
) -> Record:
    attempts = tuple(
        AttemptRecord(
            number=number, why=why, rung="m", deployment="m", provider="p", model="m", state="answered",
            began_seconds=0.0, seconds=seconds, cost_nano=usd_milli * MILLI,
        )
        for number, why in enumerate(calls, start=1)
    )  # fmt: skip
    return Record(
        id="r", outcome="passed", started_at=0.0, format="openai_chat", stream=True, model_requested="auto",
        seconds=seconds, ttfa_seconds=first, attempts=attempts, message=told,
    )  # fmt: skip


def test_each_way_is_told_as_ratios_to_the_model_alone() -> None:
    found = {
        ALONE: Way(records=(record("first"),)),
        "review": Way(records=(record("first", "review", usd_milli=3, first=4.0, seconds=5.0),)),
    }
    lines = [line.split() for line in comparison(found)]
    assert lines[1] == ["alone", "1.00", "1.00", "1.00", "1.00"]
    assert lines[2] == ["review", "6.00", "4.00", "2.50", "2.00", "0", "of", "1", "approved"]


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ((record("first"),), ""),
        ((record("first", "review", told="every gate passed; approved by the reviewer"),), "1 of 1 approved"),
        ((record("first", "advisor", "advised"), record("first")), "1 asked"),
    ],
)
def test_what_became_of_a_mode_is_told(records: tuple[Record, ...], told: str) -> None:
    assert came_of(Way(records=records)) == told


def test_every_mode_of_a_rule_has_a_way() -> None:
    rules = ways("m@low").values()
    assert all(
        any(getattr(rule, mode) for rule in rules)
        for mode in ("hold", "review", "advisor", "split", "shadow")
    )


def test_the_command_shows_all_ways_and_says_that_it_is_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--modes", "--limit", "2"]) == 0
    text = capsys.readouterr().out
    table = text[text.index("Tasks of text, ratios to") :]
    sessions = [f"sticky = {sticky}" for sticky in STICKIES]
    held = [f"hold = {mode}" for mode in HOLDS]
    told = ("2 of 2 approved", "2 asked", "2 copies", "SIMULATED")
    for words in (*told, *ways("claude-opus-4-8@low"), *held, *sessions):
        assert words in table


def test_two_demos_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--modes", "--efforts"])
    assert "not allowed with" in capsys.readouterr().err
