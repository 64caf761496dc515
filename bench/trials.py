"""What the dashboard shows of candidates, made up in the sizes that a busy year leaves: an evaluation, copies, a split.

All of it is written by what writes it in use, beside the records of `bench/synthesise.py`, and only where it is not
there yet.
"""

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from bench.synthesise import DAY_SECONDS, entries
from tiercel.domain.json import Json
from tiercel.domain.record import Block, Feedback, JournalEntry, PairedAnswer, Record, ShadowPair
from tiercel.domain.shadow import ShadowRun
from tiercel.evals.evaluation import Analysis, Candidate, Evaluation, Expectation, Guardrail, Item
from tiercel.evals.results import CallMade, Result, Score
from tiercel.evals.run_folder import Manifest
from tiercel.evals.running.folders import finished, new_run
from tiercel.evals.running.rows_file import RowsFile
from tiercel.records.routed import each_routed
from tiercel.records.shadow_store import ShadowStore
from tiercel.records.splits import load_split_rows
from tiercel.records.store import Store
from tiercel.routing.shadow import is_drawn

ITEMS = 2_000
CANDIDATES = {"deep": 0.95, "fast": 0.94, "small": 0.91, "little": 0.85, "tiny": 0.7}
"""How often each is right."""
MODEL = "gemini-3.5-flash"
RULE = "coding"
SHARE = 0.05
SHADOW_DAYS = 30
SPLIT = "trial"
ARMS = ("flash", "haiku")
SPLIT_REQUESTS = 200_000
AT_ONCE = 5_000
ANSWER = "The function reads each line, keeps what the pattern names and counts the rest. "


def write_evaluation(runs: Path, began: float) -> None:
    """A run of five candidates on 2,000 items, where the folder has none."""
    if runs.exists():
        return
    chance = random.Random(7)
    evaluation = Evaluation(
        name="Support answers",
        candidates=tuple(Candidate(id=name, address=f"example/{name}") for name in CANDIDATES),
        items=tuple(item(number) for number in range(ITEMS)),
        baseline="deep",
        analysis=Analysis(
            guardrails=(Guardrail(metric="cost_per_success", at_most=0.5, relative=True),), slices=("task",)
        ),
        hash="0123456789ab",
    )
    run = new_run(runs, Manifest(id="", evaluation=evaluation, started_at=began))
    with RowsFile(run.results_path) as file:
        for one in evaluation.items:
            hard = chance.random() ** 2
            for name, skill in CANDIDATES.items():
                file.add(result(one, name, chance, passed=chance.random() < skill**hard * skill))
    finished(run)


def item(number: int) -> Item:
    question = f"Customer {number}: {'what became of my order, and who pays for the way back? ' * 4}"
    messages: list[Json] = [
        {"role": "system", "content": "You answer for the shop. Be brief."},
        {"role": "user", "content": question},
    ]
    return Item(
        id=f"support-{number:04d}",
        body={"messages": messages},
        target=("by rule 7",),
        expectations=(Expectation(scorer="contains", value="by rule 7"),),
        metadata={"task": ("extraction", "reasoning", "coding", "policy")[number % 4]},
    )


def result(asked: Item, candidate: str, chance: random.Random, *, passed: bool) -> Result:
    reason = "" if passed else "lacks 'by rule 7'"
    seconds = chance.lognormvariate(0.3, 0.6)
    return Result(
        item=asked.id,
        candidate=candidate,
        state="passed" if passed else "failed",
        kind="ok" if passed else "expectation",
        reason=reason,
        output=ANSWER * 6 + ("by rule 7" if passed else "by no rule"),
        score=float(passed),
        scores=(Score(name="contains", value=float(passed), met=passed, reason=reason),),
        seconds=seconds,
        ttfa_seconds=seconds / 4,
        output_tokens=100,
        cost_nano=round(1_000_000 * chance.lognormvariate(0, 0.3)),
        finish="stop",
        calls=(CallMade(model=candidate),),
        model_returned=f"{candidate}-2026-08-01",
        simulated=True,
    )


