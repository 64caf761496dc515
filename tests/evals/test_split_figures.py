"""What is said of a split's arms: figures and differences where there is enough for them, and reasons where not."""

import random
from typing import Any

import pytest

from tiercel.evals.split_figures import METRICS, Compared, compared
from tiercel.measure.split import Trial, trials
from tiercel.records.split_row import SplitRow


def rows(
    arm: str,
    sessions: int,
    *,
    good: float = 0.8,
    nano: int = 1_000,
    seconds: float = 1.0,
    share: float = 0.5,
    seed: int = 1,
    **more: Any,
) -> list[SplitRow]:
    """`sessions` of five requests each; the first of them is judged by its user."""
    draw = random.Random(f"{arm}{seed}")
    made = []
    for session in range(sessions):
        for turn in range(5):
            passed = draw.random() < good
            row = SplitRow(
                id=f"{arm}-{session}-{turn}",
                started_at=10.0 * session + turn,
                rule="chat",
                split="trial",
                arm=arm,
                propensity=share,
                complete=True,
                unit=f"{arm}{session}",
                cluster=f"{arm}{session}",
                outcome="passed" if passed else "marked",
                seconds=seconds * draw.lognormvariate(0, 0.3),
                cost_nano=nano + draw.randrange(100),
                opinion=("accepted" if draw.random() < good else "rejected") if turn == 0 else None,
                simulated=False,
            )
            made.append(row._replace(**more))
    return made


def of(*made: list[SplitRow], against: str | None = None) -> Compared:
    return compared(only(*made), against)


def only(*made: list[SplitRow]) -> Trial:
    (found,) = trials([row for some in made for row in some])
    return found


def verdicts(found: Compared) -> dict[str, str]:
    return {contrast.metric: contrast.verdict for contrast in found.contrasts}


def test_what_is_different_is_told_with_an_interval_that_holds_it() -> None:
    found = of(
        rows("a", 400, good=0.7, nano=1_000, seconds=2.0), rows("b", 400, good=0.9, nano=2_000, seconds=1.0)
    )
    assert verdicts(found) == {
        "success": "higher",
        "accepted": "higher",
        "cost_per_success": "higher",
        "latency_p95": "lower",
    }
    success, _, cost, latency = found.contrasts
    for contrast, true in ((cost, 2_050 / 1_050 * 0.658 / 0.882), (latency, 0.5)):
        assert contrast.low is not None
        assert contrast.high is not None
        assert contrast.low < true * 1.1
        assert contrast.high > true * 0.9
    # a fifth is judged by users, and what they reject is no success
    assert success.value == pytest.approx(0.882 - 0.658, abs=0.05)


def test_of_two_arms_that_are_alike_nothing_is_said() -> None:
    """Of 100 such pairs about five are told apart by chance, in each metric."""
    wrong: dict[str, int] = {str(metric): 0 for metric in METRICS}
    for seed in range(100):
        found = of(rows("a", 60, seed=seed), rows("b", 60, seed=seed))
        for metric, verdict in verdicts(found).items():
            wrong[metric] += verdict != "cannot tell"
    assert max(wrong.values()) <= 12


def test_sessions_and_not_requests_are_the_evidence() -> None:
    """Forty requests of two sessions are no evidence: intervals are wide, and a p95 has none."""
    found = of(rows("a", 4), rows("b", 4))
    assert found.is_provisional
    for arm in found.arms:
        assert arm.figures["success"].clusters == 4
        assert arm.figures["latency_p95"].lacks == "20 independent clusters are needed, and there are 4"
    assert verdicts(found)["latency_p95"] == "too little"


def test_one_session_an_arm_is_too_little_for_anything() -> None:
    found = of(rows("a", 1), rows("b", 1))
    assert set(verdicts(found).values()) == {"too little"}
    assert all(contrast.lacks for contrast in found.contrasts)
    assert all(figure.low is None for arm in found.arms for figure in arm.figures.values())


def test_an_unknown_price_makes_no_cost_of_zero() -> None:
    found = of(rows("a", 50), rows("b", 50, cost_nano=None))
    cost = found.arms[1].figures["cost_per_success"]
    assert (cost.value, cost.lacks) == (None, "the cost of 250 requests is not known")
    assert verdicts(found)["cost_per_success"] == "too little"


def test_without_a_success_there_is_no_cost_of_one() -> None:
    found = of(rows("a", 50), rows("b", 50, good=0.0))
    assert found.arms[1].figures["cost_per_success"].lacks == "nothing succeeded"
    assert verdicts(found)["success"] == "lower"


def test_without_an_answer_there_is_no_latency() -> None:
    found = of(rows("a", 50), rows("b", 50, outcome="failed"))
    assert found.arms[1].figures["latency_p95"].lacks == "nothing was delivered"


def test_the_greatest_share_is_the_baseline_unless_another_is_named() -> None:
    made = rows("a", 30, share=0.2), rows("b", 90, share=0.6), rows("c", 30, share=0.2)
    assert of(*made).baseline == "b"
    assert {contrast.arm for contrast in of(*made, against="c").contrasts} == {"a", "b"}
    with pytest.raises(ValueError, match="split trial has no arm 'd', but b, a, c"):
        of(*made, against="d")


@pytest.mark.parametrize(("sessions", "unfair"), [((100, 100), False), ((110, 90), False), ((150, 50), True)])
def test_arms_that_were_not_given_what_their_shares_say_are_not_trusted(
    sessions: tuple[int, int], unfair: bool
) -> None:
    found = of(rows("a", sessions[0]), rows("b", sessions[1]))
    assert found.is_unfair is unfair


def test_requests_that_draw_for_themselves_say_nothing_about_shares() -> None:
    """Those of a tool loop have the same arm, so that their numbers vary more than a lottery's."""
    alone = [[row._replace(unit=row.id) for row in rows(arm, n)] for arm, n in (("a", 150), ("b", 50))]
    assert of(*alone).p_shares is None


def test_of_few_units_nothing_is_said_about_shares() -> None:
    assert of(rows("a", 4), rows("b", 4)).p_shares is None
    assert of(rows("a", 40, share=1.0)).p_shares is None


def test_requests_of_one_session_in_both_arms_are_no_trouble() -> None:
    """As where each request draws for itself."""
    shared = [row._replace(arm="b", id=f"b{row.id}") for row in rows("a", 60, seed=2)]
    found = of(rows("a", 60), shared)
    assert verdicts(found)["success"] == "cannot tell"


def test_a_split_of_which_nothing_counts_has_no_arms() -> None:
    found = of(rows("a", 3, complete=False))
    assert (found.arms, found.contrasts, found.baseline, found.counted) == ((), (), None, 0)
