"""The `x-tiercel-*` headers: what answered, why, and what it cost, without opening a dashboard."""

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.money import usd_text
from tiercel.domain.record import Record
from tiercel.gateway.exchange import Headers

MAX_VALUE_CHARS = 400


def answer_headers(record: Record) -> Headers:
    """The headers of an answer whose record is complete."""
    headers = [
        *_id_headers(record.id),
        (b"x-tiercel-attempts", b"%d" % len(record.attempts)),
        _header(b"x-tiercel-cost-usd", usd_text(record.cost_nano) if record.cost_known else "unknown"),
        _header(b"x-tiercel-why", explain_attempts(record)),
        _header(b"x-tiercel-outcome", record.outcome),
    ]
    answer = record.answer
    if answer is not None:
        headers.append(_header(b"x-tiercel-model", answer.model))
        _add_tier(headers, answer.tier, answer.effort)
        if answer.lost:
            headers.append(_header(b"x-tiercel-lost", ", ".join(answer.lost)))
    if record.simulated:
        headers.append((b"x-tiercel-simulated", b"true"))
    return headers


def commit_headers(record_id: str, plan: Plan, rung: Rung | None, lost: tuple[str, ...] = ()) -> Headers:
    """The headers of a stream, with what is known when it begins; the rest stands in its record."""
    given = plan.assignment
    headers = [
        *_id_headers(record_id),
        _header(
            b"x-tiercel-why", f"rule {plan.rule}{_arm_words(given.arm, given.propensity) if given else ''}"
        ),
    ]
    if rung is not None:
        headers.append(_header(b"x-tiercel-model", rung.deployment.model.name))
        _add_tier(headers, rung.tier, rung.effort)
    if lost:
        headers.append(_header(b"x-tiercel-lost", ", ".join(lost)))
    return headers


def _id_headers(record_id: str) -> Headers:
    """The same id twice: SDKs look for `x-request-id`, people for the record."""
    value = record_id.encode("ascii")
    return [(b"x-request-id", value), (b"x-tiercel-record", value)]


def _add_tier(headers: Headers, tier: str | None, effort: str | None) -> None:
    if tier:
        headers.append(_header(b"x-tiercel-tier", tier))
    if effort:
        headers.append(_header(b"x-tiercel-effort", effort))


def explain_attempts(record: Record) -> str:
    """The climb in one line: `rule summary: first gemini-3.5-flash failed (empty_length), retry gemini-3.5-flash`."""
    steps = []
    for attempt in record.attempts:
        step = f"{attempt.why} {attempt.rung}"
        if attempt.failure is not None:
            kind = attempt.failure.kind
            step += " stopped" if kind == "cancelled" else f" failed ({kind})"
        elif missed := [
            f"{v.check} {v.error or v.reason}" for v in attempt.verdicts if v.error or v.score < 1.0
        ]:
            step += f" ({'; '.join(missed)})"
        steps.append(step)
    arm = "" if record.arm is None else _arm_words(record.arm, record.propensity)
    return f"rule {record.rule}{arm}: {', '.join(steps)}"


def _arm_words(arm: str | None, propensity: float | None) -> str:
    """The arm of the rule's split that the request was given, and how probable that was: `, arm haiku (50 %)`."""
    return "" if arm is None or propensity is None else f", arm {arm} ({100 * propensity:.3g} %)"


def _header(name: bytes, value: str) -> tuple[bytes, bytes]:
    """A header value is one line of plain ASCII."""
    if not (value.isascii() and value.isprintable()):
        value = "".join(c if " " <= c <= "~" else "?" for c in value)
    return name, value[:MAX_VALUE_CHARS].encode("ascii")
