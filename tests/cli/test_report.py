"""`tiercel report`: the whole printed page, its formats, and what it says when there is nothing to say."""

import argparse
import io
import json
import time
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.measure.samples import DAY, FEEDBACK, TABLE, answered
from tiercel.cli.report import EXACT_UP_TO, add_parser, parse_since, render
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Record
from tiercel.domain.settings import Storage
from tiercel.measure.amounts import duration, money, percent
from tiercel.measure.report import By, summarise, summarise_tallies
from tiercel.records.recorder import Recorder
from tiercel.records.sums import sums_of

SIMULATED = tuple(msgspec.structs.replace(record, simulated=bool(record.attempts)) for record in TABLE)

PAGE = """\
Tiercel report: 5 requests, 2026-08-01 00:00 to 2026-08-01 00:04 UTC
All 4 that reached a model were answered by simulated providers.
Outcomes: 3 passed, 1 marked, 1 rejected

Success
                                                       accepted
by task     requests  success      95 %    verified    by users
coding             2      0 %    0-66 %           -    0 % of 1
extraction         2    100 %  34-100 %  100 % of 2  100 % of 1
gui                1      0 %    0-79 %           -           -
all                5     40 %   12-77 %  100 % of 2   50 % of 2

Cost, and requests with at least one ...
                                    per         fall-           esca-
by task     requests     cost   success  retry   back  re-ask  lation  hedge
coding             2  $0.0035         -    0 %   50 %    50 %     0 %    0 %
extraction         2   $0.011   $0.0055    0 %    0 %     0 %    50 %    0 %
gui                1       $0         -    0 %    0 %     0 %     0 %    0 %
all                5  $0.0145  $0.00725    0 %   20 %    20 %    20 %    0 %

Speed of delivered answers
               latency  latency       TTFT  TTFT     tok/s
by task     n      p50      p95  n     p50   p95  n    p50
coding      2   2.00 s        -  2  400 ms     -  2    125
extraction  2   1.00 s        -  2  200 ms     -  2    125
gui         0        -        -  0       -     -  0      -
all         4   2.00 s        -  4  400 ms     -  4    125

Calls
                                   non-stop     format  as it
by task        failed      empty     finish      valid   came
coding      25 % of 4  25 % of 4  75 % of 4          -      -
extraction   0 % of 3   0 % of 3   0 % of 3  67 % of 3   33 %
gui                 -          -          -          -      -
all         14 % of 7  14 % of 7  43 % of 7  67 % of 3   33 %

Tokens of these calls
                               of them    missed
by task     calls   in  out  reasoning    a gate
coding          4  200  364        124  0 % of 3
extraction      3  150  300         60  0 % of 3
gui             0    0    0          0         -
all             7  350  664        184  0 % of 6

success: delivered, every gate passed, not rejected by the user (95 % interval)
verified: share of the successes that a check beyond `finished` has measured
per success: what all attempts cost, divided by the successes
TTFT, tok/s: where the upstream streamed; p95: from 20 values on
as it came: valid without a repair, of the same answers as format valid
"""


