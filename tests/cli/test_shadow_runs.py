"""`tiercel shadow start`, `status`, `stop`, `adopt`: what is registered, said and proposed."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.shadow_setting import (
    DOLLAR,
    LONG_AGO_SECONDS,
    POLICY,
    keep,
    lay,
    pairs_of,
    records_of,
    registered,
    tiercel,
)
from tests.records.samples import FULL
from tiercel.cli.main import main
from tiercel.domain.shadow import ShadowRun
from tiercel.policy import load_policy
from tiercel.records.shadow_store import ShadowStore

START = ("start", "--rule", "chat", "--candidate", "little", "--share", "0.2", "--max-usd", "5")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both files, and nothing recorded yet."""
    return lay(tmp_path, monkeypatch)


def runs(folder: Path) -> tuple[ShadowRun, ...]:
    return ShadowStore(folder / "tiercel-data").runs()


def decided(folder: Path, marks: str = "=" * 200, **changes: Any) -> ShadowRun:
    """A run with these pairs, all of which count by now."""
    run = registered(folder, **changes)
    pairs = pairs_of(run, marks)
    keep(folder, *records_of(pairs), *pairs)
    return run


def test_the_command_that_reports_suggest_registers(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rule, candidate, share and dollars suffice; the rest has defaults."""
    assert tiercel(*START) == 0
    (run,) = runs(here)
    assert run.is_as_registered
    assert (run.rule, run.candidate, run.share, run.budget_nano) == ("chat", "little", 0.2, 5 * DOLLAR)
    assert (run.margin, run.alpha, run.terms.metric) == (0.03, 0.05, "pass")
    shown = capsys.readouterr().out
    assert f"Registered {run.id}: little on 20 % of the requests of chat" in shown
    assert "That takes 197 pairs at the least" in shown
    assert "had no request in the last 7 days" in shown


def test_all_terms_are_registered(here: Path) -> None:
    """Whatever is said is kept as it was said."""
    more = (
        "--margin",
        "5%",
        "--alpha",
        "0.1",
        "--until",
        "2d",
        "--guardrail",
        "cost<=0.5x",
        "--guardrail",
        "p95<=2s",
    )
    assert tiercel(*START, *more, "--window", "30m", "--project", "search") == 0
    (run,) = runs(here)
    assert (run.margin, run.alpha, run.project) == (0.05, 0.1, "search")
    assert (run.until or 0.0) - run.started_at == pytest.approx(2 * 86_400)
    assert (run.terms.guardrails, run.terms.window_seconds) == (("cost<=0.5x", "p95<=2s"), 1_800.0)


def test_several_candidates_share_alpha_and_dollars(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that any wrong verdict stays as improbable."""
    assert tiercel(*START, "--candidate", "large@low") == 0
    first, second = runs(here)
    assert {first.candidate, second.candidate} == {"little", "large@low"}
    for run in (first, second):
        assert (run.alpha, run.budget_nano, run.terms.rivals) == (0.025, 2_500_000_000, 2)
    assert "each is judged at 2.5 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--rule", "chatt"), "--rule chatt: policy.toml has no such rule; did you mean 'chat'?"),
        (("--candidate", "litle"), "--candidate litle: there is no such model; did you mean 'little'?"),
        (("--candidate", "deep"), "--candidate deep: is a tier; name one model of it"),
        (("--candidate", "unpriced"), "--candidate unpriced: its price is unknown"),
        (("--guardrail", "latency"), '--guardrail latency: write a bound such as "cost<=0.5x"'),
        (
            ("--guardrail", "retry_rate<=2"),
            "pairs of copies do not tell it; there are cost, p50, p95, format, non_stop_rate",
        ),
        (("--guardrail", "p96<=2"), "pairs of copies do not tell it; did you mean 'p95'?"),
        (("--guardrail", "cost<=cheap"), 'write "<= 0.5x" of the baseline'),
    ],
)
def test_what_cannot_work_is_refused(
    here: Path, changed: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with what is wrong; nothing is registered, not even the candidates that were right."""
    assert tiercel(*START, *changed) == 2
    assert said in capsys.readouterr().err
    assert runs(here) == ()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--share", "0"), ("--share", "1.1"), ("--margin", "1"), ("--margin", "nan"), ("--alpha", "x"), ("--until", "0"),
     ("--until", "soon"), ("--max-usd", "-1"), ("--window", "1y"), ("--project", "a b")],
)  # fmt: skip
def test_values_out_of_range(here: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage, and the option that is wrong."""
    with pytest.raises(SystemExit) as ended:
        tiercel(*START, f"{option}={value}")
    assert ended.value.code == 2
    assert option in capsys.readouterr().err


def test_a_budget_that_could_never_decide(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many pairs it buys, how many are needed, and what they cost; by what the rule's requests were like."""
    answered = msgspec.structs.replace(
        FULL, id="rec_1", started_at=time.time() - 60, rule="chat", outcome="passed"
    )
    keep(here, answered)
    assert tiercel(*START[:-1], "0.0001") == 2
    said = capsys.readouterr().err
    assert "--max-usd: $0.0001 buys about" in said
    assert "nothing can be decided with fewer than 197 (about $" in said
    assert "usually it takes about 824 (about $" in said
    assert runs(here) == ()


def test_too_little_traffic_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is registered, for traffic may grow, but with a note."""
    keep(
        here,
        msgspec.structs.replace(FULL, id="rec_1", started_at=time.time() - 60, rule="chat", outcome="passed"),
    )
    assert tiercel(*START) == 0
    assert (
        "note: at the traffic of the last 7 days about 0 pairs will have come by" in capsys.readouterr().out
    )


def test_a_run_that_outlives_its_records(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its evidence would be deleted while it is gathered."""
    with (here / "tiercel.toml").open("a", encoding="utf-8") as file:
        file.write("[storage]\nretention_days = 7\n")
    assert tiercel(*START) == 2
    assert (
        "records are removed after 7 days, and pairs with them; write --until 7d or less"
        in capsys.readouterr().err
    )


def test_registered_is_registered(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same candidate again is refused, with other terms too, until the run has ended."""
    assert tiercel(*START) == 0
    (run,) = runs(here)
    assert tiercel(*START, "--margin", "0.2") == 2
    assert (
        f"{run.id} tries it on this rule already, and what was registered is never changed"
        in capsys.readouterr().err
    )
    assert tiercel("stop", run.id) == 0
    assert tiercel(*START, "--margin", "0.2") == 0


def test_stopping(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once; then it is said that it has ended, and why. A run that is not there is an error."""
    assert tiercel(*START) == 0
    (run,) = runs(here)
    assert tiercel("stop", run.id, "--reason", "enough") == 0
    assert tiercel("stop", run.id) == 0
    assert f"{run.id} has ended already: enough" in capsys.readouterr().out
    assert tiercel("stop", "shadow_0") == 2
    assert "there is no shadow run of this id" in capsys.readouterr().err


def test_a_run_before_its_first_pair(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status says that there is nothing yet, and is no error."""
    tiercel(*START)
    assert tiercel("status") == 0
    assert "Cannot tell yet (no pair yet)." in capsys.readouterr().out
    assert tiercel("status", "--json") == 0
    (told,) = msgspec.json.decode(capsys.readouterr().out)["runs"]
    assert (told["verdict"], told["copied"], told["more"]) == ("undecided", 0, None)


def test_the_verdict_the_guardrails_and_the_flow(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was found, what it rests on, and what to do next."""
    run = decided(here, "=" * 190 + "0" * 10, guardrails=("cost<=0.5x", "p95<=1.2x", "format<=0.1"))
    assert tiercel("status", run.id) == 0
    shown = capsys.readouterr().out
    assert f"{run.id} (run, copying): little on chat" in shown
    assert (
        "little is not worse than what chat delivers by more than 10 points (difference +0.0 points" in shown
    )
    assert (
        "200 requests were drawn, 200 copied, 0 not (or not yet); 200 pairs count, as 200 observations"
        in shown
    )
    assert "Guardrail cost<=0.5x: met (0.1x" in shown
    assert "Guardrail p95<=1.2x: met (0.5x" in shown
    assert "Guardrail format<=0.1: met (0.05" in shown
    assert f"Next: tiercel shadow adopt {run.id}" in shown


def test_all_numbers_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verdict, difference, interval, capital, guardrails, flow."""
    run = decided(here, "=" * 190 + "0" * 10, guardrails=("cost<=0.05x",))
    assert tiercel("status", run.id, "--json") == 0
    (told,) = msgspec.json.decode(capsys.readouterr().out)["runs"]
    assert (told["verdict"], told["difference"], told["drawn"], told["observations"]) == (
        "not worse",
        0.0,
        200,
        200,
    )
    assert told["interval"]["low"] < 0 < told["interval"]["high"]
    assert told["capital"] > 20
    assert told["guardrails"][0]["state"] == "broken"
    assert told["registered"]["margin"] == 0.1


def test_what_was_drawn_and_not_copied_is_counted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A candidate that was resting, or had no money left, leaves no pair; the lot says that there should be one."""
    run = registered(here)
    pairs = pairs_of(run, "=" * 50)
    keep(here, *records_of(pairs), *pairs[:30])
    tiercel("status", run.id)
    assert "50 requests were drawn, 30 copied, 20 not (or not yet)" in capsys.readouterr().out


def test_a_ladder_that_changed_meanwhile_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was delivered is then not one thing."""
    run = registered(here)
    pairs = pairs_of(run, "=" * 50)
    later = [msgspec.structs.replace(one, ladder=("fast", "deep")) for one in records_of(pairs[30:])]
    keep(here, *records_of(pairs[:30]), *later, *pairs)
    tiercel("status", run.id)
    assert "What was delivered came from ladders that begin with deep and fast" in capsys.readouterr().out


def test_an_edited_registration_has_no_verdict(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever widens the margin afterwards is told that it means nothing, and can adopt nothing."""
    run = registered(here)
    pairs = pairs_of(run, "=" * 200)
    forged = msgspec.structs.replace(run, id="shadow_forged", margin=0.5)
    ShadowStore(here / "tiercel-data").start(forged)
    keep(here, *(msgspec.structs.replace(pair, run=forged.id) for pair in pairs))
    assert tiercel("status", forged.id) == 0
    shown = capsys.readouterr().out
    assert "What was registered has been changed since: no verdict." in shown
    assert "not worse" not in shown
    assert tiercel("adopt", forged.id, "--anyway") == 2
    assert "what was registered has been changed since" in capsys.readouterr().err


def test_adopting_proposes_and_changes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file beside the policy, with its comments, the evidence, the diff, and an audit that waits for it."""
    run = decided(here)
    assert tiercel("adopt", run.id) == 0
    shown = capsys.readouterr().out
    assert (here / "policy.toml").read_text("utf-8") == POLICY
    proposed = (here / "policy.proposed.toml").read_text("utf-8")
    assert 'name = "chat"  # what most people want' in proposed
    (rule,) = load_policy(here / "policy.proposed.toml").rules
    assert rule.ladder == ("little", "deep")
    assert rule.evidence is not None
    assert "little is not worse than what chat delivers by more than 10 points" in rule.evidence.source
    assert "Rule chat asks little first, which stood nowhere on its ladder." in shown
    assert '-ladder = ["deep"]\n+ladder = ["little", "deep"]\n' in shown
    assert main(["validate", "--policy", "policy.proposed.toml"]) == 0
    ended, audit = sorted(runs(here), key=lambda one: one.started_at)
    assert (ended.stop_reason, ended.is_as_registered) == ("proposed: not worse", True)
    assert (audit.candidate, audit.share, audit.terms.audits) == ("large", 0.02, run.id)
    assert audit.terms.leader == "little"
    assert not audit.wants("chat", "", "", audit.started_at + 1, "deep"), (
        "not before the proposal is in force"
    )
    assert audit.wants("chat", "", "", audit.started_at + 1, "little")


@pytest.mark.parametrize(
    ("marks", "guardrails", "said"),
    [
        ("=" * 20, (), "Cannot tell yet"),
        ("=--" * 60, (), "little is worse than what chat delivers"),
        ("=" * 190 + "0" * 10, ("cost<=0.05x",), "guardrail cost<=0.05x: broken (0.1x"),
    ],
)
def test_no_verdict_no_proposal(
    here: Path, marks: str, guardrails: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless one says so; then the proposal says it too."""
    run = decided(here, marks, guardrails=guardrails)
    assert tiercel("adopt", run.id) == 2
    refused = capsys.readouterr().err
    assert said in refused
    assert "--anyway" in refused
    assert not (here / "policy.proposed.toml").exists()
    assert tiercel("adopt", run.id, "--anyway", "--audit-share", "0") == 0
    proposed = tomllib.loads((here / "policy.proposed.toml").read_text("utf-8"))
    source = proposed["rules"][0]["evidence"]["source"]
    assert source.startswith("Without a verdict that allows it (--anyway).")
    assert [one.id for one in runs(here)] == [run.id], "no audit was wanted"


def test_a_proposal_is_never_written_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody may be reading it; the run goes on."""
    run = decided(here)
    (here / "policy.proposed.toml").write_text("# mine\n", "utf-8")
    assert tiercel("adopt", run.id) == 2
    assert "policy.proposed.toml: there is a proposal already" in capsys.readouterr().err
    assert (here / "policy.proposed.toml").read_text("utf-8") == "# mine\n"
    assert [one.stopped_at for one in runs(here)] == [None]


def test_adopting_again_keeps_the_audit(here: Path) -> None:
    """Whoever threw the proposal away and wants it again pays for one audit."""
    run = decided(here)
    assert tiercel("adopt", run.id) == 0
    (here / "policy.proposed.toml").unlink()
    assert tiercel("adopt", run.id) == 0
    assert len([one for one in runs(here) if one.terms.audits == run.id]) == 1


def test_simulated_copies_are_told_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A proposal from the lab says that it is one."""
    run = registered(here)
    pairs = pairs_of(run, "=" * 200, simulated=True)
    keep(here, *records_of(pairs), *pairs)
    tiercel("status", run.id)
    assert "200 copies were answered by simulated providers." in capsys.readouterr().out
    tiercel("adopt", run.id)
    assert "200 of 200 copies were answered by simulated providers." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("library", "command", "said"),
    [
        ("tomlkit", "adopt", "tiercel: tomlkit is not installed: pip install 'tiercel[evals]'"),
        ("scipy", "status", "Guardrails are not measured: scipy is missing: pip install 'tiercel[evals]'."),
        ("scipy", "adopt", "tiercel: scipy is not installed: pip install 'tiercel[evals]'"),
    ],
)
def test_what_is_missing_is_told_with_the_fix(here: Path, library: str, command: str, said: str) -> None:
    """The verdict needs no extra; guardrails and proposals do."""
    run = decided(here, guardrails=("cost<=0.5x",))
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"from tiercel.cli.main import main; sys.exit(main(['shadow', {command!r}, {run.id!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, timeout=60)
    assert said in done.stdout + done.stderr
    assert done.returncode == (0 if command == "status" else 2)
    assert ("little is not worse" in done.stdout) is (command == "status")
    assert not (here / "policy.proposed.toml").exists()


def test_an_audit_raises_its_alarm_in_the_status(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the model that was replaced passes far more often."""
    run = decided(here)
    tiercel("adopt", run.id)
    audit = next(one for one in runs(here) if one.terms.audits)
    pairs = [
        msgspec.structs.replace(
            pair, received_at=audit.started_at - LONG_AGO_SECONDS / 2 + at, record_id=f"later_{at}"
        )
        for at, pair in enumerate(pairs_of(audit, "=+" * 60))
    ]
    # registered earlier, so that all of it counts by now
    moved = msgspec.structs.replace(audit, started_at=audit.started_at - LONG_AGO_SECONDS / 2)
    moved = msgspec.structs.replace(moved, id=moved.registered_id)
    ShadowStore(here / "tiercel-data").start(moved)
    keep(here, *(msgspec.structs.replace(p, run=moved.id, cluster=p.record_id) for p in pairs))
    capsys.readouterr()
    assert tiercel("status", moved.id) == 0
    assert "ALARM: little is worse by more than 10 points after all" in capsys.readouterr().out
