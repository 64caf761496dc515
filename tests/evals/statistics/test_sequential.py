"""A registered run: its verdict at any time, what it still needs, what it refuses, and the audit after adoption."""

import random
import subprocess
import sys

import msgspec
import pytest

from tiercel.evals.statistics.sequential import (
    Audit,
    Evidence,
    Registration,
    RegistrationChangedError,
    SequentialVerdict,
    is_alarmed,
    is_below_baseline,
    more_pairs,
    observe,
    observe_audit,
    require_unchanged,
    sentence,
    verdict,
)

ASKED = Registration(candidate="fast", baseline="deep", metric="pass", margin=0.03, started_at=1_000.0)


def seen(differences: list[float], registration: Registration = ASKED) -> Evidence:
    evidence = Evidence(registration=registration)
    for at, difference in enumerate(differences):
        evidence = observe(evidence, difference, at=1_000.0 + at)
    return evidence


def pairs(better: int, worse: int, alike: int, *, seed: int = 1) -> list[float]:
    values = [1.0] * better + [-1.0] * worse + [0.0] * alike
    random.Random(seed).shuffle(values)
    return values


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([], "undecided"),
        (pairs(5, 5, 40), "undecided"),
        (pairs(100, 20, 480), "better"),
        (pairs(60, 60, 1_480), "not worse"),
        (pairs(20, 100, 480), "worse"),
    ],
)
def test_the_verdict(differences: list[float], said: SequentialVerdict) -> None:
    assert verdict(seen(differences)) == said


def test_a_candidate_a_little_worse_is_within_the_margin_and_the_rest_of_the_truth_is_kept() -> None:
    evidence = seen(pairs(20, 120, 9_860))
    assert verdict(evidence) == "not worse"
    assert is_below_baseline(evidence)
    assert "though a little worse" in sentence(evidence)


def test_one_looks_as_often_as_one_likes() -> None:
    """300 streams of an equal pair of models, looked at after each of 600 pairs: at most one in twenty is judged."""
    draw = random.Random(7)
    judged = 0
    for _ in range(300):
        evidence = Evidence(registration=ASKED)
        for turn in range(600):
            evidence = observe(evidence, draw.choice((1.0, -1.0, 0.0, 0.0)), at=1_000.0 + turn)
            if evidence.better.proves(0.025) or evidence.worse.proves(0.025):
                judged += 1
                break
    assert judged / 300 <= 0.05


def test_evidence_survives_a_restart() -> None:
    """Written as JSON and read again it goes on as if nothing had happened."""
    values = pairs(30, 20, 150)
    kept = msgspec.json.decode(msgspec.json.encode(seen(values[:120])), type=Evidence)
    for at, value in enumerate(values[120:]):
        kept = observe(kept, value, at=2_000.0 + at)
    assert kept == seen(values)


@pytest.mark.parametrize(
    "change", [{"margin": 0.05}, {"alpha": 0.1}, {"started_at": 5.0}, {"metric": "rubric"}]
)
def test_a_registration_cannot_be_edited_after_it_began(change: dict[str, float | str]) -> None:
    edited = msgspec.convert({**msgspec.to_builtins(ASKED), **change}, Registration)
    for kept in (seen([0.0]), Audit(registration=ASKED)):
        require_unchanged(kept, ASKED)
        with pytest.raises(RegistrationChangedError, match="register anew"):
            require_unchanged(kept, edited)


def test_pairs_from_before_the_start_do_not_count() -> None:
    with pytest.raises(ValueError, match="older than the registration"):
        observe(Evidence(registration=ASKED), 0.0, at=999.0)


