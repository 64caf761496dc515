"""Each number that is told of one candidate's answers, with its interval.

Errors are no evidence. A cached answer has no latency. Every share is of what could have shown it: format following of
the items that ask for a form, coding accuracy of those whose answers are run.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from tiercel.evals.comparing.answers import Answers
from tiercel.evals.comparing.figure import Figure, clusters_of, figure_of, share, weights_of
from tiercel.evals.evaluation import Item
from tiercel.evals.results import Result
from tiercel.evals.statistics.cost import cost_per_success
from tiercel.evals.statistics.latency import quantile_interval

FORMAT_SCORERS = frozenset(
    {
        "contains-json",
        "instructions",
        "is-json",
        "is-valid-openai-tools-call",
        "json_schema",
        "language",
        "length",
        "python",
        "table",
        "tool-call",
        "tool_calls",
    }
)
"""Scorers that measure an answer's form."""
CODE_SCORERS = frozenset({"code"})
"""Scorers that run what was answered."""
REASONING_TASKS = frozenset({"reasoning", "math"})
CODING_TASKS = frozenset({"coding", "code"})
WRONG_FORMS = frozenset({"invalid_json", "schema"})
ENDED_ITSELF = frozenset({"stop", "tool_calls"})


def passed(answers: Answers, confidence: float) -> Figure:
    """The share of answers that met every expectation."""
    return _share(answers, answers.answered, lambda row: float(row.state == "passed"), confidence)


def mean_score(answers: Answers, confidence: float) -> Figure:
    """The mean weighted score."""
    return _share(answers, answers.answered, lambda row: row.score, confidence)


def latency(
    answers: Answers, q: float, seconds: Callable[[Result], float | None], confidence: float
) -> Figure:
    """The `q` quantile of the answers' seconds; cached ones have none."""
    fresh = [row for row in answers.answered if not row.cached]
    values = [found for row in fresh if (found := seconds(row)) is not None]
    if values:
        return figure_of(quantile_interval(values, q, confidence=confidence))
    if not answers.answered:
        return Figure(why="nothing was answered")
    return Figure(why="it is only known of streams" if fresh else "all answers came from the cache")


def cost_of_success(answers: Answers, confidence: float) -> Figure:
    """What all answers cost over those that passed, in nano-dollars, with all their calls and without the judges."""
    rows = answers.answered
    refused = _unpriced(rows)
    if refused or not rows:
        return Figure(n=len(rows), why=refused or "nothing was answered")
    items = answers.items_of(rows)
    clusters = clusters_of(items)
    weights = counted(items)
    spent = [(row.cost_nano or 0) * weight for row, weight in zip(rows, weights, strict=True)]
    won = [float(row.state == "passed") * weight for row, weight in zip(rows, weights, strict=True)]
    if not any(won):
        return Figure(n=len(rows), why="nothing passed")
    if (len(rows) if clusters is None else len(set(clusters))) < 2:
        return Figure(value=sum(spent) / sum(won), n=len(rows), why="a single item has no interval")
    found = cost_per_success(spent, won, clusters=clusters, confidence=confidence)
    return Figure(value=found.value_nano, low=found.low_nano, high=found.high_nano, n=found.n)


def counted(items: Sequence[Item]) -> list[float]:
    """What each item counts in a ratio of sums: its weight in the largest, so that a success stays within 1."""
    weights = weights_of(items)
    return [1.0] * len(items) if weights is None else [weight / max(weights) for weight in weights]


def cost_of_answer(answers: Answers, confidence: float) -> Figure:
    """The median price of an answer, in nano-dollars."""
    refused = _unpriced(answers.answered)
    if refused or not answers.answered:
        return Figure(n=len(answers.answered), why=refused or "nothing was answered")
    costs = [row.cost_nano or 0 for row in answers.answered]
    return figure_of(quantile_interval(costs, 0.5, confidence=confidence))


def output_tokens(answers: Answers, confidence: float) -> Figure:
    """The median number of tokens that an answer has."""
    known = [row.output_tokens for row in answers.answered if row.output_tokens is not None]
    if not known:
        return Figure(why="no tokens were counted")
    return figure_of(quantile_interval(known, 0.5, confidence=confidence))


