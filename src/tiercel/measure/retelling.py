"""One climb told again from its record, step by step, with the time line: what was called, measured and decided."""

from collections.abc import Sequence

import msgspec

from tiercel.domain.climb import Verdict
from tiercel.domain.money import usd_text
from tiercel.domain.record import AttemptRecord, Feedback, Record, ShadowPair
from tiercel.measure.charges import charges

LINE_CHARS = 40
WHY_WORDS = {
    "first": "the first on the ladder",
    "retry": "the same once more, after a failure",
    "fallback": "the next one, after a failure",
    "re_ask": "asked again, with the check's message",
    "escalation": "one stage up, after a verdict or because the conversation stalled",
    "hedge": "beside a slow call",
    "opinion": "a second opinion",
    "judge": "the judge of an answer",
    "confidence": "asked how likely an answer is right",
    "decision": "asked for the probability that an answer is right",
    "embedding": "texts embedded, to compare what they mean",
    "review": "asked to approve the answer, or improve it",
    "advisor": "asked for advice by the model that answers",
    "advised": "the same goes on, with the advice where there was any",
    "shadow": "a copy for a candidate, which nobody waits for",
}
OUTCOME_WORDS = {
    "passed": "delivered, every gate passed",
    "marked": "delivered although a gate did not pass",
    "refused": "the model declined, delivered as it is",
    "failed": "nobody answered",
    "withheld": "an answer was there, and the policy does not deliver it",
    "broken": "the stream broke after it had begun to reach the client",
    "cancelled": "the client left",
    "rejected": "could not be served as it was",
    "interrupted": "the server stopped before the answer was complete",
}


def retell(
    record: Record, when: str, feedback: Feedback | None = None, pairs: Sequence[ShadowPair] = ()
) -> str:
    """The climb as text for a terminal; ends without a newline. `when` is its start, in words, `pairs` what candidates
    answered to copies."""
    lines = [*_head(record, when), "", *_time_line(record)]
    for attempt in record.attempts:
        lines += ["", *_attempt(attempt, record)]
    lines += ["", *account_lines(record)]
    if feedback is not None:
        lines += ["", f"Feedback: {_feedback(feedback)}"]
    for pair in pairs:
        lines += ["", f"Copy for {pair.candidate}, after the answer: {_copy(pair)}"]
    return "\n".join(lines)


def _copy(pair: ShadowPair) -> str:
    """What came of a copy, whose answer nobody was given."""
    shadow = pair.shadow
    if shadow.failure is not None:
        words = f"nobody answered ({shadow.failure})"
    elif shadow.passed:
        words = "every gate that calls no model passed"
    else:
        words = f"missed {shadow.worst}" if shadow.worst else "declined"
    calls = "one call" if len(pair.attempts) == 1 else f"{len(pair.attempts)} calls"
    return f"{words}; {calls}, {shadow.seconds:.2f} s, ${usd_text(pair.cost_nano)}"


def _head(record: Record, when: str) -> list[str]:
    asked = f"{record.format}, model {record.model_requested!r}" + (", streamed" if record.stream else "")
    facts = [f"task {record.task}", record.complexity, f"risk {record.risk}", f"latency {record.latency}"]
    facts += [f"residency {record.residency}"] if record.residency else []
    facts += ["strict JSON"] if record.strict_json else []
    lines = [
        f"Record {record.id}  {when}" + ("  (simulated)" if record.simulated else ""),
        f"  asked      {asked}, about {record.tokens_estimated:,} tokens",
        f"  facts      {', '.join(facts)}"
        + (f" (stated: {', '.join(record.stated)})" if record.stated else ""),
        f"  rule       {record.rule or 'none'}: {record.why}"
        if record.rule
        else "  rule       none was chosen",
        *_split(record),
        f"  ladder     {' → '.join(record.ladder) or 'none'}",
        f"  outcome    {record.outcome}: {OUTCOME_WORDS[record.outcome]}",
    ]
    if record.message:
        lines.append(f"  because    {record.message}")
    answer = record.answer
    if answer is not None:
        lines.append(f"  delivered  the answer of attempt {answer.number}, {answer.rung}")
    return lines


def _split(record: Record) -> list[str]:
    if record.split is None:
        return []
    out = f"; could not be given {', '.join(record.arms_out)}" if record.arms_out else ""
    if record.arm is None or record.propensity is None:
        return [f"  split      {record.split}: no arm{out}"]
    kept = f"kept by all of unit {record.split_unit}" if record.split_unit else "for this request alone"
    return [
        f"  split      {record.split}: arm {record.arm}, probability {record.propensity:.3g}, {kept}{out}"
    ]


def _time_line(record: Record) -> list[str]:
    if not record.attempts:
        return ["Time line: nothing was called"]
    whole = max([record.seconds, *(a.began_seconds + a.seconds for a in record.attempts), 1e-9])
    lines = [f"Time line (0 to {_seconds(whole)}, 'f' first token)"]
    width = max(len(attempt.rung) for attempt in record.attempts)
    for attempt in record.attempts:
        lines.append(f"  {attempt.number:>2} {attempt.rung:<{width}}  {_bar(attempt, whole)}")
    return lines


