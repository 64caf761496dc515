"""What a workflow of GitHub Actions shows: annotations at the items that newly fail, and a summary of the step."""

from collections.abc import Iterator
from pathlib import PurePath

from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.reporting.markdown import why
from tiercel.evals.reporting.shown import visible

MOST_ANNOTATIONS = 50
"""GitHub shows no more of one job, and ten of one step."""
LARGEST_SUMMARY = 1_000_000
"""Bytes that GitHub takes of one step: a mebibyte, of which a little is left to others."""


def annotations(assessment: Assessment, workspace: str) -> Iterator[str]:
    """A workflow command for each item that only the baseline got right.

    Between two runs these are newly failing, and errors; within one they are what a candidate would lose, and warnings.
    Files are named from `workspace` on.
    """
    level = "error" if assessment.kind == "change" else "warning"
    left = MOST_ANNOTATIONS
    for one in assessment.contenders:
        lost = one.differing.only_baseline
        for beside in lost[:left]:
            item = beside.item
            place = [f"file={_property(_from(item.source, workspace))}"] if item.source else []
            place += [f"line={item.line}"] if item.source and item.line else []
            title = f"title={_property(f'{one.name}: {item.id} fails')}"
            yield f"::{level} {','.join((*place, title))}::{_message(why(beside))}"
        if len(lost) > left:
            yield f"::notice::{_message(f'{one.name}: {len(lost) - left} more items fail; see the report')}"
        left = max(0, left - len(lost))


def within_limit(summary: str) -> str:
    """As much of a Markdown report as GitHub takes, in whole lines."""
    encoded = summary.encode()
    if len(encoded) <= LARGEST_SUMMARY:
        return summary
    kept = encoded[:LARGEST_SUMMARY].decode(errors="ignore").rpartition("\n")[0]
    return f"{kept}\n\nCut here: the whole is too long for this page.\n"


def _from(source: str, workspace: str) -> str:
    path = PurePath(source)
    if path.is_absolute() and workspace and path.is_relative_to(workspace):
        return path.relative_to(workspace).as_posix()
    return path.as_posix()


def _message(text: str) -> str:
    """No text can end its command and begin one of its own."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
