"""Does an answer pass its gates? A check measures, the gate decides."""

from tiercel.domain.climb import Attempt, Plan, Verdict
from tiercel.domain.policy import Gate


def gate_passes(gate: Gate, verdict: Verdict) -> bool:
    """Whether a verdict reaches its gate. A check that could not do its work passes only where the gate is open."""
    if verdict.error is not None:
        return gate.on_error != "closed"
    return verdict.score >= gate.at_least


def missed_gate(plan: Plan, attempt: Attempt) -> tuple[Gate, Verdict] | None:
    """The first gate that this answer does not pass, with its verdict."""
    missed = missed_gates(plan, attempt)
    return missed[0] if missed else None


def missed_gates(plan: Plan, attempt: Attempt) -> list[tuple[Gate, Verdict]]:
    """The gates that this answer does not pass, each with its verdict.

    Verdicts stand in the order of the gates; a gate whose check measured nothing has none.
    """
    missed: list[tuple[Gate, Verdict]] = []
    verdicts = list(attempt.verdicts)
    for gate in plan.gates:
        if not verdicts or verdicts[0].check != gate.check:
            continue
        verdict = verdicts.pop(0)
        if not gate_passes(gate, verdict):
            missed.append((gate, verdict))
    return missed


def with_verdict(plan: Plan, verdicts: tuple[Verdict, ...], place: int, late: Verdict) -> tuple[Verdict, ...]:
    """The verdicts with that of the gate at `place`, which was measured after the others, where it belongs."""
    left = list(verdicts)
    before: list[Verdict] = []
    for gate in plan.gates[:place]:
        if left and left[0].check == gate.check:
            before.append(left.pop(0))
    return (*before, late, *left)