def write_shadow_run(folder: Path, until: float) -> None:
    """A run that copied one in twenty of a rule's requests for a month, where none is registered."""
    runs = ShadowStore(folder)
    if runs.runs():
        return
    run = ShadowRun(
        id="",
        rule=RULE,
        candidate=MODEL,
        share=SHARE,
        margin=0.01,
        budget_nano=10**15,
        started_at=until - SHADOW_DAYS * DAY_SECONDS,
        until=until + SHADOW_DAYS * DAY_SECONDS,
    )
    run = msgspec.structs.replace(run, id=run.registered_id)
    runs.start(run)
    write(folder, pairs_of(run, folder), "synthesised-pairs")


def pairs_of(run: ShadowRun, folder: Path) -> Iterator[ShadowPair]:
    """A pair for each request that the run drew; each in the session of some twenty that came after another."""
    chance = random.Random(7)
    routed = sorted(
        (one.started_at, one.id, one.project)
        for one in each_routed(folder, since=run.started_at, rule=run.rule)
    )
    drawn = (one for one in routed if is_drawn(run.id, one[1], run.share))
    for number, (at, record_id, project) in enumerate(drawn):
        session = f"session-{number // 100}-{number % 5}"
        yield ShadowPair(
            record_id=record_id,
            run=run.id,
            candidate=run.candidate,
            received_at=at,
            rule=RULE,
            task=RULE,
            propensity=run.share,
            session=session,
            cluster=session,
            project=project,
            live=paired("gpt-5.4-mini", 2_000_000, record_id, chance.random() < 0.93, chance),
            shadow=paired(run.candidate, 300_000, record_id, chance.random() < 0.928, chance),
        )


def paired(model: str, nano: int, record_id: str, passed: bool, chance: random.Random) -> PairedAnswer:
    words = f"{model} on {record_id}: {ANSWER * 8}"
    text = msgspec.json.encode({"role": "assistant", "parts": [{"type": "text", "text": words}]}).decode()
    return PairedAnswer(
        rung=model,
        model=model,
        passed=passed,
        score=float(passed),
        worst=None if passed else "json_schema",
        seconds=chance.lognormvariate(0.3, 0.6),
        cost_nano=nano,
        output_tokens=160,
        finish="stop",
        said=Block(place="answer", key=f"{model}-{record_id}", bytes=len(text), text=text),
    )


def write_split(folder: Path, first_day: float) -> None:
    """A day's requests more, each session of which one of two arms answered, where there are none; `first_day` is when
    that day began."""
    if load_split_rows(folder, 1).rows:
        return
    made = (in_split(one) for one in entries(SPLIT_REQUESTS, first_day, 50))
    write(folder, made, "synthesised-split")


def in_split(entry: JournalEntry) -> JournalEntry:
    """The same under another name, and a request in one of the arms."""
    if isinstance(entry, Feedback):
        about = entry.id.replace("rec_00", "rec_ff")
        return msgspec.structs.replace(entry, id=about, record_id=about)
    assert isinstance(entry, Record)
    session = entry.session and f"split-{entry.session}"
    arm = arm_of(session or entry.id)
    return msgspec.structs.replace(
        entry,
        id=entry.id.replace("rec_00", "rec_ff"),
        session=session,
        split=SPLIT,
        arm=arm,
        propensity=1 / len(ARMS),
        split_unit=session,
    )


def arm_of(unit: str) -> str:
    return ARMS[sum(unit.encode()) % len(ARMS)]


def write(folder: Path, made: Iterable[JournalEntry], segment: str) -> None:
    """As ingest does."""
    store = Store(folder)
    source = iter(made)
    while batch := list(islice(source, AT_ONCE)):
        store.insert(batch, segment, 1)
    store.close()
