"""What labels are worth so far, in lines for a terminal; needs the extra `evals`."""

from collections.abc import Sequence

from tiercel.evals.comparing.answers import measured
from tiercel.evals.comparing.label_worth import Worth, worth_of_labels
from tiercel.evals.run_folder import RunFolder
from tiercel.evals.statistics.interval import percent
from tiercel.measure.amounts import count_text


def worth_lines(run: RunFolder, candidates: Sequence[str], *, in_pairs: bool) -> list[str]:
    """A line for each rate that the labels are about. Raises `ConfigError` for damaged files."""
    return [_line(one) for one in worth_of_labels(measured(run), candidates, in_pairs=in_pairs)]


def _line(worth: Worth) -> str:
    who = worth.name
    by = count_text(worth.labels, "label")
    if worth.value is None:
        return f"{who}: {by}; {worth.why}."
    what = "right" if worth.what == "passed" else "preferred"
    beside = f" and {worth.judged:,} verdicts" if worth.judged else ""
    more = (
        f"{count_text(worth.more, 'more label')} would make it about ±{100 * worth.half_width_after:.1f}."
        if worth.more
        else "nothing is left to label."
    )
    return (
        f"{who}: {percent(worth.value)} {what} (95 % interval {percent(worth.low)} to {percent(worth.high)}) "
        f"by {by}{beside}: ±{100 * worth.half_width:.1f} points; {more}"
    )
