"""`tiercel audit`: the whole printed page, its warnings, its empty state, and what it never says."""

import argparse
import datetime
import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.measure.samples import DAY, answered
from tests.policy.build import settings
from tiercel.cli.audit import MOST_SHOWN, add_parser, as_json, render
from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Evidence, Rule
from tiercel.domain.record import Record
from tiercel.domain.settings import Storage
from tiercel.measure.audit import Audit, audit
from tiercel.measure.models import disputed_prices, known_models
from tiercel.policy.claims import reckoned_by_model, shipped_claims
from tiercel.policy.evidence import evidence_ages
from tiercel.records.recorder import Recorder

TODAY = datetime.date(2026, 11, 21)
RULES = (
    Rule(name="hard", ladder=("deep",), evidence=Evidence(date="2026-07-01", source="evals/july.md")),
    Rule(name="fresh", ladder=("fast",), evidence=Evidence(date="2026-11-01", source="our evaluation")),
    Rule(name="everyday", ladder=("fast",)),
)

PAGE = """\
Tiercel audit: 3 requests, 2026-08-01 to 2026-08-02

Where tasks run
task      answered by                                    per
by rule   in tier                since  n  success   success
coding    claude-opus-4-8   2026-08-01  2    100 %     $0.01
hard      deep
summary   claude-haiku-4-5  2026-08-02  1    100 %  $0.00055
everyday  fast

What the rules rest on
rule      n   last used    evidence  days old  source
hard      2  2026-08-01  2026-07-01       143  evals/july.md
fresh     0           -  2026-11-01        20  our evaluation
everyday  1  2026-08-02        none         -
WARNING: the evidence of 'hard' is 143 days old, more than 90: measure again
no evidence: 1 of 3 rules
Next: in policy.toml, evidence = { date = "2026-10-01", source = "..." }

Worth an evaluation: cheaper by 20 % or more; most to save first
task              evaluate
answered by       because of                 now       then  saves  n
coding            step-3.7-flash * !       $0.01  $0.000125   99 %  2
claude-opus-4-8   its price
coding            gpt-5.6-luna * !         $0.01   $0.00013   99 %  2
claude-opus-4-8   its price
coding            claude-haiku-4-5         $0.01   $0.00055   94 %  2
claude-opus-4-8   its price
coding            gemini-3.5-flash * !     $0.01  $0.000975   90 %  2
claude-opus-4-8   its price
coding            gpt-5.6-terra * !        $0.01    $0.0013   87 %  2
claude-opus-4-8   its price
coding            claude-sonnet-4-5        $0.01   $0.00165   84 %  2
claude-opus-4-8   its price
coding            gpt-5.6-sol * !          $0.01    $0.0022   78 %  2
claude-opus-4-8   its price
summary           step-3.7-flash * !    $0.00055  $0.000125   77 %  1
claude-haiku-4-5  its price
summary           gpt-5.6-luna * !      $0.00055   $0.00013   76 %  1
claude-haiku-4-5  its price

To evaluate, not to switch: nothing here says that its answers are as good.
its price: for one request, the same tokens; it may use more or fewer
prices from: a price list
n below 20 is few: such a difference may be chance
*: cannot be called yet, no provider with a key serves it
!: other prices are published for it too; see `tiercel models NAME`
"""


def record(number: int, model: str, tier: str, cost_nano: int, **given: object) -> Record:
    attempt = msgspec.structs.replace(
        answered(1, model=model, cost_nano=cost_nano), tier=tier, simulated=False
    )
    base = Record(
        id=str(number),
        started_at=DAY + number,
        seconds=1.0,
        outcome="passed",
        task="coding",
        rule="hard",
        attempts=(attempt,),
        delivered=1,
    )
    return msgspec.structs.replace(base, **given)


RECORDS = (
    record(1, "claude-opus-4-8", "deep", 10_000_000),
    record(2, "claude-opus-4-8", "deep", 10_000_000),
    record(86_400, "claude-haiku-4-5", "fast", 550_000, task="summary", rule="everyday"),
)


def catalog() -> Catalog:
    return settings("[providers.anthropic]\n[providers.openrouter]\n", {"ANTHROPIC_API_KEY": "k"}).catalog


def result(records: tuple[Record, ...] = RECORDS, known: Catalog | None = None) -> Audit:
    return audit(records, {}, RULES, evidence_ages(RULES, TODAY), known or catalog())


def printed(shown: Audit, disputed: frozenset[str] = frozenset(), width: int = 80) -> str:
    out = io.StringIO()
    render(shown, Console(file=out, width=width, highlight=False), disputed)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a configuration and records, and an environment with one key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    return tmp_path


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["audit", *argv])
    code: int = args.func(args)
    return code


def keep(folder: Path, records: tuple[Record, ...]) -> None:
    recorder = Recorder.open(Storage(folder=str(folder)))
    for one in records:
        recorder.finished(one)
    recorder.close()


def disputed() -> frozenset[str]:
    return disputed_prices(known_models(reckoned_by_model(catalog()), shipped_claims(), {}))


def test_the_whole_page() -> None:
    """Where tasks run, what rules rest on, what is stale, and what is worth an evaluation, in 80 columns."""
    shown = result()
    dated = tuple(msgspec.structs.replace(one, source="a price list", date="") for one in shown.candidates)
    assert printed(msgspec.structs.replace(shown, candidates=dated), disputed()) == PAGE


