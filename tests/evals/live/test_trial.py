"""What the pairs of a registered run have shown, whenever one asks."""

import random
from typing import Any

import msgspec
import pytest

from tests.cli.shadow_setting import pairs_of
from tiercel.domain.catalog import Prices
from tiercel.domain.record import ShadowPair
from tiercel.domain.response import Usage
from tiercel.domain.shadow import ShadowRun, ShadowTerms
from tiercel.evals.live.flow import Drawn, drawn, traffic
from tiercel.evals.live.outlook import needed
from tiercel.evals.live.trial import audited, tried
from tiercel.records.routed import Routed

RUN = ShadowRun(
    id="run", rule="chat", candidate="little", share=1.0, margin=0.1, budget_nano=10**10, started_at=1_000.0
)
LATER = 1e9


def asked(marks: str, **changes: object) -> str:
    run = msgspec.structs.replace(RUN, **changes)
    return tried(run, pairs_of(run, marks), LATER).verdict


def test_the_four_verdicts() -> None:
    """Alike is not worse, often better is better, often worse is worse, and few pairs are nothing."""
    assert asked("=" * 200) == "not worse"
    assert asked("=++" * 60) == "better"
    assert asked("=--" * 60) == "worse"
    assert asked("=" * 20) == "undecided"


def test_the_sentence_says_what_it_rests_on() -> None:
    """The verdict, the interval, the number of pairs, the capital."""
    words = tried(RUN, pairs_of(RUN, "=" * 200), LATER).words()
    assert words.startswith(
        "little is not worse than what chat delivers by more than 10 points (difference +0.0"
    )
    assert "200 pairs, e = " in words


def test_what_more_would_cost() -> None:
    """An undecided run says about how many more pairs decide."""
    trial = tried(RUN, pairs_of(RUN, "=" * 20), LATER)
    assert trial.more is not None
    assert 20 < trial.more < 60
    assert f"about {trial.more} more pairs (about $0.00) would decide" in trial.words()


def test_asking_after_every_pair_changes_nothing() -> None:
    """The verdict at a moment is the same, however often it was asked before, and by whom."""
    pairs = pairs_of(RUN, "=+=-" * 50)
    for count in range(0, 200, 20):
        tried(RUN, pairs[:count], RUN.started_at + count)
    once, again = tried(RUN, pairs, LATER), tried(RUN, reversed(pairs), LATER)
    assert (once.evidence, once.observed) == (again.evidence, again.observed)


def test_a_verdict_stays() -> None:
    """What was shown once is shown, whatever the pairs say later."""
    assert asked("=" * 200 + "-" * 12) == "not worse"


def test_sessions_are_not_counted_as_so_many_requests() -> None:
    """Two hundred pairs of four conversations decide nothing."""
    pairs = [
        msgspec.structs.replace(pair, session=f"s{at % 4}", cluster=f"s{at % 4}")
        for at, pair in enumerate(pairs_of(RUN, "=" * 200))
    ]
    trial = tried(RUN, pairs, LATER)
    assert (trial.verdict, trial.evidence.n) == ("undecided", 4)


def test_of_two_candidates_each_has_half_of_alpha() -> None:
    """What suffices alone does not where a second one was tried as well."""
    least = needed(0.1, 0.05).least
    assert asked("=" * least) == "not worse"
    assert asked("=" * least, alpha=0.025) == "undecided"
    assert asked("=" * needed(0.1, 0.025).least, alpha=0.025) == "not worse"


def _stream(draw: random.Random, shares: dict[str, float], size: int) -> list[ShadowPair]:
    """Pairs in conversations of one to four, whose pairs all go the same way."""
    pairs: list[ShadowPair] = []
    for number in range(size):
        mark = draw.choices(list(shares), list(shares.values()))[0]
        for turn, pair in enumerate(pairs_of(RUN, mark * draw.randint(1, 4))):
            at = RUN.started_at + 10.0 * number + turn
            name = f"{number}.{turn}"
            pairs.append(
                msgspec.structs.replace(
                    pair, record_id=name, received_at=at, session=f"s{number}", cluster=f"s{number}"
                )
            )
    return pairs


def test_false_verdicts_are_rare_although_one_looks_all_the_time() -> None:
    """A candidate that is worse by exactly the margin is called not worse in at most alpha of all streams.

    `proves` remembers every moment, so a verdict at the end is one that was given at any time. 200 streams, 5 %: more
    than 18 false ones would have a probability below 1 in 100, were the promise only just kept.
    """
    draw = random.Random(20261121)
    shares = {"-": 0.15, "+": 0.05, "=": 0.8}
    false = sum(
        tried(RUN, _stream(draw, shares, 120), LATER).verdict in ("not worse", "better") for _ in range(200)
    )
    assert false <= 18


def test_an_alarm_says_what_it_rests_on() -> None:
    """Adopted and worse after all: the question is open again."""
    audit = msgspec.structs.replace(
        RUN, candidate="large", terms=ShadowTerms(leader="little", audits="run_1")
    )
    quiet = audited(audit, pairs_of(audit, "=" * 50), LATER)
    loud = audited(audit, pairs_of(audit, "=+" * 60), LATER)
    assert (quiet.is_alarmed, loud.is_alarmed) == (False, True)
    assert quiet.words().startswith(
        "No sign that little is worse by more than 10 points (difference +0.0 points, 50"
    )
    assert loud.words().startswith(
        "ALARM: little is worse by more than 10 points after all (difference -50.0 points"
    )


@pytest.mark.parametrize(("margin", "alpha"), [(0.02, 0.05), (0.03, 0.05), (0.03, 0.025), (0.2, 0.1)])
def test_with_fewer_pairs_than_needed_nothing_is_ever_decided(margin: float, alpha: float) -> None:
    """Even where both sides always pass."""
    least = needed(margin, alpha).least
    assert asked("=" * (least - 1), margin=margin, alpha=alpha) == "undecided"
    assert asked("=" * least, margin=margin, alpha=alpha) == "not worse"


def request(name: str, **changes: Any) -> Routed:
    usage = Usage(uncached=1_000, visible=100)
    return Routed(name, 2_000.0, "passed", "chat", "deep", "", "", usage)._replace(**changes)


def test_requests_are_drawn_as_the_server_draws() -> None:
    """Of this rule, that somebody was asked for; a share of them."""
    run = msgspec.structs.replace(RUN, share=0.5)
    requests = [request(f"rec_{number}") for number in range(400)]
    assert 150 < drawn(run, requests).requests < 250
    assert drawn(RUN, requests) == Drawn(requests=400, leaders=("deep",))
    others = [
        request("a", rule="code"),
        request("b", outcome="overloaded"),
        request("c", started_at=999.0),
    ]
    assert drawn(RUN, others) == Drawn()
    assert drawn(msgspec.structs.replace(RUN, rule=None), [request("a", rule="model:x")]) == Drawn()


def test_what_a_copy_costs_is_read_from_the_rules_own_requests() -> None:
    """At the cheapest price, with their tokens; nobody knows where no usage is known."""
    prices = [
        Prices(input=1_000_000_000, output=2_000_000_000),
        Prices(input=10**10, output=10**10),
        Prices(),
    ]
    found = traffic([request("a"), request("b", usage=None)], prices)
    assert (found.requests, found.cost_nano) == (2, 1_200_000)
    assert traffic([request("b", usage=None)], prices).cost_nano is None
    assert traffic([request("a")], [Prices()]).cost_nano is None
