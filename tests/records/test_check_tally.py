"""What is charged to which check: climbs that can be worked out by hand."""

import pytest

from tests.records.climbs import call, climb, made_up, said
from tiercel.domain.climb import ASIDE
from tiercel.domain.record import Record
from tiercel.records.check_tally import CheckCell, CheckCount, tally_checks

BAD = said("json_schema", 0.0, seconds=0.25)
GOOD = said("json_schema", 1.0)
LET_GO = climb(call(1, "first", "cheap", GOOD, next_nano=900), delivered=1)
REPAIRED = climb(call(1, "first", "cheap", said("json_schema", repairs=("fences",))), delivered=1)
SENT_UP = climb(
    call(1, "first", "cheap", BAD, missed="json_schema", next_nano=900),
    call(2, "re_ask", "cheap", BAD, missed="json_schema", next_nano=900, seconds=2.0),
    call(3, "escalation", "dear", GOOD, cost_nano=950, seconds=3.0),
    delivered=3,
)
MARKED = climb(call(1, "first", "cheap", BAD, missed="json_schema"), delivered=1, outcome="marked")
WITHHELD = climb(call(1, "first", "cheap", BAD, missed="json_schema"), delivered=None, outcome="withheld")
LEFT = climb(call(1, "first", "cheap", BAD, missed="json_schema"), delivered=None, outcome="cancelled")
OPEN = climb(call(1, "first", "cheap", said("json_schema", 0.0, error="broke"), next_nano=900), delivered=1)
FAILED_ON_THE_WAY = climb(
    call(1, "first", "cheap", BAD, missed="json_schema", next_nano=900),
    call(2, "escalation", "dear", cost_nano=None),
    call(3, "fallback", "other", GOOD, cost_nano=950),
    delivered=3,
)


def counted(record: Record, check: str, rung: str = "cheap") -> dict[str, int]:
    """What is not zero."""
    tally = tally_checks([record])[CheckCell("", check, rung)]
    return {name: count for name, count in tally.counts.items() if count}


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        (LET_GO, {"measured": 1, "kept": 1, "kept_nano": 100, "next_nano": 900}),
        (REPAIRED, {"measured": 1, "repaired": 1, "changed": 1}),
        (MARKED, {"measured": 1, "missed": 1, "own_microseconds": 250_000}),
        (WITHHELD, {"measured": 1, "missed": 1, "changed": 1, "own_microseconds": 250_000}),
        (LEFT, {"measured": 1, "missed": 1, "own_microseconds": 250_000}),
        (OPEN, {"measured": 1, "errors": 1}),
    ],
    ids=["let go", "repaired", "marked", "withheld", "the client left", "let through by an error"],
)
def test_one_answer(record: Record, counts: dict[CheckCount, int]) -> None:
    assert counted(record, "json_schema") == counts


def test_what_a_miss_led_to_is_charged_to_its_check_and_rung() -> None:
    """The re-ask for the first miss, the escalation for the second; the dear answer is its own rung's."""
    assert counted(SENT_UP, "json_schema") == {
        "measured": 2,
        "missed": 2,
        "changed": 2,
        "re_asked": 1,
        "escalated": 1,
        "caused": 2,
        "caused_nano": 100 + 950,
        "caused_microseconds": 5_000_000,
        "own_microseconds": 500_000,
        "sent_on": 2,
        "sent_on_nano": 200,
    }
    assert counted(SENT_UP, "json_schema", "dear") == {"measured": 1}


def test_what_failed_on_the_way_is_charged_to_the_miss_that_led_there() -> None:
    """And a call without a known price is counted, and not taken for free."""
    counts = counted(FAILED_ON_THE_WAY, "json_schema")
    assert (counts["caused"], counts["caused_nano"], counts["unpriced"]) == (2, 950, 1)


def test_a_hedge_belongs_to_the_call_beside_which_it_ran() -> None:
    """That of a first call, which missed a gate later, is nobody's."""
    record = climb(
        call(1, "first", "cheap", BAD, missed="json_schema"),
        call(2, "hedge", "near"),
        call(3, "escalation", "dear", GOOD),
        call(4, "hedge", "far"),
        delivered=4,
    )
    assert counted(record, "json_schema")["caused"] == 2


def asked(score: float, *, elects: int | None = None, missed: str | None = None) -> tuple[Record, ...]:
    answer = call(
        1,
        "first",
        "cheap",
        said("agreement", score, elects=elects, seconds=0.5),
        missed=missed,
        next_nano=900,
        seconds=1.0,
    )
    opinions = (
        call(2, "opinion", "a", GOOD, asked_by="agreement", cost_nano=30, seconds=0.5),
        call(3, "opinion", "b", asked_by="agreement", cost_nano=40, seconds=1.75),
    )
    up = call(4, "escalation", "dear", cost_nano=950)
    if elects is not None:
        return (climb(answer, *opinions, delivered=elects),)
    return (climb(answer, *opinions, *(() if missed is None else (up,)), delivered=4 if missed else 1),)