def test_long_names_and_many_requests_fit_80_columns() -> None:
    """No line is longer, and no number is cut or broken."""
    records = tuple(
        record(
            i,
            "claude-sonnet-4-5",
            "balanced",
            123_456_789,
            task="classification",
            rule="coding-and-reasoning",
        )
        for i in range(3_000)
    )
    page = printed(result(records), disputed())
    assert max(len(line) for line in page.splitlines()) <= 80
    assert "…" not in page
    assert "$0.123" in page


def test_without_records_it_says_what_rules_rest_on_and_what_to_do() -> None:
    page = printed(result(()))
    assert page.startswith("Tiercel audit: no requests were recorded in this time.\n")
    assert "WARNING: the evidence of 'hard' is 143 days old" in page
    assert page.endswith('Next: send requests to `tiercel serve` with model "auto", or try `tiercel demo`.\n')


def test_simulated_answers_are_marked_at_the_top() -> None:
    simulated = tuple(msgspec.structs.replace(one, simulated=True) for one in RECORDS)
    assert printed(result(simulated)).splitlines()[1].startswith("SIMULATED: the lab answered all of them")


def test_simulated_answers_among_real_ones_are_left_out_and_counted() -> None:
    simulated = msgspec.structs.replace(RECORDS[0], id="s", simulated=True)
    assert "1 simulated request left out." in printed(result((*RECORDS, simulated)))


def test_evidence_of_the_future_is_told() -> None:
    rule = Rule(name="early", ladder=("fast",), evidence=Evidence(date="2027-01-01", source="x"))
    shown = audit((), {}, (rule,), evidence_ages((rule,), TODAY), Catalog())
    assert "WARNING: the evidence of 'early' is dated in the future: correct its date" in printed(shown)


def test_nothing_cheaper_is_said() -> None:
    assert "Nothing here that could serve this traffic is cheaper by 20 % or more." in printed(
        result(known=Catalog())
    )


def test_what_was_measured_shows_both_numbers_of_requests() -> None:
    """And that they were not the same requests."""
    other = record(3, "claude-haiku-4-5", "fast", 1_000_000)
    page = printed(result((*RECORDS, other)))
    row = next(line for line in page.splitlines() if line.endswith("2/1"))
    assert row.split()[1:4] == ["claude-haiku-4-5", "$0.01", "$0.001"]
    assert "your traffic: cost per success, n of each; not the same requests" in page


def test_a_long_list_is_cut_with_its_number_and_json_has_all() -> None:
    tasks = ("coding", "summary", "extraction", "reasoning")
    records = tuple(
        record(i, "claude-opus-4-8", "deep", 10_000_000, task=task) for i, task in enumerate(tasks)
    )
    shown = result(records)
    assert len(shown.candidates) == 28
    assert f"... and {28 - MOST_SHOWN} more: tiercel audit --json" in printed(shown)
    plain = as_json(shown)
    assert isinstance(plain, dict)
    assert len(plain["candidates"]) == 28


def test_it_never_recommends_a_switch() -> None:
    page = printed(result()).lower()
    assert "to evaluate, not to switch" in page
    assert [word for word in ("recommend", "should use", "better") if word in page] == []


def test_json_is_in_dollars(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With ages, marks and numbers of requests beside every comparison."""
    keep(here / "data", RECORDS)
    (here / "policy.toml").write_text(
        'version = 1\n[tiers.deep]\nmembers = ["claude-opus-4-8"]\n'
        '[[rules]]\nname = "hard"\nladder = ["deep"]\n'
        'evidence = { date = "2020-01-01", source = "old" }\n'
    )
    assert run("--json", "--data", "data") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["records"] == 3
    assert shown["placements"][0]["cost"]["per_success_usd"] == "0.01"
    assert (shown["rules"][0]["name"], shown["rules"][0]["stale"]) == ("hard", True)
    assert shown["rules"][0]["evidence"] == {"date": "2020-01-01", "source": "old"}
    first = shown["candidates"][0]
    assert (first["usd"], first["n"]) == ("0.01", 2)
    assert 0.2 <= first["saving"] <= 1
    assert not [key for key in first if key.endswith("nano")]


def test_since_leaves_out_what_is_older(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(here / "data", RECORDS)
    assert run("--since", "2026-08-02", "--data", "data") == 0
    assert capsys.readouterr().out.startswith("Tiercel audit: 1 request, 2026-08-02")


def test_the_records_are_those_of_the_configuration(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also of one that stands elsewhere and is named by `--config`."""
    keep(here / "other" / "kept", RECORDS)
    (here / "other" / "own.toml").write_text(
        'version = 1\n[storage]\nfolder = "kept"\n[providers.anthropic]\n'
    )
    assert run("--config", "other/own.toml") == 0
    assert capsys.readouterr().out.startswith("Tiercel audit: 3 requests")


def test_a_folder_without_records_says_what_to_do(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The default folder may be empty still; one that was named and holds nothing is a mistake."""
    assert run() == 0
    assert "no requests were recorded" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="nowhere: nothing was recorded here yet"):
        run("--data", "nowhere")


def test_names_cannot_steer_the_terminal() -> None:
    hostile = record(1, "claude-opus-4-8\x1b[2J", "deep\n", 10, rule="r\x1b[31m", task="t\x07")
    page = printed(result((hostile,)))
    assert [c for c in page if not c.isprintable() and c != "\n"] == []
