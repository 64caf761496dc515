"""What an answer's headers say of it: one line of plain ASCII each, whatever stands in the record."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tiercel.domain.climb import Plan, Verdict
from tiercel.domain.facts import Facts
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import Usage
from tiercel.gateway.endpoints.answer_headers import (
    MAX_VALUE_CHARS,
    answer_lines,
    commit_lines,
    explain_attempts,
)

FAILED = AttemptRecord(
    number=1,
    why="first",
    rung="cheap",
    deployment="cheap",
    provider="lab",
    model="m1",
    state="failed",
    failure=Failure(kind="empty_length", message="nothing"),
)
ANSWERED = AttemptRecord(
    number=2,
    why="fallback",
    rung="near@high",
    deployment="near",
    provider="lab",
    model="m2",
    tier="efficient",
    effort="high",
    usage=Usage(uncached=10, visible=5),
    cost_nano=1_234_567,
    verdicts=(
        Verdict(check="finished", score=1.0, reason="complete"),
        Verdict(check="length", score=0.5, reason="too short"),
        Verdict(check="judge", score=1.0, reason="", error="nobody answered"),
    ),
    lost=("seed", "logprobs"),
)


def record(*attempts: AttemptRecord, rule: str = "any") -> Record:
    return Record(
        id="0" * 26,
        started_at=0.0,
        seconds=1.0,
        outcome="passed",
        rule=rule,
        attempts=attempts,
        delivered=2,
    )


def said(answered: Record) -> dict[str, str]:
    return read(answer_lines(answered))


def read(lines: bytes) -> dict[str, str]:
    assert lines.endswith(b"\r\n")
    headers = [line.split(": ", 1) for line in lines.decode("ascii").removesuffix("\r\n").split("\r\n")]
    named = {name: value for name, value in headers}
    assert len(named) == len(headers)
    return named


def test_the_headers_say_what_answered_why_and_what_it_cost() -> None:
    assert said(record(FAILED, ANSWERED)) == {
        "x-request-id": "0" * 26,
        "x-tiercel-record": "0" * 26,
        "x-tiercel-attempts": "2",
        "x-tiercel-cost-usd": "0.001234567",
        "x-tiercel-why": "rule any: first cheap failed (empty_length), "
        "fallback near@high (length too short; judge nobody answered)",
        "x-tiercel-outcome": "passed",
        "x-tiercel-model": "m2",
        "x-tiercel-tier": "efficient",
        "x-tiercel-effort": "high",
        "x-tiercel-lost": "seed, logprobs",
    }


def test_nothing_is_said_of_an_answer_that_nobody_gave() -> None:
    names = {"x-tiercel-model", "x-tiercel-tier", "x-tiercel-effort", "x-tiercel-lost", "x-tiercel-simulated"}
    assert not names & set(said(record(FAILED)))


def test_what_is_no_printable_ascii_is_one_question_mark_each() -> None:
    headers = said(record(FAILED, rule="a\r\nb: c\tü€\U0001f600\x7f\ud800~"))
    assert headers["x-tiercel-why"].startswith("rule a??b: c??????~: first cheap")


@given(texts=st.tuples(*[st.text(max_size=500)] * 5))
def test_no_word_in_a_record_can_be_another_header(texts: tuple[str, ...]) -> None:
    rule, rung, model, tier, lost = texts
    attempt = replace(ANSWERED, rung=rung, model=model, tier=tier, lost=(lost, lost))
    names = ["attempts", "cost-usd", "effort", "lost", "model", "outcome", "record", "why"]
    names += ["tier"] if tier else []
    headers = said(record(attempt, rule=rule))
    assert set(headers) == {"x-request-id", *[f"x-tiercel-{name}" for name in names]}
    assert all(len(value) <= MAX_VALUE_CHARS and value.isprintable() for value in headers.values())
    plan = Plan(facts=Facts(), rule=rule, stages=(), rungs=())
    lines = commit_lines("0" * 26, plan, None, (lost,))
    assert set(read(lines)) == {"x-request-id", "x-tiercel-record", "x-tiercel-why", "x-tiercel-lost"}


def test_a_long_value_is_cut() -> None:
    headers = said(record(FAILED, rule="r" * 1_000))
    assert headers["x-tiercel-why"] == "rule " + "r" * (MAX_VALUE_CHARS - 5)


def test_the_arm_of_a_split_is_named_with_its_share() -> None:
    answered = Record(
        id="0" * 26, started_at=0.0, seconds=1.0, outcome="passed", rule="any", arm="haiku", propensity=0.125
    )
    assert explain_attempts(answered) == "rule any, arm haiku (12.5 %): "
