"""The report as Markdown: for a pull request, a wiki, or GitHub's summary of a step."""

import re

from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.comparing.contender import Contender
from tiercel.evals.comparing.differing import Beside
from tiercel.evals.reporting.page import MOST_ITEMS, Page, page_of
from tiercel.evals.reporting.shown import one_line
from tiercel.evals.reporting.words import headline, left_out
from tiercel.measure import amounts

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~&$]|:(?=//)|(?<=www)\.)")
"""What Markdown, or HTML within it, reads as more than text; of an address what makes it one."""
_CALLING = re.compile(r"([@#])(?=\w)")
"""`@name` and `#7`, which GitHub turns into links after Markdown was read, whatever stands before them."""


def as_markdown(assessment: Assessment, command: str) -> str:
    """Verdicts, the signals of each model, guardrails, and the items that differ; no answers, which HTML has."""
    page = page_of(assessment, command)
    parts = [f"# {escaped(page.title)}", escaped(" · ".join(page.facts))]
    parts += [f"> {escaped(warning)}" for warning in page.warnings]
    for one in assessment.contenders:
        said = headline(one, assessment)
        parts.append(f"**{escaped(said.lead)}** ({escaped(said.basis)}). {escaped(' '.join(said.more))}")
        parts += ["\n".join(f"- Left out: {escaped(words)}." for words in left_out(one))]
    if not assessment.contenders:
        parts.append("Nothing was compared: the evaluation names no baseline, or has one candidate only.")
    parts += ["\n".join(f"- {escaped(sentence)}" for sentence in page.alone)]
    parts += ["## Signals", _signals(page)]
    parts += _guardrails(page)
    for one in assessment.contenders:
        parts += _differing(one, page)
    parts += _slices(page)
    if page.people:
        parts += ["## As people see it", "\n".join(f"- {escaped(sentence)}" for sentence in page.people)]
    parts += [f"Made by `{command}`."]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Text that stays text, on one line, also in a table's cell."""
    return _SPECIAL.sub(r"\\\1", _CALLING.sub("\\1\u200b", one_line(text, 2_000)))


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are escaped here."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell if cell == "---" else escaped(cell) for cell in line) + " |" for line in lines
    )


def _signals(page: Page) -> str:
    rows = [
        [
            row.name,
            *(f"{cell.text} ({cell.detail})" if cell.detail else cell.text for cell in row.cells),
        ]
        for row in page.rows
    ]
    return table(["", *(model.name for model in page.models)], rows)


def _guardrails(page: Page) -> list[str]:
    rows = [
        [name, rail.metric, rail.bound, f"{rail.text} ({rail.detail})", rail.state]
        for name, rails in page.bounded.items()
        for rail in rails
    ]
    return (
        ["## Guardrails", table(["Candidate", "Guardrail", "Bound", "Measured", "State"], rows)]
        if rows
        else []
    )


def _slices(page: Page) -> list[str]:
    rows = [
        [
            one.name,
            f"{part.key}: {part.value}",
            part.n,
            *(f"{cell.text} ({cell.detail})" for cell in part.cells),
        ]
        for one in page.contenders
        for part in one.slices
    ]
    head = ["Candidate", "Slice", "n", "Baseline", "Candidate", "Difference, points"]
    return ["## Slices (exploratory)", table(head, rows)] if rows else []


def _differing(one: Contender, page: Page) -> list[str]:
    shown = next(shown for shown in page.contenders if shown.name == one.name)
    parts = []
    found = (one.differing.only_baseline, one.differing.only_candidate)
    for group, items in zip(shown.groups, found, strict=False):
        if items:
            more = f"\n- and {len(items) - MOST_ITEMS:,} more" if len(items) > MOST_ITEMS else ""
            lines = "\n".join(f"- {_line(beside)}" for beside in items[:MOST_ITEMS])
            parts += [f"## {escaped(group.title)}: {len(items):,}", lines + more]
    return parts


def _line(beside: Beside) -> str:
    where = f" ({escaped(f'{beside.item.source}:{beside.item.line}')})" if beside.item.line else ""
    flips = " flips" if beside.flips else ""
    return f"{escaped(beside.item.id)}{where}{flips}: {escaped(why(beside))}"


def why(beside: Beside) -> str:
    """Why the side that failed did, in a line."""
    failed = next(
        (row for row in (*beside.candidate, *beside.baseline) if row.state == "failed"), beside.candidate[0]
    )
    passed = sum(row.state == "passed" for row in beside.candidate)
    often = (
        f" ({passed} of {amounts.count_text(len(beside.candidate), 'repeat')} passed)"
        if len(beside.candidate) > 1
        else ""
    )
    return one_line("; ".join(failed.faults) or failed.kind, 200) + often