def printed(records: tuple[Record, ...], by: By | None, width: int = 80) -> str:
    out = io.StringIO()
    render(summarise(records, FEEDBACK, by), Console(file=out, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["report", *argv])
    code: int = args.func(args)
    return code


@pytest.fixture
def data(tmp_path: Path) -> Path:
    recorder = Recorder.open(Storage(folder=str(tmp_path / "data")))
    for record in TABLE:
        recorder.finished(record)
    for feedback in FEEDBACK.values():
        recorder.feedback(feedback)
    recorder.close()
    return tmp_path / "data"


def test_the_whole_page() -> None:
    """Every number, where it stands, and the notes that explain it, in 80 columns."""
    assert printed(SIMULATED, "task") == PAGE


@pytest.mark.parametrize("by", ["task", "model", "session"])
def test_the_page_fits_80_columns(by: By) -> None:
    """With real names and thousands of requests no line is longer and no number is cut or broken."""
    names = ("claude-sonnet-4-5", "gemini-3.5-flash")
    records = [
        msgspec.structs.replace(
            TABLE[0],
            id=str(i),
            task="classification",
            session="1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            seconds=12.34,
            attempts=(answered(1, model=names[i % 2], cost_nano=4_560_000 if i else None),),
        )
        for i in range(4_000)
    ]
    page = printed(tuple(records), by)
    assert max(len(line) for line in page.splitlines()) <= 80
    assert "…" not in page
    assert "12.3 s" in page


def test_a_wide_terminal_breaks_no_name() -> None:
    """At 120 columns every name stands on one line."""
    records = tuple(msgspec.structs.replace(r, session="1b4e28ba-2fa1-11d2-883f-0016d3cca427") for r in TABLE)
    assert printed(records, "session", width=120).count("1b4e28ba-2fa1-11d2-883f-0016d3cca427") == 6


def test_control_characters_of_a_session_stay_out_of_the_terminal() -> None:
    """A caller chooses the session's name, and may not steer the operator's terminal or the layout with it."""
    hostile = msgspec.structs.replace(TABLE[0], session="\x1b[2J[red]x\n")
    page = printed((hostile,), "session")
    assert ("\x1b" in page, "?[2J[red]x?" in page) == (False, True)


def test_an_unknown_price_is_said() -> None:
    """The sum is marked as incomplete, the cost per success is not given, and the note says what to do."""
    unknown = msgspec.structs.replace(TABLE[0], attempts=(answered(1, cost_nano=None),))
    page = printed((unknown, TABLE[1]), None)
    assert "$0.01+" in page
    assert "unknown" in page
    assert "+: the cost of 1 request is not known; tiercel.toml may give models prices" in page


@pytest.mark.parametrize(
    ("simulated", "line"),
    [
        ([True, True], "All 2 requests were answered by simulated providers."),
        ([True, False], "Simulated providers answered 1 of the 2 that reached a model."),
    ],
)
def test_what_was_simulated_is_said(simulated: list[bool], line: str) -> None:
    """Plainly, at the top."""
    records = tuple(msgspec.structs.replace(r, simulated=s) for r, s in zip(TABLE, simulated, strict=False))
    assert line in printed(records, None)


def test_real_answers_need_no_such_word() -> None:
    """Without simulated providers the page does not mention them, also where nothing reached a model."""
    refused = msgspec.structs.replace(TABLE[0], attempts=(), delivered=None, outcome="rejected")
    for records in (TABLE, (refused,)):
        assert "simulated" not in printed(records, None).lower()


def test_sessions_that_share_a_name_are_told_apart() -> None:
    """By project and key, and only where it takes that."""
    owners = (("run-1", "search", "ada"), ("run-1", "search", "bob"), ("run-1", "", ""), ("run-2", "", ""))
    page = printed(
        tuple(
            msgspec.structs.replace(TABLE[0], session=session, project=project, key_id=key_id)
            for session, project, key_id in owners
        ),
        "session",
        width=120,
    )
    names = [line.partition("  ")[0] for line in page.split("\n\n")[1].splitlines()[2:]]
    assert names == ["run-1 (no key)", "run-1 (search, ada)", "run-1 (search, bob)", "run-2", "all"]


def test_an_empty_time_says_what_to_do_next() -> None:
    """No tables of dashes, but the next step."""
    assert printed((), None) == (
        "No requests were recorded in this time.\n"
        'Next: send one to `tiercel serve` with model "auto", or try `tiercel demo`.\n'
    )


def test_the_command_reads_the_data_folder(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records and feedback of a real folder, printed to a pipe: plain text without colours."""
    assert run("--by", "task", "--data", str(data)) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [line for line in PAGE.splitlines() if "simulated" not in line]


def test_json_has_every_number_in_dollars(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same numbers for programs; money in exact decimal dollars."""
    assert run("--json", "--by", "model", "--data", str(data)) == 0
    text = capsys.readouterr().out
    assert "_nano" not in text
    report = json.loads(text)
    assert (report["total"]["requests"], report["total"]["cost"]) == (
        5,
        {"known_usd": "0.0145", "unknown": 0, "per_success_usd": "0.00725"},
    )
    assert [row["name"] for row in report["rows"]] == ["haiku", "sonnet", "none", "gemini"]


def test_since_leaves_out_what_is_older(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An ISO time is UTC where it names no zone."""
    assert run("--json", "--since", "2026-08-01T00:02", "--data", str(data)) == 0
    assert json.loads(capsys.readouterr().out)["total"]["requests"] == 3


def test_a_folder_without_records_says_what_to_do(tmp_path: Path) -> None:
    """It is an error with the next step, not an empty page."""
    with pytest.raises(ConfigError, match="nothing was recorded here yet; start `tiercel serve`"):
        run("--data", str(tmp_path / "missing"))


def test_the_folder_comes_from_the_configuration(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--data` it is the folder that ./tiercel.toml names."""
    monkeypatch.chdir(data.parent)
    listener = '[listener]\nkeys_env = ["NOT_SET_HERE"]\n'  # whoever reads records needs none of its keys
    (data.parent / "tiercel.toml").write_text(f'version = 1\n{listener}[storage]\nfolder = "data"\n')
    assert run("--json") == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5_400), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_since_so_long_ago(text: str, seconds: int) -> None:
    """Minutes, hours, days and weeks, back from now."""
    assert time.time() - parse_since(text) == pytest.approx(seconds, abs=5)


@pytest.mark.parametrize("text", ["2026-08-01", "2026-08-01T00:00", "2026-08-01T02:00+02:00"])
def test_since_a_date(text: str) -> None:
    """Dates and times, with or without a zone."""
    assert parse_since(text) == DAY


@pytest.mark.parametrize("text", ["yesterday", "24", "h", "-1d", ""])
def test_since_that_is_no_time(text: str) -> None:
    """The message shows what may be written."""
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"is no time; write 90m, 24h, 7d, 2w, or an ISO date"
    ):
        parse_since(text)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0"),
        (1, "$0.000000001"),
        (123_456, "$0.000123"),
        (12_000_000, "$0.012"),
        (999_600_000, "$1"),
        (-12_345_678, "-$0.0123"),
        (-2_000_000_000, "-$2.00"),
        (1_234_567_890, "$1.23"),
        (1_234_567_890_000, "$1,234.57"),
    ],
)
def test_money_has_digits_that_say_something(nano: int, text: str) -> None:
    """Three digits below a dollar, cents above, never an exponent."""
    assert money(nano) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (0.0, "0 %"),
        (0.0001, "<0.1 %"),
        (0.004, "0.4 %"),
        (0.5, "50 %"),
        (0.996, "99.6 %"),
        (0.99999, "99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_percent_hides_no_exception(share: float | None, text: str) -> None:
    """0 and 100 are said only where they are exact."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0004, "0.4 ms"),
        (0.25, "250 ms"),
        (0.9996, "1.00 s"),
        (1.234, "1.23 s"),
        (12.34, "12.3 s"),
        (99.96, "100 s"),
        (123.4, "123 s"),
    ],
)
def test_durations_have_three_digits(seconds: float | None, text: str) -> None:
    """In the unit in which they are read at a glance."""
    assert duration(seconds) == text


def test_a_report_from_sums_says_how_exact_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """And one from the records themselves, which is exact, says nothing of it."""
    words = "p50, p95: within 1 %; all other numbers are exact"
    render(summarise_tallies(sums_of(TABLE).answers), Console(highlight=False))
    assert words in capsys.readouterr().out
    assert words not in printed(TABLE, None)


def test_many_requests_are_reported_from_sums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beyond the number up to which each is looked at."""
    recorder = Recorder.open(Storage(folder=str(tmp_path)))
    for i in range(EXACT_UP_TO + 1):
        recorder.finished(msgspec.structs.replace(TABLE[0], id=f"{i:06d}"))
    recorder.close()
    run("--data", str(tmp_path), "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["total"]["requests"], found["percentile_error"]) == (EXACT_UP_TO + 1, 0.01)
    assert found["total"]["speed"]["latency_seconds"]["p50"] == pytest.approx(1.0, rel=0.01)
