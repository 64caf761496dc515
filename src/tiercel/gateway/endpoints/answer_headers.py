"""The `x-tiercel-*` headers: what answered, why, and what it cost, without opening a dashboard."""

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.money import usd_text
from tiercel.domain.record import Record

MAX_VALUE_CHARS = 400
PLAIN = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))
"""What is left of a byte in a header's value, which is one line of printable ASCII."""


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
    together = "".join(said)
    # all at once, since hardly ever anything is wrong with any
    if not (together.isascii() and together.isprintable()) or len(max(said, key=len)) > MAX_VALUE_CHARS:
        said = [_plain(line) for line in said]
    return ("\r\n".join(said) + "\r\n").encode("ascii")


def _plain(line: str) -> str:
    name, _, value = line.partition(": ")
    value = value[:MAX_VALUE_CHARS].encode("ascii", "replace").translate(PLAIN).decode("ascii")
    return f"{name}: {value}"


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
