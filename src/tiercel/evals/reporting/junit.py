"""The results as JUnit XML, which every CI shows: a suite for each candidate, a case for each answer."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tiercel.evals.comparing.answers import Answers
from tiercel.evals.reporting.shown import one_line, visible
from tiercel.evals.results import Result


def as_junit(title: str, sides: Iterable[Answers]) -> str:
    """What failed is a failure, and what says nothing of the candidate an error. What was never asked is no case, but
    one error for all of it where the run is not finished: else it would pass for a small one without a fault."""
    root = Element("testsuites", name=visible(title))
    for side in sides:
        rows = sorted((*side.answered, *side.errors), key=lambda row: row.repeat)
        order = {item: at for at, item in enumerate(side.items)}
        rows.sort(key=lambda row: order[row.item])
        suite = SubElement(
            root,
            "testsuite",
            name=visible(side.name),
            tests=str(len(rows) + bool(side.missing)),
            failures=str(sum(row.state == "failed" for row in rows)),
            errors=str(len(side.errors) + bool(side.missing)),
            time=_seconds(sum(row.seconds or 0.0 for row in rows)),
        )
        for row in rows:
            _case(suite, side, row)
        if side.missing:
            case = SubElement(suite, "testcase", name="not finished", classname=visible(side.name))
            said = f"{side.missing:,} of {side.expected:,} answers were never asked for"
            SubElement(case, "error", type="unfinished", message=said)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, side: Answers, row: Result) -> None:
    item = side.items[row.item]
    again = f" (repeat {row.repeat})" if row.repeat > 1 else ""
    case = SubElement(
        suite,
        "testcase",
        name=visible(item.id) + again,
        classname=visible(side.name),
        time=_seconds(row.seconds or 0.0),
    )
    if item.line is not None:
        case.set("file", visible(item.source))
        case.set("line", str(item.line))
    if row.state == "passed":
        return
    said = "; ".join(row.faults) or row.kind
    fault = SubElement(
        case, "error" if row.state == "error" else "failure", type=row.kind, message=one_line(said, 400)
    )
    fault.text = visible(f"{said}\n\n{row.said}")


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
