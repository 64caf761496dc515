"""Records for the tests of this folder: one that fills every field, and small ones by id."""

from hypothesis import strategies as st

from tiercel.domain.climb import Verdict
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord, Feedback, Outcome, Record, Started
from tiercel.domain.response import Usage

FULL = Record(
    id="rec_full",
    started_at=1_760_000_000.25,
    seconds=2.5,
    outcome="passed",
    stream=True,
    model_requested="auto",
    task="extraction",
    complexity="hard",
    risk="medium",
    latency="critical",
    residency="eu",
    session="s-1",
    modalities=("text", "image"),
    strict_json=True,
    tokens_estimated=1_200,
    stated=("task",),
    rule="strict JSON",
    ladder=("fast", "balanced"),
    why="rule 'strict JSON'",
    policy_hash="0123456789ab",
    attempts=(
        AttemptRecord(
            number=1,
            why="first",
            rung="google/gemini-3.5-flash@low",
            deployment="google/gemini-3.5-flash",
            provider="google",
            model="gemini-3.5-flash",
            tier="fast",
            effort="low",
            state="failed",
            failure=Failure(kind="empty_length", message="no text", status=200, retry_after_seconds=1.5),
            seconds=0.5,
            usage=Usage(uncached=1_000, cached=200, reasoning=64),
            cost_nano=2_076_000,
            finish_reason="length",
            finish_raw="MAX_TOKENS",
            empty=True,
            notes=("budget raised to 1024",),
        ),
        AttemptRecord(
            number=2,
            why="fallback",
            rung="claude-haiku-4-5",
            deployment="claude-haiku-4-5",
            provider="anthropic",
            model="claude-haiku-4-5",
            tier="fast",
            began_seconds=0.5,
            seconds=1.9,
            ttft_seconds=0.4,
            ttfa_seconds=0.4,
            usage=Usage(uncached=1_200, visible=300, source="estimated", reported_cost_nano=7),
            cost_nano=None,
            finish_reason="stop",
            finish_raw="end_turn",
            verdicts=(
                Verdict(check="json_schema", score=1.0, reason="valid", repairs=("fences",), seconds=0.001),
            ),
            repairs=("fences",),
            lost=("logprobs",),
            upstream_id="msg_1",
            simulated=True,
        ),
    ),
    delivered=2,
    verified=True,
    ttft_seconds=0.9,
    ttfa_seconds=0.95,
    problem="upstream_error",
    message="told to the client",
    simulated=True,
    project="search",
    key_id="k-1",
    split="try-haiku",
    arm="haiku",
    propensity=0.25,
    split_unit="00ff00ff00ff00ff",
    arms_out=("flash", "mini"),
)


def record(name: str, *, started_at: float = 1_760_000_000.0, outcome: Outcome = "passed") -> Record:
    return Record(id=name, started_at=started_at, seconds=1.0, outcome=outcome)


def started(name: str, *, rung: str = "claude-haiku-4-5") -> Started:
    return Started(id=name, started_at=1_760_000_000.0, format="openai_chat", task="coding", rung=rung)


def feedback(name: str, of: str, *, at: float = 1_760_000_100.0, comment: str | None = None) -> Feedback:
    return Feedback(id=name, record_id=of, at=at, verdict="accepted", comment=comment)


names = st.text(max_size=12)
entries = st.one_of(
    st.builds(record, names),
    st.builds(started, names, rung=names),
    st.builds(feedback, names, names, comment=names),
)
