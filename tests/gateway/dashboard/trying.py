"""A gateway with candidates to look at: an evaluation, a shadow run with its pairs, and a split. All of it made up."""

import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec

from tests.cli.shadow_setting import MARKS, keep, records_of, registered
from tests.cli.test_eval_label import lay_down
from tests.cli.test_split import record_of
from tests.evals.comparing.runs import items_of, measured, rows
from tests.evals.test_split_figures import rows as split_rows
from tests.gateway.dashboard.pages import Dashed, dashed, looking
from tests.gateway.house import settings_for
from tiercel.domain.record import AttemptRecord, Block, Feedback, JournalEntry, PairedAnswer, ShadowPair
from tiercel.domain.settings import Dashboard
from tiercel.domain.shadow import ShadowRun
from tiercel.evals.comparing.answers import Measured
from tiercel.testing.scripted import ScriptedProvider

RUN = "/evaluations/run?run=runs/first"
LABEL = "/evaluations/label?run=runs/first"
DATA = "tiercel-data"
"""The folder of the records, where the settings of shadow runs have it."""
DAY = 86_400.0


def eight_items(output: str = "no") -> Measured:
    """A run of eight items, of which `fast` gets three wrong and nobody the last one right."""
    items = items_of(8)
    return measured(
        [*rows("deep", "+++++++-", items), *rows("fast", "--+-+++-", items, output=output)], items
    )


def lay_run(folder: Path, run: Measured) -> Path:
    """Where the dashboard looks for evaluations."""
    place = folder / "evals" / "runs" / "first"
    lay_down(run, place)
    return place


def lay_trials(folder: Path, pairs: int, sessions: int) -> ShadowRun:
    """A shadow run of ten days with so many pairs, and a split with so many sessions in each of two arms."""
    began = time.time() - 10 * DAY
    run = registered(
        folder, candidate="haiku", margin=0.05, guardrails=("cost<=0.5x", "p95<=1.2x"), started_at=began
    )
    made = list(_pairs(run, pairs))
    entries: list[JournalEntry] = [*records_of(made), *made]
    arms = (
        split_rows("flash", sessions, nano=9_000_000, seconds=2.0, good=0.84),
        split_rows("haiku", sessions, nano=2_000_000, good=0.86),
    )
    for row in (row for arm in arms for row in arm):
        at = began + 60 * row.started_at
        entries.append(record_of(row._replace(started_at=at, rule="support")))
        if row.opinion is not None:
            entries.append(Feedback(id=f"said-{row.id}", record_id=row.id, at=at + 60, verdict=row.opinion))
    keep(folder, *entries)
    return run


def _pairs(run: ShadowRun, count: int) -> Iterator[ShadowPair]:
    draw = random.Random(7)
    for at in range(count):
        live, shadow = MARKS[draw.choices("=-+0", (0.9, 0.02, 0.03, 0.05))[0]]
        received_at = run.started_at + at * 9.5 * DAY / count
        yield ShadowPair(
            record_id=f"rec_{at:05}",
            run=run.id,
            candidate=run.candidate,
            received_at=received_at,
            rule="chat",
            task="coding",
            propensity=run.share,
            cluster=f"rec_{at:05}",
            live=_said(live, "sonnet", 9.0, draw),
            shadow=(answer := _said(shadow, "haiku", 2.0, draw)),
            attempts=(_call(answer),),
        )


def _call(answer: PairedAnswer) -> AttemptRecord:
    return AttemptRecord(
        number=1,
        why="shadow",
        rung=answer.rung,
        deployment=answer.rung,
        provider="here",
        model=answer.model,
        cost_nano=answer.cost_nano,
    )


def _said(answer: PairedAnswer, model: str, price: float, draw: random.Random) -> PairedAnswer:
    words = (
        f'{{"kind": "refund", "days": {draw.randrange(1, 30)}}}' if answer.passed else "I am not sure; " * 12
    )
    text = msgspec.json.encode({"role": "assistant", "parts": [{"type": "text", "text": words}]}).decode()
    return msgspec.structs.replace(
        answer,
        rung=model,
        model=model,
        seconds=draw.lognormvariate(0.2, 0.4) * price**0.3,
        cost_nano=round(price * draw.lognormvariate(0, 0.3) * 1e6),
        said=Block(place="answer", key=words, bytes=len(text), text=text),
    )


@asynccontextmanager
async def trying_house(folder: Path) -> AsyncIterator[Dashed]:
    """The gateway; what is laid in `folder` before or meanwhile is what it shows."""
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        settings = settings_for(folder, cheap.deployment("cheap"), dear.deployment("dear"))
        storage = msgspec.structs.replace(settings.storage, folder=str(folder / DATA), content="full")
        shown = Dashboard(port=0, evaluations=str(folder / "evals"))
        settings = msgspec.structs.replace(settings, storage=storage, dashboard=shown)
        async with dashed(folder, settings=settings) as here:
            yield here


@asynccontextmanager
async def looked_at(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The same, and somebody who looks at it."""
    async with trying_house(folder) as here, looking(here.url) as browser:
        yield browser
