"""What is known of a judge, in a sentence: beside its verdicts, in every report."""

from tiercel.evals.comparing.figure import Figure
from tiercel.evals.comparing.judge_check import JudgeCheck
from tiercel.evals.statistics.interval import percent


def judge_sentence(check: JudgeCheck) -> str:
    """`Judge j1: 84.0 % agreement with 60 labels (72.8 % to 91.1 %), kappa 0.66, flips 9.0 %.`"""
    parts = []
    if check.labels:
        parts.append(
            f"{share_text(check.agreement)} agreement with {check.labels:,} labels{_within(check.agreement)}"
        )
        if check.kappa.value is not None:
            parts.append(f"kappa {check.kappa.value:.2f}")
    else:
        parts.append("measured by no label yet (`tiercel eval label`)")
    if check.flips.value is not None:
        parts.append(f"{share_text(check.flips)} of its verdicts flip with the order")
    if check.invalid:
        parts.append(f"{check.invalid:,} of {check.invalid + check.verdicts:,} were no valid verdict")
    return f"Judge {check.judge}: {', '.join(parts)}."


def share_text(figure: Figure) -> str:
    """A share in percent, or why there is none."""
    return figure.why if figure.value is None else percent(figure.value)


def _within(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f" ({percent(figure.low)} to {percent(figure.high)})"
