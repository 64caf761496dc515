"""`tiercel report --checks`: the whole printed page, its JSON, and what it says when there is nothing to say."""

import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.records.climbs import call, climb, said
from tiercel.cli.main import main
from tiercel.cli.report_checks import render_account
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.settings import Storage
from tiercel.measure.checks_account import account_of
from tiercel.records.check_tally import tally_checks
from tiercel.records.recorder import Recorder

CHEAP, DEAR = "stepfun/step-3.7-flash", "anthropic/claude-sonnet-4-5@high"
MILLI = 1_000_000


def answer(number: int, score: float, **fields: object) -> AttemptRecord:
    plain = call(number, "first", CHEAP, said("agreement", score, seconds=0.001))
    own = {"cost_nano": 2 * MILLI, "next_nano": 30 * MILLI, "simulated": True}
    return msgspec.structs.replace(plain, **(own | fields))


def opinion(number: int) -> AttemptRecord:
    return call(number, "opinion", "b", asked_by="agreement", cost_nano=1 * MILLI, seconds=1.5)


def kept(number: int) -> Record:
    return climb(answer(1, 1.0), opinion(2), delivered=1)


SENT_UP = climb(
    answer(1, 0.0, missed="agreement"),
    opinion(2),
    call(3, "escalation", DEAR, said("json_schema"), cost_nano=33 * MILLI, seconds=4.0),
    delivered=3,
)
RECORDS = tuple(
    msgspec.structs.replace(record, id=str(number))
    for number, record in enumerate((kept(1), kept(2), kept(3), SENT_UP))
)
PAGE = """\
Tiercel report: checks, 2026-08-01 23:00 UTC
4 of 5 measured answers came from simulated providers.

What checks found
check, at rung                      n  errors  missed  changed
agreement                           4       0       1        1
  stepfun/step-3.7-flash            4       0       1        1
json_schema                         1       0       0        0
  anthropic/claude-sonnet-4-5@high  1       0       0        0

What was done about it
                            re-  esca-
check, at rung            asked  lated  elected  repaired
agreement                     0      1        0         0
  stepfun/step-3.7-flash      0      1        0         0
json_schema                   0      0        0         0

What it cost
                                                   own  time of
check, at rung            asked  calls    cost    time    calls
agreement                     4      1  $0.037  2.00 s   4.00 s
  stepfun/step-3.7-flash      4      1  $0.037  2.00 s   4.00 s
json_schema                   0      0      $0  0.0 ms   0.0 ms

Against always asking the next rung
                                        went
check, at rung            kept   saved    up    lost     net
agreement                    3  $0.081     1  $0.003  $0.078
  stepfun/step-3.7-flash     3  $0.081     1  $0.003  $0.078
json_schema                  0      $0     0      $0      $0

missed: did not pass its gate; changed: the client got another answer for it
calls: of the ladder after a miss, until the next one; asked: second models
own time: the check's, with waiting for those that it asked; in all
kept: let go, or another elected, though there is a next rung; n of them
saved: what their tokens cost at the next rung, less what the climbs cost
lost: what answers cost that went up all the same, and opinions in vain
An answer counts with every check that measured it: do not add checks up.
Whether an answer that was let go is right, no check here knows.
"""


def printed(*records: Record, width: int = 80) -> str:
    out = io.StringIO()
    render_account(account_of(tally_checks(records)), Console(file=out, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    recorder = Recorder.open(Storage(folder=str(tmp_path)))
    for record in RECORDS:
        recorder.finished(record)
    recorder.close()
    return tmp_path


def test_the_whole_page() -> None:
    """Every number, where it stands, and the notes that explain it, in 80 columns."""
    assert printed(*RECORDS) == PAGE


def test_a_check_stands_above_its_rungs() -> None:
    """With what they come to together."""
    both = climb(
        call(1, "first", CHEAP, said("json_schema", 0.0), missed="json_schema"),
        call(2, "escalation", DEAR, said("json_schema")),
        delivered=2,
    )
    lines = printed(both).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("json_schema"))
    assert [line.split() for line in lines[at : at + 3]] == [
        ["json_schema", "2", "0", "1", "1"],
        [DEAR, "1", "0", "0", "0"],
        [CHEAP, "1", "0", "1", "1"],
    ]


def test_an_unknown_price_is_said() -> None:
    """The cost is marked as incomplete."""
    unpriced = msgspec.structs.replace(opinion(2), cost_nano=None)
    page = printed(climb(answer(1, 1.0), unpriced, delivered=1))
    assert "$0+" in page
    assert "some calls have no known price" in page


def test_no_check_at_all_is_said() -> None:
    assert printed(climb(delivered=None)) == "No check measured an answer in this time.\n"


def test_json_has_every_number_in_dollars(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By check and by rung; money in exact decimal dollars."""
    assert main(["report", "--checks", "--json", "--data", str(data)]) == 0
    text = capsys.readouterr().out
    assert "_nano" not in text
    found = json.loads(text)
    assert [(line["check"], line["rung"]) for line in found["rungs"]] == [
        ("agreement", CHEAP),
        ("json_schema", DEAR),
    ]
    agreement = found["checks"][0]
    assert agreement["caused"]["total_usd"] == "0.037"
    assert agreement["saved"] == {
        "kept": 3,
        "kept_usd": "0.009",
        "next_usd": "0.09",
        "saved_usd": "0.081",
        "sent_on": 1,
        "lost_usd": "0.003",
        "net_usd": "0.078",
    }


def test_since_leaves_out_what_is_older(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--checks", "--since", "2030-01-01", "--data", str(data)]) == 0
    assert capsys.readouterr().out == "No check measured an answer in this time.\n"


def test_groups_and_checks_are_two_reports(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "--checks", "--by", "task"])
    assert "not allowed with" in capsys.readouterr().err