def _bar(attempt: AttemptRecord, whole: float) -> str:
    """The call's time within the request's."""
    begin = min(LINE_CHARS - 1, int(attempt.began_seconds / whole * LINE_CHARS))
    length = max(1, min(LINE_CHARS - begin, round(attempt.seconds / whole * LINE_CHARS)))
    mark = {"answered": "=", "failed": "x", "cancelled": "-"}[attempt.state]
    bar = list(" " * begin + mark * length)
    if attempt.ttft_seconds is not None:
        place = int((attempt.began_seconds + attempt.ttft_seconds) / whole * LINE_CHARS)
        if begin <= place < len(bar):
            bar[place] = "f"
    return f"|{''.join(bar):<{LINE_CHARS}}|"


def _attempt(attempt: AttemptRecord, record: Record) -> list[str]:
    end = attempt.began_seconds + attempt.seconds
    lines = [
        f"{attempt.number}. {attempt.rung} at {attempt.provider}: {attempt.why}, {WHY_WORDS[attempt.why]}",
        f"   {_seconds(attempt.began_seconds)} to {_seconds(end)}: {how_ended(attempt)}",
    ]
    if attempt.usage is not None:
        lines.append(f"   {what_used(attempt)}")
    gates = [verdict_words(verdict, attempt.missed) for verdict in attempt.verdicts]
    lines += [f"   {words}" for words in gates]
    if attempt.lost:
        lines.append(f"   could not carry: {', '.join(attempt.lost)}")
    lines += [f"   {note}" for note in attempt.notes]
    if attempt.number == record.delivered:
        lines.append("   delivered")
    return lines


def how_ended(attempt: AttemptRecord) -> str:
    """How a call ended."""
    if attempt.failure is not None:
        stopped = "stopped" if attempt.state == "cancelled" else f"failed ({attempt.failure.kind})"
        return f"{stopped}: {attempt.failure.message}"
    times = [] if attempt.ttft_seconds is None else [f"first token after {_seconds(attempt.ttft_seconds)}"]
    if attempt.why in ("decision", "embedding"):
        return "answered"
    return ", ".join(["answered", *times, f"finish {attempt.finish_reason or 'unknown'}"])


def what_used(attempt: AttemptRecord) -> str:
    """The tokens of a call that has a usage, and their price."""
    usage = attempt.usage
    assert usage is not None
    words = f"{usage.input:,} tokens in"
    if usage.cached:
        words += f" ({usage.cached:,} cached)"
    words += f", {usage.output:,} out"
    if usage.reasoning:
        words += f" ({usage.reasoning:,} of them reasoning)"
    cost = "price unknown" if attempt.cost_nano is None else f"${usd_text(attempt.cost_nano)}"
    source = "" if usage.source == "upstream" else f" ({usage.source})"
    return f"{words}{source}, {cost}"


def verdict_words(verdict: Verdict, missed: str | None) -> str:
    """What a check measured, and what came of it; `missed` is the check whose gate the answer did not pass."""
    passed = "missed" if verdict.check == missed else "passed"
    if verdict.error is not None:
        found = f"could not be measured ({verdict.error})"
    else:
        found = f"{verdict.score:g}, {verdict.reason}"
    words = f"{verdict.check} {passed}: {found}"
    if verdict.elects is not None:
        words += f"; elects the answer of attempt {verdict.elects}"
    if verdict.repairs:
        words += f"; repaired: {', '.join(verdict.repairs)}"
    return f"{words} ({verdict.seconds * 1e3:.1f} ms)"


class _Sum(msgspec.Struct):
    count: int = 0
    tokens: int = 0
    nano: int = 0
    priced: bool = True
    seconds: float = 0.0


def account_lines(record: Record) -> list[str]:
    """The charges by kind, and the whole."""
    sums: dict[str, _Sum] = {}
    for charge in charges(record):
        entry = sums.setdefault(charge.kind, _Sum())
        entry.count += 1
        entry.tokens += charge.tokens
        entry.nano += charge.nano or 0
        entry.priced &= charge.nano is not None
        entry.seconds += charge.seconds
    lines = ["Charges"]
    for kind, entry in sums.items():
        money = f"${usd_text(entry.nano)}" + ("" if entry.priced else " and a price unknown")
        what = f"{entry.tokens:,} tokens, {money}, " if kind not in ("check", "repair") else ""
        lines.append(f"  {entry.count} {kind:<10} {what}{_seconds(entry.seconds)}")
    known = "" if record.cost_known else " (and what has no known price)"
    lines.append(f"  in all ${usd_text(record.cost_nano)}{known}, {_seconds(record.seconds)}")
    return lines


def _feedback(feedback: Feedback) -> str:
    words: list[str] = [feedback.verdict or "no verdict"]
    words += [f"score {feedback.score:g}"] if feedback.score is not None else []
    words += [feedback.comment] if feedback.comment else []
    return ", ".join(words)


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
