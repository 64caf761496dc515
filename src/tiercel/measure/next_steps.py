"""What the numbers suggest trying next, each with the numbers it is read from. Suggestions, never verdicts.

Whether a cheaper model would do cannot be seen in what was spent; it can only be tried. So each says what to try.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from tiercel.measure.amounts import count_text, money, percent
from tiercel.records.tally import Cell, RequestTally

LARGE_SHARE = 0.25
"""Of all cost, from which on one task on one model is worth a look."""
OFTEN = 0.3
FEW_REQUESTS = 5
UNVERIFIED = 0.5
SOMETIMES = 0.05


class NextStep(msgspec.Struct, frozen=True, kw_only=True):
    """`finding` is what the numbers say, `idea` what may be tried, `command` how, where one does it."""

    finding: str
    idea: str
    command: str = ""


def next_steps(answers: Mapping[Cell, RequestTally], most: int = 3) -> tuple[NextStep, ...]:
    """The `most` promising, the one with the most money first."""
    found = [
        *_dear_tasks(answers),
        *_escalations(answers),
        *_unverified(answers),
        *_unfinished(answers),
        *_unpriced(answers),
        *_unheard(answers),
    ]
    return tuple(found[:most])


def _dear_tasks(answers: Mapping[Cell, RequestTally]) -> Iterator[NextStep]:
    by_use: defaultdict[tuple[str, str, str], RequestTally] = defaultdict(RequestTally)
    for cell, tally in answers.items():
        if cell.model and tally.counts["requests"]:
            by_use[cell.task, cell.model, cell.rule].merge(tally)
    total = sum(tally.counts["cost_nano"] for tally in by_use.values())
    ranked = sorted(by_use.items(), key=lambda item: -item[1].counts["cost_nano"])
    for (task, model, rule), tally in ranked[:2]:
        cost = tally.counts["cost_nano"]
        if not total or cost / total < LARGE_SHARE:
            return
        requests = count_text(tally.counts["requests"], "request")
        yield NextStep(
            finding=f"{percent(cost / total)} of the cost, {money(cost)}, is {task} answered by {model}: {requests}.",
            idea="A cheaper model may do as well. A shadow run tells, on copies, without touching an answer.",
            command=f"tiercel shadow start --rule {rule or 'NAME'} --candidate MODEL --share 0.2 --max-usd 5",
        )


def _escalations(answers: Mapping[Cell, RequestTally]) -> Iterator[NextStep]:
    by_task = _by_task(answers)
    ranked = sorted(by_task.items(), key=lambda item: -item[1].counts["escalation"])
    for task, tally in ranked[:1]:
        requests, escalated = tally.counts["requests"], tally.counts["escalation"]
        if requests >= FEW_REQUESTS and escalated / requests >= OFTEN:
            yield NextStep(
                finding=f"{escalated} of {requests} {task} requests went up a tier.",
                idea="Where the lower tier was paid for nothing, a rule that begins higher may cost less: see what "
                "sends them up.",
                command="tiercel report --checks",
            )


def _unverified(answers: Mapping[Cell, RequestTally]) -> Iterator[NextStep]:
    total = _together(answers)
    successes = total.counts["passed"] - total.counts["rejected_passed"]
    unverified = successes - total.counts["verified"] + total.counts["rejected_verified"]
    if successes >= FEW_REQUESTS and unverified / successes >= UNVERIFIED:
        yield NextStep(
            finding=f"{unverified} of {successes} successes were measured by no check but that they were finished.",
            idea="A gate that measures the answer turns these into evidence: a schema, a length, a citation, a judge.",
            command="tiercel report --by task",
        )


def _unfinished(answers: Mapping[Cell, RequestTally]) -> Iterator[NextStep]:
    by_model: defaultdict[str, RequestTally] = defaultdict(RequestTally)
    for cell, tally in answers.items():
        if cell.model:
            by_model[cell.model].merge(tally)
    ranked = sorted(by_model.items(), key=lambda item: -item[1].counts["calls_non_stop"])
    for model, tally in ranked[:1]:
        finished, cut = tally.counts["calls_finished"], tally.counts["calls_non_stop"]
        if finished >= FEW_REQUESTS and cut / finished >= SOMETIMES:
            yield NextStep(
                finding=f"{cut} of {finished} answers of {model} did not end by themselves.",
                idea="Look whether max_tokens is too small for it, or its thinking eats the budget.",
                command="tiercel report --by model",
            )


def _unpriced(answers: Mapping[Cell, RequestTally]) -> Iterator[NextStep]:
    unpriced = _together(answers).counts["unpriced"]
    if unpriced:
        yield NextStep(
            finding=f"The cost of {count_text(unpriced, 'request')} is not known.",
            idea="Give the models that answered them prices in tiercel.toml.",
            command="tiercel models",
        )


def _unheard(answers: Mapping[Cell, RequestTally]) -> Iterator[NextStep]:
    total = _together(answers)
    if total.counts["requests"] >= FEW_REQUESTS and not total.counts["opinions"]:
        yield NextStep(
            finding="Nobody has said yet whether an answer was of use.",
            idea="Send a thumb up or down to POST /v1/feedback: the answer's x-tiercel-record header names it.",
        )


def _by_task(answers: Mapping[Cell, RequestTally]) -> dict[str, RequestTally]:
    found: defaultdict[str, RequestTally] = defaultdict(RequestTally)
    for cell, tally in answers.items():
        found[cell.task].merge(tally)
    return found


def _together(answers: Mapping[Cell, RequestTally]) -> RequestTally:
    total = RequestTally()
    for tally in answers.values():
        total.merge(tally)
    return total
