"""Runs as they might lie on disk, made in memory: what each candidate's answers came to, as a string of marks."""

from collections.abc import Mapping, Sequence

import msgspec

from tiercel.evals.comparing.answers import Measured
from tiercel.evals.evaluation import Analysis, Candidate, Evaluation, Expectation, Item, RunSettings
from tiercel.evals.results import CallMade, Result, Score
from tiercel.evals.run_folder import Manifest

STARTED = 1_790_000_000.0
CONTAINS = Expectation(scorer="contains", value="yes")


def items_of(n: int, **fields: object) -> tuple[Item, ...]:
    """Items `t-1` to `t-n`."""
    return tuple(
        msgspec.structs.replace(
            Item(
                id=f"t-{at}",
                body={"messages": [{"role": "user", "content": f"Question {at}?"}]},
                target=("yes",),
                expectations=(CONTAINS,),
                source="items.jsonl",
                line=at,
            ),
            **fields,
        )
        for at in range(1, n + 1)
    )


def result(item: str, candidate: str, mark: str, repeat: int = 1, **fields: object) -> Result:
    """`+` passed, `-` failed, `e` an error."""
    passed = mark == "+"
    row = Result(
        item=item,
        candidate=candidate,
        repeat=repeat,
        state="error" if mark == "e" else "passed" if passed else "failed",
        kind="timeout" if mark == "e" else "ok" if passed else "expectation",
        reason="" if passed else "lacks 'yes'",
        output="yes" if passed else "no",
        score=float(passed),
        scores=(
            Score(name="contains", value=float(passed), met=passed, reason="" if passed else "lacks 'yes'"),
        ),
        seconds=1.0,
        ttfa_seconds=0.5,
        cost_nano=1_000_000,
        finish="stop",
        calls=(CallMade(model=candidate),),
        model_returned=f"{candidate}-2026",
    )
    return msgspec.structs.replace(row, **fields)


def rows(
    candidate: str, marks: str, items: Sequence[Item], repeat: int = 1, **fields: object
) -> list[Result]:
    """A mark for each item; a space was never asked."""
    return [
        result(item.id, candidate, mark, repeat, **fields)
        for item, mark in zip(items, marks, strict=True)
        if mark != " "
    ]


def measured(
    results: Sequence[Result], items: Sequence[Item], analysis: Analysis | None = None, **manifest: object
) -> Measured:
    """A run of these results; the first candidate in them is the baseline."""
    names = list(dict.fromkeys(row.candidate for row in results))
    evaluation = Evaluation(
        name="support answers",
        candidates=tuple(Candidate(id=name, address=f"provider/{name}") for name in names),
        items=tuple(items),
        baseline=names[0],
        analysis=analysis or Analysis(),
        run=RunSettings(repeats=max(row.repeat for row in results)),
        hash="0123abcd",
    )
    run = Manifest(
        id="2026-09-21T10-00-00-0123",
        evaluation=evaluation,
        started_at=STARTED,
        finished_at=STARTED + 60,
        tiercel="0.1.0",
        prices_of="2026-09-01",
    )
    return Measured(manifest=msgspec.structs.replace(run, **manifest), results=tuple(results))


def run_of(
    marks: Mapping[str, str],
    items: Sequence[Item] | None = None,
    analysis: Analysis | None = None,
    **fields: object,
) -> Measured:
    """One repeat, a string of marks for each candidate, the baseline first."""
    items = items or items_of(len(next(iter(marks.values()))))
    results = [row for name, line in marks.items() for row in rows(name, line, items, 1, **fields)]
    return measured(results, items, analysis)
