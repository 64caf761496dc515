"""What checks did to an answer, for their accounts: the gate it missed, and what the next stage would have cost."""

from collections.abc import Sequence

from msgspec.structs import replace

from tiercel.domain.climb import Attempt, Plan, Rung, Verdict
from tiercel.domain.record import AttemptRecord
from tiercel.domain.response import Usage
from tiercel.ladder.gates import missed_gate


def without_text(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts as they are recorded, which never keeps what an answer says."""
    return tuple([v if v.repaired is None else replace(v, repaired=None) for v in verdicts])


def repairs_of(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """What was repaired, each kind once and in order."""
    return tuple(dict.fromkeys([repair for verdict in verdicts for repair in verdict.repairs]))


def weighed(plan: Plan, attempt: Attempt, record: AttemptRecord) -> AttemptRecord:
    """The record of an answer that checks measured, with the gate it missed and the price of going on.

    The price is that of this answer's own tokens at the first rung of the next stage: an estimate, since that model
    would have written another number of them.
    """
    for verdict in attempt.verdicts:
        if verdict.check != "finished" or verdict.score < 1.0:
            break
    else:
        return record  # whether it ended is no measure of it
    missed = missed_gate(plan, attempt)
    above = _next_rung(plan, attempt)
    return replace(
        record,
        missed=None if missed is None else missed[0].check,
        next_nano=None if above is None or record.usage is None else _cost(above, record.usage),
    )


def _next_rung(plan: Plan, attempt: Attempt) -> Rung | None:
    stage = plan.rung_at(attempt.call.rung).stage
    return next((rung for rung in plan.rungs if rung.stage > stage), None) if stage >= 0 else None


def _cost(rung: Rung, usage: Usage) -> int | None:
    """Without what another provider's cache held, and what that provider itself said it charged."""
    plain = Usage(uncached=usage.input, visible=usage.visible, reasoning=usage.reasoning)
    return rung.deployment.billing.cost(plain)
