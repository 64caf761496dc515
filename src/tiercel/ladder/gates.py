"""Does an answer pass its gates? A check measures, the gate decides."""

from tiercel.domain.climb import Attempt, Plan, Verdict
from tiercel.domain.policy import Gate


def gate_passes(gate: Gate, verdict: Verdict) -> bool:
    """Whether a verdict reaches its gate. A check that could not do its work passes only where the gate is open."""
    if verdict.error is not None:
        return gate.on_error != "closed"
    return verdict.score >= gate.at_least


def missed_gate(plan: Plan, attempt: Attempt, *, of_json: bool = False) -> tuple[Gate, Verdict] | None:
    """The first gate that this answer does not pass, with its verdict; `of_json` looks only at those that read JSON.

    Verdicts stand in the order of the gates; a gate whose check measured nothing has none.
    """
    verdicts, place = attempt.verdicts, 0
    for gate in plan.gates:
        if place == len(verdicts):
            break
        verdict = verdicts[place]
        if verdict.check != gate.check:
            continue
        place += 1
        if not gate_passes(gate, verdict) and (gate.reads_json or not of_json):
            return gate, verdict
    return None


def with_verdict(plan: Plan, verdicts: tuple[Verdict, ...], place: int, late: Verdict) -> tuple[Verdict, ...]:
    """The verdicts with that of the gate at `place`, which was measured after the others, where it belongs."""
    left = list(verdicts)
    before: list[Verdict] = []
    for gate in plan.gates[:place]:
        if left and left[0].check == gate.check:
            before.append(left.pop(0))
    return (*before, late, *left)
