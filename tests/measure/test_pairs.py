"""Numbers from pairs of answers."""

import msgspec

from tiercel.domain.record import PairedAnswer, ShadowPair
from tiercel.measure.pairs import numbers_of

GOOD = PairedAnswer(rung="a", model="a", passed=True, score=1.0, seconds=2.0, cost_nano=50)
BAD = PairedAnswer(rung="b", model="b", passed=False, score=0.0, seconds=1.0, cost_nano=10)
DOWN = PairedAnswer(failure="server_error", seconds=9.0)
PAIR = ShadowPair(
    record_id="rec_1",
    candidate="new",
    received_at=1.0,
    rule="any",
    task="coding",
    propensity=0.1,
    cluster="s",
    live=GOOD,
    shadow=BAD,
)


def pair(**changes: object) -> ShadowPair:
    return msgspec.structs.replace(PAIR, **changes)


def test_both_sides_are_counted_on_the_same_requests() -> None:
    """Who passed, who alone did, who failed, what is known of the cost; a failure has no latency."""
    (numbers,) = numbers_of([PAIR, pair(live=BAD, shadow=GOOD), pair(shadow=DOWN, cluster="t")])
    assert (numbers.pairs, numbers.clusters, numbers.only_live, numbers.only_shadow) == (3, 2, 2, 1)
    assert (numbers.live.passed.count, numbers.shadow.passed.count) == (2, 1)
    assert (numbers.shadow.failed, numbers.shadow.seconds.n, numbers.shadow.seconds.p50) == (1, 2, 1.0)
    assert (numbers.live.known_nano, numbers.shadow.known_nano, numbers.shadow.unpriced) == (110, 60, 1)


def test_each_candidate_rule_and_run_stands_alone() -> None:
    """Pairs of different comparisons are never added up."""
    found = numbers_of([PAIR, pair(candidate="other"), pair(rule="code"), pair(run="run_1")])
    assert [(one.run, one.rule, one.candidate) for one in found] == [
        ("", "any", "new"),
        ("", "any", "other"),
        ("", "code", "new"),
        ("run_1", "any", "new"),
    ]
