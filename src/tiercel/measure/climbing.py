"""How requests climbed, and how the calls they made went."""

from collections.abc import Sequence

import msgspec

from tiercel.domain.climb import Why
from tiercel.domain.measured import GOOD_FINISHES, form_of, is_empty
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import Usage
from tiercel.measure.rate import Rate, rate
from tiercel.records.tally import RequestTally


class Climbing(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of requests with at least one retry, fallback, re-ask, escalation, hedge."""

    retry: Rate
    fallback: Rate
    re_ask: Rate
    escalation: Rate
    hedge: Rate


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of calls: what was sent, and what came back, of which `reasoning` is hidden thinking."""

    input: int
    output: int
    reasoning: int


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """Every call that was made, whether its answer was delivered or not.

    `failed` leaves out calls that we stopped ourselves. `empty` counts those with nothing in a 200, `non_stop` the
    finish reasons other than `stop` and `tool_calls`, among answers and empty answers. `format_valid` is the share of
    answers with a check of their form that have it, `format_valid_as_is` the share that had it without a repair.
    `missed` is the share of answers that did not pass a gate, of those that any check measured.
    """

    n: int
    failed: Rate
    empty: Rate
    non_stop: Rate
    format_valid: Rate
    format_valid_as_is: Rate
    missed: Rate
    tokens: Tokens


def climbing(records: Sequence[Record]) -> Climbing:
    """How these requests climbed."""

    def having(why: Why) -> Rate:
        return rate(sum(any(a.why == why for a in record.attempts) for record in records), len(records))

    return Climbing(
        retry=having("retry"),
        fallback=having("fallback"),
        re_ask=having("re_ask"),
        escalation=having("escalation"),
        hedge=having("hedge"),
    )


def calls(attempts: Sequence[AttemptRecord]) -> Calls:
    """How these calls went."""
    own = [attempt for attempt in attempts if attempt.state != "cancelled"]
    empty = [attempt for attempt in own if is_empty(attempt)]
    finished = [attempt for attempt in own if attempt.finish_reason is not None]
    non_stop = [attempt for attempt in finished if attempt.finish_reason not in GOOD_FINISHES]
    forms = [form for form in map(form_of, own) if form is not None]
    return Calls(
        n=len(attempts),
        failed=rate(sum(attempt.state == "failed" for attempt in own), len(own)),
        empty=rate(len(empty), len(own)),
        non_stop=rate(len(non_stop), len(finished)),
        format_valid=rate(sum(form != "invalid" for form in forms), len(forms)),
        format_valid_as_is=rate(forms.count("as_is"), len(forms)),
        missed=rate(sum(a.missed is not None for a in own), sum(bool(a.verdicts) for a in own)),
        tokens=_tokens([attempt.usage for attempt in attempts if attempt.usage is not None]),
    )


def _tokens(used: Sequence[Usage]) -> Tokens:
    return Tokens(
        input=sum(usage.input for usage in used),
        output=sum(usage.output for usage in used),
        reasoning=sum(usage.reasoning for usage in used),
    )


def climbing_of(tally: RequestTally) -> Climbing:
    """The same from sums."""
    counts = tally.counts
    n = counts["requests"]
    return Climbing(
        retry=rate(counts["retry"], n),
        fallback=rate(counts["fallback"], n),
        re_ask=rate(counts["re_ask"], n),
        escalation=rate(counts["escalation"], n),
        hedge=rate(counts["hedge"], n),
    )


def calls_of(tally: RequestTally) -> Calls:
    """The same from sums."""
    counts = tally.counts
    own = counts["calls"] - counts["calls_cancelled"]
    return Calls(
        n=counts["calls"],
        failed=rate(counts["calls_failed"], own),
        empty=rate(counts["calls_empty"], own),
        non_stop=rate(counts["calls_non_stop"], counts["calls_finished"]),
        format_valid=rate(counts["forms_valid"], counts["forms"]),
        format_valid_as_is=rate(counts["forms_as_is"], counts["forms"]),
        missed=rate(counts["calls_missed"], counts["calls_measured"]),
        tokens=Tokens(
            input=counts["tokens_uncached"] + counts["tokens_cached"] + counts["tokens_written"],
            output=counts["tokens_visible"] + counts["tokens_reasoning"],
            reasoning=counts["tokens_reasoning"],
        ),
    )
