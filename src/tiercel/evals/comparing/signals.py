"""The seven signals of one model: latency, cost, format following, reasoning reliability, coding accuracy, finish
reason, retry rate; beside how much it passed and what was left out."""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from tiercel.evals.comparing import metrics
from tiercel.evals.comparing.answers import Answers
from tiercel.evals.comparing.figure import Figure
from tiercel.evals.results import Result


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Percentiles of seconds. p95 takes 20 values, p99 500; below it is refused."""

    p50: Figure
    p95: Figure
    p99: Figure


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate's row.

    `expected` answers were to come and `answered` came; `errors` counts the others by kind, `missing` were not asked
    yet, and `asked_no_more` is said of who is not to be asked the rest.
    `seconds`, `ttft_seconds` and `ttfa_seconds` are of answers that were not `cached`. `spent_nano` is known spending
    on answers, on errors too and on cached ones not, and `judges_nano` what measuring them cost; not in them are
    `unpriced_answers` and `judges_unpriced_calls`, whose price is unknown. `stopped` is the
    share that ended by itself, with all `finishes`, and `retried` the share that took more than one call. `repaired`
    counts answers that met an expectation after a local repair. `versions` counts what the providers said answered.
    """

    name: str
    address: str
    expected: int
    answered: int
    missing: int
    asked_no_more: bool
    errors: dict[str, int]
    cached: int
    passed: Figure
    score: Figure
    seconds: Latency
    ttft_seconds: Latency
    ttfa_seconds: Latency
    cost_per_success_nano: Figure
    cost_per_answer_nano: Figure
    spent_nano: int
    unpriced_answers: int
    judges_nano: int
    judges_unpriced_calls: int
    output_tokens: Figure
    format_following: Figure
    repaired: int
    reasoning: Figure
    coding: Figure
    stopped: Figure
    finishes: dict[str, int]
    retried: Figure
    versions: dict[str, int]


def signals_of(answers: Answers, confidence: float) -> Signals:
    """Everything that is told of one candidate, without another beside it."""
    rows = answers.answered
    every = (*rows, *answers.errors)
    return Signals(
        name=answers.name,
        address=answers.candidate.address,
        expected=answers.expected,
        answered=len(rows),
        missing=answers.missing,
        asked_no_more=answers.asked_no_more,
        errors=_counts(row.kind for row in answers.errors),
        cached=sum(row.cached for row in rows),
        passed=metrics.passed(answers, confidence),
        score=metrics.mean_score(answers, confidence),
        seconds=_latency(answers, lambda row: row.seconds, confidence),
        ttft_seconds=_latency(answers, lambda row: row.ttft_seconds, confidence),
        ttfa_seconds=_latency(answers, lambda row: row.ttfa_seconds, confidence),
        cost_per_success_nano=metrics.cost_of_success(answers, confidence),
        cost_per_answer_nano=metrics.cost_of_answer(answers, confidence),
        spent_nano=sum(row.cost_nano or 0 for row in every if not row.cached),
        unpriced_answers=sum(row.cost_nano is None for row in every if not row.cached),
        judges_nano=sum(row.judges_nano for row in every),
        judges_unpriced_calls=sum(row.judges_unpriced_calls for row in every),
        output_tokens=metrics.output_tokens(answers, confidence),
        format_following=metrics.format_following(answers, confidence),
        repaired=sum(any(score.repaired for score in row.scores) for row in rows),
        reasoning=metrics.reasoning_reliability(answers, confidence),
        coding=metrics.coding_accuracy(answers, confidence),
        stopped=metrics.ended_itself(answers, confidence),
        finishes=_counts(row.finish or "unknown" for row in rows),
        retried=metrics.retried(answers, confidence),
        versions=_counts(row.model_returned for row in rows if row.model_returned),
    )


def _latency(answers: Answers, seconds: Callable[[Result], float | None], confidence: float) -> Latency:
    p50, p95, p99 = (metrics.latency(answers, q, seconds, confidence) for q in (0.50, 0.95, 0.99))
    return Latency(p50=p50, p95=p95, p99=p99)


def _counts(words: Iterable[str]) -> dict[str, int]:
    """How often each occurs, the most frequent first."""
    return dict(Counter(words).most_common())
