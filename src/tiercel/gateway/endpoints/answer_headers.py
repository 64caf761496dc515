"""The `x-tiercel-*` headers: what answered, why, and what it cost, without opening a dashboard."""

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.money import usd_text
from tiercel.domain.record import Record

MAX_VALUE_CHARS = 400
PLAIN = bytes(range(32, 127))
"""What a header's value may be made of: it is one line of printable ASCII."""
WITHOUT_CONTROLS = bytes(byte if byte in PLAIN else ord("?") for byte in range(256))


def answer_lines(record: Record) -> bytes:
    """The headers of an answer whose record is complete, as they go over the wire."""
    said = [
        # the same id twice: SDKs look for `x-request-id`, people for the record
        f"x-request-id: {record.id}",
        f"x-tiercel-record: {record.id}",
        f"x-tiercel-attempts: {len(record.attempts)}",
        f"x-tiercel-cost-usd: {usd_text(record.cost_nano) if record.cost_known else 'unknown'}",
        f"x-tiercel-why: {explain_attempts(record)}",
        f"x-tiercel-outcome: {record.outcome}",
    ]
    answer = record.answer
    if answer is not None:
        said.append(f"x-tiercel-model: {answer.model}")
        if answer.tier:
            said.append(f"x-tiercel-tier: {answer.tier}")
        if answer.effort:
            said.append(f"x-tiercel-effort: {answer.effort}")
        if answer.lost:
            said.append(f"x-tiercel-lost: {', '.join(answer.lost)}")
    if record.simulated:
        said.append("x-tiercel-simulated: true")
    return _lines(said)


def commit_lines(record_id: str, plan: Plan, rung: Rung | None, lost: tuple[str, ...] = ()) -> bytes:
    """The headers of a stream, with what is known when it begins; the rest stands in its record."""
    given = plan.assignment
    arm = "" if given is None else _arm_words(given.arm, given.propensity)
    said = [
        f"x-request-id: {record_id}",
        f"x-tiercel-record: {record_id}",
        f"x-tiercel-why: rule {plan.rule}{arm}",
    ]
    if rung is not None:
        said.append(f"x-tiercel-model: {rung.deployment.model.name}")
        if rung.tier:
            said.append(f"x-tiercel-tier: {rung.tier}")
        if rung.effort:
            said.append(f"x-tiercel-effort: {rung.effort}")
    if lost:
        said.append(f"x-tiercel-lost: {', '.join(lost)}")
    return _lines(said)


def _lines(said: list[str]) -> bytes:
    """Each of these as one header line; nothing in a value can be another."""
    lines = ("\r\n".join(said) + "\r\n").encode("ascii", "replace")
    # all at once, since hardly ever anything is too long, or wrong
    if len(lines) <= MAX_VALUE_CHARS and lines.translate(None, PLAIN) == b"\r\n" * len(said):
        return lines
    return b"".join([_line(one) for one in said])


def _line(said: str) -> bytes:
    name, _, value = said.encode("ascii", "replace").partition(b": ")
    return b"%b: %b\r\n" % (name, value[:MAX_VALUE_CHARS].translate(WITHOUT_CONTROLS))


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
