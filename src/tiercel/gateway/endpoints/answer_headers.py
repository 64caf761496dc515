"""The `x-tiercel-*` headers: what answered, why, and what it cost, without opening a dashboard."""

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.money import usd_text
from tiercel.domain.record import Record
from tiercel.gateway.exchange import Headers

MAX_VALUE_CHARS = 400
PLAIN = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))
"""What is left of a byte in a header's value, which is one line of printable ASCII."""


def answer_headers(record: Record) -> Headers:
    """The headers of an answer whose record is complete."""
    said = [
        (b"x-tiercel-attempts", str(len(record.attempts))),
        (b"x-tiercel-cost-usd", usd_text(record.cost_nano) if record.cost_known else "unknown"),
        (b"x-tiercel-why", explain_attempts(record)),
        (b"x-tiercel-outcome", record.outcome),
    ]
    answer = record.answer
    if answer is not None:
        said.append((b"x-tiercel-model", answer.model))
        if answer.tier:
            said.append((b"x-tiercel-tier", answer.tier))
        if answer.effort:
            said.append((b"x-tiercel-effort", answer.effort))
        if answer.lost:
            said.append((b"x-tiercel-lost", ", ".join(answer.lost)))
    if record.simulated:
        said.append((b"x-tiercel-simulated", "true"))
    return _written(record.id, said)


def commit_headers(record_id: str, plan: Plan, rung: Rung | None, lost: tuple[str, ...] = ()) -> Headers:
    """The headers of a stream, with what is known when it begins; the rest stands in its record."""
    given = plan.assignment
    arm = "" if given is None else _arm_words(given.arm, given.propensity)
    said = [(b"x-tiercel-why", f"rule {plan.rule}{arm}")]
    if rung is not None:
        said.append((b"x-tiercel-model", rung.deployment.model.name))
        if rung.tier:
            said.append((b"x-tiercel-tier", rung.tier))
        if rung.effort:
            said.append((b"x-tiercel-effort", rung.effort))
    if lost:
        said.append((b"x-tiercel-lost", ", ".join(lost)))
    return _written(record_id, said)


def _written(record_id: str, said: list[tuple[bytes, str]]) -> Headers:
    """As headers, after the same id twice: SDKs look for `x-request-id`, people for the record."""
    own_id = record_id.encode("ascii")
    headers = [(b"x-request-id", own_id), (b"x-tiercel-record", own_id)]
    for name, value in said:
        headers.append((name, value[:MAX_VALUE_CHARS].encode("ascii", "replace").translate(PLAIN)))
    return headers


def explain_attempts(record: Record) -> str:
    """The climb in one line: `rule summary: first gemini-3.5-flash failed (empty_length), retry gemini-3.5-flash`."""
    steps = []
    for attempt in record.attempts:
        step = f"{attempt.why} {attempt.rung}"
        if attempt.failure is not None:
            kind = attempt.failure.kind
            step += " stopped" if kind == "cancelled" else f" failed ({kind})"
        else:
            missed = ""
            for v in attempt.verdicts:
                if v.error or v.score < 1.0:
                    missed += f"{'; ' if missed else ''}{v.check} {v.error or v.reason}"
            if missed:
                step += f" ({missed})"
        steps.append(step)
    arm = "" if record.arm is None else _arm_words(record.arm, record.propensity)
    return f"rule {record.rule}{arm}: {', '.join(steps)}"


def _arm_words(arm: str | None, propensity: float | None) -> str:
    """The arm of the rule's split that the request was given, and how probable that was: `, arm haiku (50 %)`."""
    return "" if arm is None or propensity is None else f", arm {arm} ({100 * propensity:.3g} %)"
