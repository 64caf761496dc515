"""The table of signals as CSV: a line for each number of each model, with its interval."""

import csv
import io

from tiercel.domain.money import NANO_PER_USD
from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.comparing.figure import Figure
from tiercel.evals.reporting.table import signal_rows

HEAD = ("model", "signal", "metric", "value", "low", "high", "n", "note")


def as_csv(assessment: Assessment) -> str:
    """Differences from the baseline stand as the metric `difference`. Money is in dollars, shares run from 0 to 1."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(HEAD)
    for one in assessment.contenders:
        if one.comparison is not None:
            found = one.comparison.difference
            numbers = (found.value, found.interval.low, found.interval.high, found.n)
            lines.writerow((plain(one.name), "outcome", "difference", *numbers, one.verdict))
        if one.dropped is not None:
            lost = one.dropped
            bounds = (lost.difference, None, lost.not_above, lost.pairs)
            lines.writerow((plain(one.name), "outcome", "difference", *bounds, f"worse, {lost.after}"))
    for row in signal_rows(assessment.models):
        for model, cell in zip(assessment.models, row.cells, strict=True):
            figure = cell.figure or Figure(why=f"{cell.text} {cell.detail}".strip())
            scale = NANO_PER_USD if row.key.endswith("_usd") else 1
            ends = [None if end is None else end / scale for end in (figure.value, figure.low, figure.high)]
            lines.writerow(
                (plain(model.name), row.signal, row.key, *ends, figure.n or None, plain(figure.why))
            )
    return out.getvalue()


def plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
