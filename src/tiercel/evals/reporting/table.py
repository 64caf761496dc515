"""The per-model table: the seven signals and what they rest on, a row each, a column for each model."""

from collections.abc import Callable

import msgspec

from tiercel.evals.comparing.figure import Figure
from tiercel.evals.comparing.signals import Signals
from tiercel.evals.reporting.words import Form, detail_text, money, number, share, value_text
from tiercel.measure import amounts


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One number of one model: as it is read, what it rests on, and the figure itself where it is one."""

    text: str
    detail: str = ""
    figure: Figure | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One signal. `key` names it in CSV, with the unit; `signal` is the one of the seven that it belongs to."""

    key: str
    name: str
    signal: str
    meaning: str
    cells: tuple[Cell, ...]


class _Line(msgspec.Struct, frozen=True):
    key: str
    name: str
    signal: str
    meaning: str
    cell: Callable[[Signals], Cell]


def _figure(figure: Callable[[Signals], Figure], form: Form) -> Callable[[Signals], Cell]:
    def cell(model: Signals) -> Cell:
        found = figure(model)
        return Cell(text=value_text(found, form), detail=detail_text(found, form), figure=found)

    return cell


def _spent(model: Signals) -> Cell:
    notes = []
    if model.judges_nano:
        notes.append(f"and {_at_least(model.judges_nano, model.judges_unpriced_calls)} for judges")
    if model.unpriced_answers:
        notes.append(f"{amounts.count_text(model.unpriced_answers, 'answer')} of unknown price")
    if model.judges_unpriced_calls:
        notes.append(f"{amounts.count_text(model.judges_unpriced_calls, 'judge call')} of unknown price")
    return Cell(text=_at_least(model.spent_nano, model.unpriced_answers), detail="; ".join(notes))


def _at_least(nano: int, unpriced: int) -> str:
    """What is known to have been spent, beside so many of unknown price."""
    if not unpriced:
        return money(nano)
    return f"at least {money(nano)}" if nano else "unknown"


def _finish(model: Signals) -> Cell:
    found = model.stopped
    counts = ", ".join(f"{word} {count:,}" for word, count in model.finishes.items())
    detail = detail_text(found, share) + (f"; {counts}" if found.value is not None else "")
    return Cell(text=value_text(found, share), detail=detail, figure=found)


def _format(model: Signals) -> Cell:
    found = model.format_following
    repaired = f"; {model.repaired:,} only after a repair" if model.repaired else ""
    return Cell(text=value_text(found, share), detail=detail_text(found, share) + repaired, figure=found)


def _answers(model: Signals) -> Cell:
    notes = [f"{count:,} {kind}" for kind, count in model.errors.items()]
    notes += [f"{model.missing:,} never asked"] if model.missing else []
    notes += ["asked no more: see the verdict"] if model.asked_no_more else []
    notes += [f"{model.cached:,} from the cache"] if model.cached else []
    return Cell(text=f"{model.answered:,} of {model.expected:,}", detail=", ".join(notes))


_LINES = (
    _Line(
        "passed",
        "Passed",
        "outcome",
        "answers that met every expectation",
        _figure(lambda m: m.passed, share),
    ),
    _Line(
        "score",
        "Score",
        "outcome",
        "weighted mean of all scores",
        _figure(lambda m: m.score, lambda value: f"{value:.3f}"),
    ),
    _Line(
        "latency_p50_seconds",
        "Latency, median",
        "latency",
        "from when the request was due to the last token; cached answers excluded",
        _figure(lambda m: m.seconds.p50, amounts.duration),
    ),
    _Line(
        "latency_p95_seconds",
        "Latency, p95",
        "latency",
        "one answer in twenty takes longer",
        _figure(lambda m: m.seconds.p95, amounts.duration),
    ),
    _Line(
        "latency_p99_seconds",
        "Latency, p99",
        "latency",
        "one in a hundred takes longer; told from 500 answers on",
        _figure(lambda m: m.seconds.p99, amounts.duration),
    ),
    _Line(
        "ttfa_p50_seconds",
        "First answer, median",
        "latency",
        "until the first token of the answer itself, thoughts excluded",
        _figure(lambda m: m.ttfa_seconds.p50, amounts.duration),
    ),
    _Line(
        "ttfa_p95_seconds",
        "First answer, p95",
        "latency",
        "one answer in twenty begins later",
        _figure(lambda m: m.ttfa_seconds.p95, amounts.duration),
    ),
    _Line(
        "cost_per_success_usd",
        "Cost per success",
        "cost",
        "all that the answers cost, over those that passed",
        _figure(lambda m: m.cost_per_success_nano, money),
    ),
    _Line(
        "cost_per_answer_usd",
        "Cost per answer",
        "cost",
        "the median answer",
        _figure(lambda m: m.cost_per_answer_nano, money),
    ),
    _Line("spent_usd", "Spent", "cost", "in this run", _spent),
    _Line(
        "format_following",
        "Format following",
        "format following",
        "answers in the asked form, of items that ask for one",
        _format,
    ),
    _Line(
        "reasoning_reliability",
        "Reasoning reliability",
        "reasoning reliability",
        "reasoning items that were right every time",
        _figure(lambda m: m.reasoning, share),
    ),
    _Line(
        "coding_accuracy",
        "Coding accuracy",
        "coding accuracy",
        "coding answers that passed",
        _figure(lambda m: m.coding, share),
    ),
    _Line(
        "ended_itself", "Finish reason", "finish reason", "answers that ended by themselves, not cut", _finish
    ),
    _Line(
        "retry_rate",
        "Retry rate",
        "retry rate",
        "answers that took more than one call",
        _figure(lambda m: m.retried, share),
    ),
    _Line(
        "output_tokens",
        "Output tokens",
        "outcome",
        "of the median answer",
        _figure(lambda m: m.output_tokens, number),
    ),
    _Line("answers", "Answers", "outcome", "that came, of those that were to come", _answers),
)


def signal_rows(models: tuple[Signals, ...]) -> tuple[Row, ...]:
    """All rows, also those of which an evaluation can show nothing: the reason stands in the cell."""
    return tuple(
        Row(
            key=line.key,
            name=line.name,
            signal=line.signal,
            meaning=line.meaning,
            cells=tuple(line.cell(model) for model in models),
        )
        for line in _LINES
    )
