"""The `x-tiercel-*` headers: what answered, why, and what it cost, without opening a dashboard."""

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.money import usd_text
from tiercel.domain.record import Record
from tiercel.gateway.exchange import Headers

MAX_VALUE_CHARS = 400
STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def answer_headers(record: Record) -> Headers:
    """The headers of an answer whose record is complete."""
    headers = [
        *_id_headers(record.id),
        _header("attempts", str(len(record.attempts))),
        _header("cost-usd", usd_text(record.cost_nano) if record.cost_known else "unknown"),
        _header("why", explain_attempts(record)),
        _header("outcome", record.outcome),
    ]
    answer = record.answer
    if answer is not None:
        headers.append(_header("model", answer.model))
        headers.extend(_optional(("tier", answer.tier), ("effort", answer.effort)))
        if answer.lost:
            headers.append(_header("lost", ", ".join(answer.lost)))
    if record.simulated:
        headers.append(_header("simulated", "true"))
    return headers


def commit_headers(record_id: str, plan: Plan, rung: Rung | None) -> Headers:
    """The headers of a stream, with what is known when it begins; the rest stands in its record."""
    headers = [
        *STREAM_HEADERS,
        *_id_headers(record_id),
        _header("why", f"rule {plan.rule}"),
    ]
    if rung is not None:
        headers.append(_header("model", rung.deployment.model.name))
        headers.extend(_optional(("tier", rung.tier), ("effort", rung.effort)))
    return headers


def _id_headers(record_id: str) -> Headers:
    """The same id twice: SDKs look for `x-request-id`, people for the record."""
    return [(b"x-request-id", record_id.encode("ascii")), _header("record", record_id)]


def _optional(*pairs: tuple[str, str | None]) -> Headers:
    return [_header(name, value) for name, value in pairs if value]


def explain_attempts(record: Record) -> str:
    """The climb in one line: `rule summary: first gemini-3.5-flash failed (empty_length), retry gemini-3.5-flash`."""
    steps = []
    for attempt in record.attempts:
        step = f"{attempt.why} {attempt.rung}"
        if attempt.failure is not None:
            step += f" failed ({attempt.failure.kind})"
        else:
            missed = [
                f"{v.check} {v.error or v.reason}" for v in attempt.verdicts if v.error or v.score < 1.0
            ]
            step += f" ({'; '.join(missed)})" if missed else ""
        steps.append(step)
    return f"rule {record.rule}: " + ", ".join(steps)


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    """A header value is one line of plain ASCII."""
    if not (value.isascii() and value.isprintable()):
        value = "".join(c if " " <= c <= "~" else "?" for c in value)
    return b"x-tiercel-" + name.encode("ascii"), value[:MAX_VALUE_CHARS].encode("ascii")
