"""A small table of requests whose numbers can be worked out by hand."""

from tiercel.domain.climb import Verdict, Why
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.domain.response import FinishReason, Usage

DAY = 1_785_542_400.0
"""2026-08-01 00:00 UTC."""
FINISHED = Verdict(check="finished", score=1.0, reason="ended by itself")


def schema(*, score: float = 1.0, repairs: tuple[str, ...] = (), error: str | None = None) -> Verdict:
    return Verdict(check="json_schema", score=score, reason="", repairs=repairs, error=error)


def answered(
    number: int,
    why: Why = "first",
    *,
    model: str = "haiku",
    cost_nano: int | None = 1_000_000,
    verdicts: tuple[Verdict, ...] = (FINISHED,),
    finish: FinishReason = "stop",
) -> AttemptRecord:
    """A call of one second: first token after 0.2 s, 100 tokens."""
    return AttemptRecord(
        number=number,
        why=why,
        rung=model,
        deployment=model,
        provider="anthropic",
        model=model,
        tier={"haiku": "fast", "sonnet": "balanced"}.get(model),
        seconds=1.0,
        ttft_seconds=0.2,
        usage=Usage(uncached=50, visible=80, reasoning=20),
        cost_nano=cost_nano,
        finish_reason=finish,
        verdicts=verdicts,
        simulated=True,
    )


def empty(number: int, why: Why = "first") -> AttemptRecord:
    """A 200 in which thinking left nothing."""
    return AttemptRecord(
        number=number,
        why=why,
        rung="gemini",
        deployment="gemini",
        provider="google",
        model="gemini",
        tier="fast",
        effort="low",
        state="failed",
        failure=Failure(kind="empty_length", message=""),
        usage=Usage(uncached=50, reasoning=64),
        cost_nano=500_000,
        finish_reason="length",
        empty=True,
    )


TABLE = (
    # extraction: valid after a repair
    Record(
        id="a",
        started_at=DAY,
        seconds=1.0,
        outcome="passed",
        task="extraction",
        session="s",
        attempts=(answered(1, verdicts=(FINISHED, schema(repairs=("fences",)))),),
        delivered=1,
        verified=True,
        ttft_seconds=0.2,
    ),
    # extraction: broken JSON, escalated, valid as it came
    Record(
        id="b",
        started_at=DAY + 60,
        seconds=3.0,
        outcome="passed",
        task="extraction",
        attempts=(
            answered(1, verdicts=(FINISHED, schema(score=0.0))),
            answered(2, "escalation", model="sonnet", cost_nano=9_000_000, verdicts=(FINISHED, schema())),
        ),
        delivered=2,
        verified=True,
        ttft_seconds=1.2,
    ),
    # coding: empty, then another model; the user rejected it
    Record(
        id="c",
        started_at=DAY + 120,
        seconds=2.0,
        outcome="passed",
        task="coding",
        attempts=(empty(1), answered(2, "fallback")),
        delivered=2,
        ttft_seconds=0.4,
    ),
    # coding: cut twice, delivered as the policy says
    Record(
        id="d",
        started_at=DAY + 180,
        seconds=4.0,
        outcome="marked",
        task="coding",
        attempts=(answered(1, finish="length"), answered(2, "re_ask", finish="length")),
        delivered=2,
        ttft_seconds=1.3,
    ),
    # nobody could take it
    Record(id="e", started_at=DAY + 240, seconds=0.01, outcome="rejected", task="gui"),
)
FEEDBACK = {
    "a": Feedback(id="f1", record_id="a", at=DAY, verdict="accepted"),
    "c": Feedback(id="f2", record_id="c", at=DAY, verdict="rejected"),
    "d": Feedback(id="f3", record_id="d", at=DAY, score=0.5),
}