def format_following(answers: Answers, confidence: float) -> Figure:
    """The share of answers in the asked form, of items that ask for one."""
    asked = {
        item.id: {one.name for one in item.expectations if one.scorer in FORMAT_SCORERS}
        for item in answers.items.values()
    }
    rows = [row for row in answers.answered if asked[row.item] or row.kind in WRONG_FORMS]
    if not rows:
        return Figure(why="no item asks for a form")

    def follows(row: Result) -> float:
        unmet = any(not score.met for score in row.scores if score.name in asked[row.item])
        return float(not unmet and row.kind not in WRONG_FORMS)

    return _share(answers, rows, follows, confidence)


def reasoning_reliability(answers: Answers, confidence: float) -> Figure:
    """The share of reasoning items that were right every time they were asked."""
    return _task_share(answers, lambda item: task_of(item) in REASONING_TASKS, "reasoning", confidence)


def coding_accuracy(answers: Answers, confidence: float) -> Figure:
    """The share of answers that passed, of items whose answers are run, or that are marked as coding."""

    def is_coding(item: Item) -> bool:
        runs_code = any(one.scorer in CODE_SCORERS for one in item.expectations)
        return runs_code or task_of(item) in CODING_TASKS

    rows = [row for row in answers.answered if is_coding(answers.items[row.item])]
    if not rows:
        return Figure(why="no item is scored by running code, nor has metadata task: coding")
    return _share(answers, rows, lambda row: float(row.state == "passed"), confidence)


def ended_itself(answers: Answers, confidence: float) -> Figure:
    """The share of answers that ended by themselves: with a stop or a tool call, neither cut nor withheld."""
    rows = [row for row in answers.answered if row.finish is not None]
    if not rows:
        return Figure(why="no finish reason is known")
    return _share(answers, rows, lambda row: float(row.finish in ENDED_ITSELF), confidence)


def retried(answers: Answers, confidence: float) -> Figure:
    """The share of answers that took more than one call: retries, fallbacks, repairs and escalations."""
    rows = [row for row in answers.answered if row.calls]
    if not rows:
        return Figure(why="no calls are known")
    return _share(answers, rows, lambda row: float(len(row.calls) > 1), confidence)


METRICS: dict[str, Callable[[Answers, float], Figure]] = {
    "cost_per_success": cost_of_success,
    "p50_seconds": lambda answers, level: latency(answers, 0.5, lambda row: row.seconds, level),
    "p95_seconds": lambda answers, level: latency(answers, 0.95, lambda row: row.seconds, level),
    "p95_ttfa_seconds": lambda answers, level: latency(answers, 0.95, lambda row: row.ttfa_seconds, level),
    "failure_rate": lambda answers, level: passed(answers, level).turned,
    "invalid_format": lambda answers, level: format_following(answers, level).turned,
    "retry_rate": retried,
    "non_stop_rate": lambda answers, level: ended_itself(answers, level).turned,
}
"""What a guardrail may bound; money in nano-dollars."""


def task_of(item: Item) -> str:
    """What kind of task the item says it is; empty where it says none."""
    task = item.metadata.get("task")
    return task if isinstance(task, str) else ""


def _task_share(answers: Answers, is_one: Callable[[Item], bool], task: str, confidence: float) -> Figure:
    right: dict[str, bool] = defaultdict(lambda: True)
    for row in answers.answered:
        if is_one(answers.items[row.item]):
            right[row.item] &= row.state == "passed"
    if not right:
        return Figure(why=f"no item has metadata task: {task}")
    return share(
        [float(always) for always in right.values()], [answers.items[item] for item in right], confidence
    )


def _share(
    answers: Answers, rows: Sequence[Result], value: Callable[[Result], float], confidence: float
) -> Figure:
    if not rows:
        return Figure(why="nothing was answered")
    return share([value(row) for row in rows], answers.items_of(rows), confidence)


def _unpriced(rows: Sequence[Result]) -> str:
    unknown = sum(row.cost_nano is None for row in rows)
    return f"the price of {unknown} of {len(rows)} answers is not known" if unknown else ""
