"""May the candidate take over: the verdict, its words, and what more would cost."""

import numpy as np
import pytest

from tests.evals.statistics.test_paired import every_outcome, outcomes
from tiercel.evals.statistics.comparison import Verdict, compare, compare_all


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [
        (90, 40, "better"),
        (40, 40, "not worse"),
        (26, 48, "not worse"),  # shown to be worse, and shown to be within the margin
        (20, 60, "worse"),
        (90, 110, "cannot tell"),
        (170, 200, "cannot tell"),
    ],
)
def test_the_verdict(better: int, worse: int, verdict: Verdict) -> None:
    """Of 1,000 pairs, with a margin of 4 points."""
    found = compare(*outcomes(900 - better - worse, better, worse, 100), margin=0.04)
    assert found.verdict == verdict


def test_not_worse_is_said_exactly_where_the_one_sided_bound_lies_above_the_margin() -> None:
    for worse in range(40, 80):
        found = compare(*outcomes(500, 40, worse, 460 - worse), margin=0.03)
        assert (found.p_not_worse <= 0.05) == (found.not_below >= -0.03)


@pytest.mark.parametrize(
    ("up", "down", "wrong"), [(0.02, 0.07, "not worse"), (0.045, 0.045, "better or worse")]
)
def test_a_wrong_verdict_has_at_most_the_promised_probability(up: float, down: float, wrong: str) -> None:
    """Exactly, over all outcomes of 100 pairs: at the margin, and with no difference at all."""
    false = ("better", "not worse") if wrong == "not worse" else ("better", "worse")
    probability = sum(
        p
        for better, worse, p in every_outcome(100, up, down)
        if p > 1e-5
        and compare(*outcomes(100 - better - worse, better, worse, 0), margin=0.05).verdict in false
    )
    assert probability <= 0.055


def test_the_pairs_that_are_said_to_decide_do_decide_in_most_runs() -> None:
    """An equal candidate, undecided after 200 pairs; with so many more as were said, most runs decide."""
    rng = np.random.default_rng(4)
    first = compare(*outcomes(150, 16, 16, 18), margin=0.03)
    assert first.verdict == "cannot tell"
    assert first.more is not None
    n = 200 + first.more
    decided = 0
    for _ in range(60):
        drawn = rng.multinomial(n, [0.75, 0.08, 0.08, 0.09])
        decided += compare(*outcomes(*drawn.tolist()), margin=0.03).verdict == "not worse"
    assert decided / 60 > 0.65


def test_clusters_are_paid_for_in_the_pairs_that_are_still_needed() -> None:
    rng = np.random.default_rng(6)
    gap = rng.choice([-1, 0, 1], size=60, p=[0.1, 0.8, 0.1]).repeat(10)
    baseline, candidate = (gap < 0).astype(float), (gap > 0).astype(float)
    alone = compare(baseline, candidate, margin=0.03)
    grouped = compare(baseline, candidate, margin=0.03, clusters=[at // 10 for at in range(600)])
    assert alone.more is not None
    assert grouped.more is not None
    assert grouped.more > 5 * alone.more


def test_a_candidate_at_the_margin_is_worse_sooner_than_not_worse() -> None:
    """Where *not worse* can no longer come, the number is that of *worse*."""
    found = compare(*outcomes(180, 5, 9, 6), margin=0.02)
    assert found.verdict == "cannot tell"
    assert found.more is not None


def test_several_candidates_share_the_error() -> None:
    """A candidate that is better alone is not, as one of eight tries."""
    one = outcomes(300, 42, 24, 34)
    assert compare(*one, margin=0.02).verdict == "better"
    rest = {f"try {at}": outcomes(300, 33, 33, 34)[1] for at in range(7)}
    assert compare_all(one[0], {"one": one[1], **rest}, margin=0.02)["one"].verdict != "better"


def test_words_of_each_verdict() -> None:
    said = {
        verdict: compare(
            *outcomes(900 - better - worse, better, worse, 100), margin=0.04, cost_per_pair_nano=7_000_000
        ).words("fast", "deep")
        for verdict, better, worse in (
            ("better", 90, 40),
            ("not worse", 26, 48),
            ("worse", 20, 60),
            ("cannot tell", 90, 110),
        )
    }
    assert said == {
        "better": "fast is better than deep (difference +5.0 points, 95 % interval +2.8 to +7.3, n = 1,000 pairs).",
        "not worse": (
            "fast is not worse than deep by more than 4 points, though a little worse (difference -2.2 points, 95 % "
            "interval -4.0 to -0.5, n = 1,000 pairs; at 95 % confidence not below -3.7)."
        ),
        "worse": "fast is worse than deep (difference -4.0 points, 95 % interval -5.8 to -2.3, n = 1,000 pairs).",
        "cannot tell": (
            "Cannot tell (difference -2.0 points, 95 % interval -4.8 to +0.8, n = 1,000 pairs); about 2,089 more "
            "pairs (about $14.62) would decide."
        ),
    }


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (1.0, 0.05), (0.03, 0.0), (-0.03, 0.05)])
def test_a_margin_or_alpha_that_means_nothing_is_refused(margin: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        compare([0, 1], [1, 1], margin=margin, alpha=alpha)