@pytest.mark.parametrize("difference", [1.01, -3.0, float("nan")])
def test_differences_without_bounds_are_refused(difference: float) -> None:
    with pytest.raises(ValueError, match="from -1 to 1"):
        observe(Evidence(registration=ASKED), difference, at=1_000.0)


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (1.0, 0.05), (0.03, 0.0), (0.03, 1.0)])
def test_a_registration_that_means_nothing_is_refused(margin: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        Registration(candidate="a", baseline="b", metric="pass", margin=margin, alpha=alpha, started_at=0)


def test_the_outlook_is_of_the_right_size() -> None:
    """At 16 % discordance and 3 points, equal models stop after about 1,350 pairs."""
    early = more_pairs(seen(pairs(8, 8, 84)))
    assert early is not None
    assert 700 < 100 + early < 2_700


def test_the_outlook_is_nothing_before_the_first_pair_and_zero_after_the_verdict() -> None:
    assert more_pairs(Evidence(registration=ASKED)) is None
    assert more_pairs(seen(pairs(100, 20, 480))) == 0


def test_words_of_a_run() -> None:
    values = pairs(60, 60, 1_480)
    said = sentence(seen(values), values)
    assert said.startswith(
        "fast is not worse than deep by more than 3 points (difference +0.0 points, 95 % interval "
    )
    assert "; at 95 % confidence not below -" in said
    undecided = sentence(seen(pairs(8, 8, 84)), cost_per_pair_nano=7_000_000)
    assert undecided.startswith("Cannot tell yet (difference +0.0 points, 100 pairs); about ")
    assert "more pairs (about $" in undecided
    assert sentence(Evidence(registration=ASKED)) == "Cannot tell yet (no pair yet)."
    assert sentence(seen(pairs(100, 20, 480))).startswith(
        "fast is better than deep (difference +13.3 points, 600"
    )
    assert sentence(seen(pairs(20, 100, 480))).startswith(
        "fast is worse than deep (difference -13.3 points, 600"
    )


def test_the_bound_in_words_never_contradicts_the_verdict() -> None:
    """A margin between two points of the grid is named, not the point below it."""
    asked = msgspec.structs.replace(ASKED, margin=0.031)
    values: list[float] = []
    evidence = Evidence(registration=asked)
    for value in pairs(60, 60, 1_480):
        values.append(value)
        evidence = observe(evidence, value, at=1_000.0)
        if verdict(evidence) == "not worse":
            break
    bound = float(sentence(evidence, values).rsplit("not below ", 1)[1].rstrip(")."))
    assert bound >= -3.1


def test_words_need_the_differences_that_were_observed() -> None:
    with pytest.raises(ValueError, match="2 differences were handed in, and 3 were observed"):
        sentence(seen([0.0, 1.0, 0.0]), [0.0, 1.0])


def audited(differences: list[float]) -> Audit:
    audit = Audit(registration=ASKED)
    for at, difference in enumerate(differences):
        audit = observe_audit(audit, difference, at=5_000.0 + at)
    return audit


def test_an_audit_raises_the_alarm_when_the_candidate_got_worse_than_the_margin() -> None:
    """At a capital of 20, and not before."""
    values = pairs(5, 60, 335)
    audit = audited(values)
    assert is_alarmed(audit)
    first = next(n for n in range(1, 401) if is_alarmed(audited(values[:n])))
    assert audited(values[:first]).too_bad.capital >= 20 > audited(values[: first - 1]).too_bad.capital


def test_an_audit_of_a_candidate_within_the_margin_stays_silent() -> None:
    """300 audits of 500 samples just within the margin: at most one in twenty raises the alarm."""
    draw = random.Random(2)
    alarmed = sum(
        is_alarmed(audited(draw.choices([1.0, 0.0, -1.0], [0.065, 0.84, 0.095], k=500))) for _ in range(300)
    )
    assert alarmed / 300 <= 0.05


def test_a_server_can_run_it_without_arrays() -> None:
    """Neither numpy nor scipy comes with it."""
    code = (
        "import sys, tiercel.evals.statistics.sequential; "
        "print([name for name in sys.modules if name.split('.')[0] in ('numpy', 'scipy', 'pyarrow')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
