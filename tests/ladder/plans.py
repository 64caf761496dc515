"""Little plans and histories for the ladder's tests."""

from tiercel.domain.catalog import Capabilities, Deployment, Model, Provider
from tiercel.domain.climb import Attempt, Call, Plan, Rung, Verdict, Why
from tiercel.domain.facts import Facts
from tiercel.domain.failure import Failure, FailureKind
from tiercel.domain.policy import Gate, Limits
from tiercel.domain.response import FinishReason

PROVIDER = Provider(name="lab", format="openai_chat", base_url="http://127.0.0.1:1/v1")


def rung(name: str, stage: int, *, window: int = 100_000, nano: int | None = 1_000) -> Rung:
    model = Model(name=name, capabilities=Capabilities(window=window))
    deployment = Deployment(name=name, model=model, provider=PROVIDER, upstream_name=name)
    return Rung(deployment=deployment, stage=stage, tier=f"tier{stage}", estimated_nano=nano)


FINISHED = Gate(check="finished")
SCHEMA = Gate(check="json_schema", re_ask=1)


def plan(
    *rungs: Rung,
    gates: tuple[Gate, ...] = (FINISHED, SCHEMA),
    limits: Limits = Limits(),
    exhausted: str = "deliver",
) -> Plan:
    return Plan(
        facts=Facts(),
        rule="any",
        stages=tuple(sorted({r.tier or "" for r in rungs})),
        rungs=rungs,
        gates=gates,
        limits=limits,
        on_exhausted="deliver" if exhausted == "deliver" else "refuse",
    )


def answered(
    number: int,
    rung_index: int,
    *scores: float,
    why: Why = "first",
    finish: FinishReason = "stop",
    refused: bool = False,
    error: str | None = None,
) -> Attempt:
    """An answer with these scores, in the order of the gates `finished` and `json_schema`."""
    verdicts = tuple(
        Verdict(
            check=check, score=score, reason="because", message="fix it", error=error if score < 1 else None
        )
        for check, score in zip(("finished", "json_schema"), scores, strict=False)
    )
    return Attempt(
        call=Call(number=number, rung=rung_index, why=why),
        state="answered",
        verdicts=verdicts,
        finish=finish,
        refused=refused,
    )


def failed(
    number: int,
    rung_index: int,
    kind: FailureKind,
    *,
    why: Why = "first",
    retry_after_seconds: float | None = None,
    boost: int = 1,
) -> Attempt:
    return Attempt(
        call=Call(number=number, rung=rung_index, why=why, output_boost=boost),
        state="failed",
        failure=Failure(kind=kind, message=kind, retry_after_seconds=retry_after_seconds),
    )