def test_opinions_are_charged_to_the_answer_that_was_compared_with_them() -> None:
    """Their calls, and how long the answer waited for the slower one."""
    (record,) = asked(1.0)
    assert counted(record, "agreement") == {
        "measured": 1,
        "asked": 2,
        "asked_nano": 70,
        "own_microseconds": 500_000 + 750_000,
        "kept": 1,
        "kept_nano": 170,
        "next_nano": 900,
    }


def test_an_elected_answer_spares_the_next_rung() -> None:
    """The client got another answer, for the price of the opinions."""
    (record,) = asked(0.0, elects=2, missed="agreement")
    counts = counted(record, "agreement")
    assert (counts["elected"], counts["changed"], counts["kept"], counts["kept_nano"]) == (1, 1, 1, 170)
    assert "sent_on" not in counts


def test_an_answer_of_bad_form_that_was_outvoted_did_not_go_up() -> None:
    """Its form's check changed what the client got; what that saved stands with the opinions."""
    record = climb(
        call(1, "first", "cheap", BAD, said("agreement", 0.0, elects=2), missed="json_schema", next_nano=900),
        call(2, "opinion", "a", GOOD, asked_by="agreement", cost_nano=30),
        call(3, "opinion", "b", GOOD, asked_by="agreement", cost_nano=30),
        delivered=2,
    )
    form, opinions = counted(record, "json_schema"), counted(record, "agreement")
    assert (form["changed"], "sent_on" in form) == (1, False)
    assert (opinions["changed"], opinions["elected"], opinions["kept_nano"]) == (1, 1, 160)


def test_opinions_in_vain_are_lost() -> None:
    """What the answer cost that was not good enough, and what was paid to find that out."""
    (record,) = asked(0.0, missed="agreement")
    counts = counted(record, "agreement")
    assert (counts["escalated"], counts["caused_nano"], counts["asked_nano"]) == (1, 950, 70)
    assert (counts["sent_on"], counts["sent_on_nano"]) == (1, 100 + 70)


def test_opinions_that_came_to_be_compared_with_nothing_are_still_charged() -> None:
    """The first call missed another gate."""
    record = climb(
        call(1, "first", "cheap", BAD, missed="json_schema", next_nano=900),
        call(2, "opinion", "a", asked_by="agreement", cost_nano=30),
        call(3, "escalation", "dear", GOOD),
        delivered=3,
    )
    assert counted(record, "agreement") == {"asked": 1, "asked_nano": 30, "sent_on_nano": 30}


def test_a_check_on_an_opinion_changes_nothing_for_the_client() -> None:
    """It ran, and what missed is no opinion; that is all."""
    opinion = call(2, "opinion", "a", BAD, missed="json_schema", asked_by="agreement", next_nano=None)
    record = climb(call(1, "first", "cheap", said("agreement")), opinion, delivered=1)
    assert counted(record, "json_schema", "a") == {"measured": 1, "missed": 1, "own_microseconds": 250_000}


def test_a_judge_is_charged_to_the_answer_before_it() -> None:
    """Each of two, on two rungs; its time is in the check's own."""
    record = climb(
        call(1, "first", "cheap", said("judge", 0.0, seconds=2.0), missed="judge", next_nano=900),
        call(2, "judge", "j", asked_by="judge", cost_nano=7, seconds=1.9),
        call(3, "escalation", "dear", said("judge", 1.0, seconds=3.0)),
        call(4, "judge", "j", asked_by="judge", cost_nano=8, seconds=2.9),
        delivered=3,
    )
    assert counted(record, "judge")["asked_nano"] == 7
    dear = counted(record, "judge", "dear")
    assert (dear["asked_nano"], dear["own_microseconds"]) == (8, 3_000_000)


@pytest.mark.parametrize("seed", range(20))
def test_no_call_is_charged_twice(seed: int) -> None:
    """What checks caused and asked for is at most what was called, and all that was called beside the ladder."""
    for record in made_up(seed, 100):
        assert isinstance(record, Record)
        counts = [tally.counts for tally in tally_checks([record]).values()]
        beside = [attempt for attempt in record.attempts if attempt.why in ASIDE]
        assert sum(c["asked"] for c in counts) == len(beside)
        assert sum(c["caused"] for c in counts) <= len(record.attempts) - len(beside)
        assert sum(c["asked_nano"] + c["caused_nano"] for c in counts) <= record.cost_nano
        assert sum(c["measured"] for c in counts) == sum(len(a.verdicts) for a in record.attempts)
