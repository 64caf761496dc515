"""What is remembered of sessions: for whom, how long, and how many."""

import pytest

from tests.ladder.plans import plan, rung
from tiercel.domain.climb import Plan, Why
from tiercel.domain.facts import Facts
from tiercel.domain.keys import ANYBODY, AccessKey
from tiercel.domain.policy import Sticky
from tiercel.domain.record import AttemptRecord, Outcome, Record
from tiercel.domain.response import Usage
from tiercel.domain.session import NO_SESSION, SessionState
from tiercel.engine.sessions import CACHE_SECONDS, MAX_CACHES, Sessions
from tiercel.testing.clock import FrozenClock


def planned(sticky: Sticky = "stage", *, session: str | None = "s", agent: str | None = None) -> Plan:
    made = plan(rung("low", 0), rung("top", 1))
    facts = Facts(session=session, agent=agent)
    return Plan(facts=facts, rule="any", stages=made.stages, rungs=made.rungs, sticky=sticky)


def attempt(
    name: str = "low", *, number: int = 1, cached: int = 0, written: int = 0, asked_by: str | None = None
) -> AttemptRecord:
    why: Why = "judge" if asked_by else "first"
    return AttemptRecord(
        number=number,
        why=why,
        rung=name,
        deployment=name,
        provider="lab",
        model=name,
        usage=Usage(uncached=10, cached=cached, written=written),
        asked_by=asked_by,
    )


def record(*attempts: AttemptRecord, outcome: Outcome = "passed") -> Record:
    delivered = attempts[-1].number if attempts else None
    return Record(
        id="r", started_at=0.0, seconds=1.0, outcome=outcome, attempts=attempts, delivered=delivered
    )


def remembered(known: Sessions, key: AccessKey = ANYBODY, **named: str) -> SessionState:
    return known.of(key, Facts(session=named.get("session", "s"), agent=named.get("agent")))


def test_who_gave_the_last_good_answer_is_remembered() -> None:
    known = Sessions(FrozenClock())
    known.note(ANYBODY, planned(), record(attempt("low")))
    known.note(ANYBODY, planned(), record(attempt("low"), attempt("top", number=2)))
    assert remembered(known).deployment == "top"


@pytest.mark.parametrize("outcome", ["marked", "refused", "failed", "withheld", "broken", "cancelled"])
def test_answers_that_were_not_good_change_nobody(outcome: Outcome) -> None:
    known = Sessions(FrozenClock())
    known.note(ANYBODY, planned(), record(attempt("low")))
    known.note(ANYBODY, planned(), record(attempt("top"), outcome=outcome))
    assert remembered(known).deployment == "low"


@pytest.mark.parametrize(("sticky", "deployment"), [("cache", None), ("session", "low"), ("stage", "top")])
def test_only_a_rule_that_is_sticky_to_the_stage_stays_up(sticky: Sticky, deployment: str | None) -> None:
    known = Sessions(FrozenClock())
    known.note(ANYBODY, planned(sticky), record(attempt("low")))
    known.note(ANYBODY, planned(sticky), record(attempt("top")))
    assert remembered(known).deployment == deployment


KEYS = [AccessKey(id="a"), AccessKey(id="b"), AccessKey(id="a", project="p"), ANYBODY]


@pytest.mark.parametrize("key", KEYS[1:], ids=["key", "project", "nobody's"])
def test_a_session_is_its_keys_alone(key: AccessKey) -> None:
    known = Sessions(FrozenClock())
    known.note(KEYS[0], planned(), record(attempt("top")))
    assert remembered(known, key) is NO_SESSION
    assert remembered(known, KEYS[0]).deployment == "top"


def test_names_do_not_run_into_each_other() -> None:
    known = Sessions(FrozenClock())
    known.note(ANYBODY, planned(session="ab", agent="c"), record(attempt("top")))
    assert remembered(known, session="a", agent="bc") is NO_SESSION
    assert remembered(known, session="ab") is NO_SESSION
    assert remembered(known, session="ab", agent="c").deployment == "top"


def test_requests_without_a_session_leave_nothing() -> None:
    known = Sessions(FrozenClock())
    known.note(ANYBODY, planned(session=None), record(attempt()))
    assert len(known) == 0


def test_what_was_read_and_written_is_expected_again_until_caches_expire() -> None:
    clock = FrozenClock()
    known = Sessions(clock)
    known.note(ANYBODY, planned("cache"), record(attempt("low", cached=300, written=40)))
    assert remembered(known).cached == {"low": 340}
    clock.advance(CACHE_SECONDS)
    assert remembered(known).cached == {"low": 340}
    clock.advance(0.1)
    assert remembered(known).cached == {}


def test_a_cache_that_was_not_hit_is_gone() -> None:
    known = Sessions(FrozenClock())
    known.note(ANYBODY, planned("cache"), record(attempt("low", cached=300)))
    known.note(ANYBODY, planned("cache"), record(attempt("low")))
    assert remembered(known).cached == {}


def test_each_deployment_has_a_cache_of_its_own_and_those_beside_the_ladder_none() -> None:
    known = Sessions(FrozenClock())
    known.note(
        ANYBODY,
        planned("cache"),
        record(attempt("low", cached=300), attempt("judge", number=2, cached=9, asked_by="judge")),
    )
    known.note(ANYBODY, planned("cache"), record(attempt("top", cached=200)))
    assert remembered(known).cached == {"low": 300, "top": 200}


def test_memory_is_bounded_in_sessions_and_in_what_each_has() -> None:
    known = Sessions(FrozenClock(), max_known=3)
    for number in range(9):
        known.note(ANYBODY, planned(session=f"s{number}"), record(attempt("low")))
        known.note(ANYBODY, planned(session="s0"), record(attempt(f"m{number}", cached=5)))
    assert len(known) == 3
    assert len(remembered(known, session="s0").cached) == MAX_CACHES
    assert remembered(known, session="s1") is NO_SESSION
    assert remembered(known, session="s8").deployment == "low"
