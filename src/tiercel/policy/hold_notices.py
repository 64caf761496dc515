"""Where the hold of streams takes something from the gates: what an operator should know before they wonder."""

from collections.abc import Iterator

from tiercel.domain.policy import Gate, Hold, Policy


def hold_notices(policy: Policy) -> Iterator[str]:
    """What is to be said of the holds of this policy, whose gates are resolved."""
    if policy.hold.mode != "auto":
        yield from _notices("[defaults]", policy.hold, policy.gates)
    for rule in policy.rules:
        hold = rule.hold or policy.hold
        gates = policy.gates if rule.gates is None else rule.gates
        if rule.hold is not None or (rule.gates is not None and hold.mode != "auto"):
            yield from _notices(f"[rules.{rule.name}]", hold, gates)


def _notices(where: str, hold: Hold, gates: tuple[Gate, ...]) -> Iterator[str]:
    follows = hold.mode == "incremental"
    if follows and not any(gate.reads_json and gate.at_least > 0 for gate in gates):
        yield f"{where}: hold 'incremental' follows JSON, and no gate wants any; streams are held as by 'auto'"
    elif hold.mode in ("none", "first", "incremental"):
        late = [gate.check for gate in gates if gate.needs_whole and not (follows and gate.reads_json)]
        if late:
            when = "of a stream" if hold.mode == "none" else "of a stream that has begun to go out"
            yield (
                f"{where}: hold '{hold.mode}': {', '.join(late)} can only be told at the end {when}; "
                "the verdict is recorded and changes nothing"
            )
