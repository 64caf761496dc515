"""A configuration with a rule and models, and runs with pairs of which the outcome is known."""

import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from tests.records.samples import record
from tiercel.cli.main import main
from tiercel.domain.record import JournalEntry, PairedAnswer, Record, ShadowPair
from tiercel.domain.shadow import ShadowRun, ShadowTerms
from tiercel.records.shadow_store import ShadowStore
from tiercel.records.store import Store

SETTINGS = """
version = 1
[providers.here]
base_url = "http://127.0.0.1:9/v1"
[models.little]
served_by = { here = "little" }
max_output = 100
prices = { input_usd_per_million = 1, output_usd_per_million = 2 }
[models.large]
served_by = { here = "large" }
max_output = 100
prices = { input_usd_per_million = 10, output_usd_per_million = 20 }
[models.unpriced]
served_by = { here = "unpriced" }
"""
POLICY = """
version = 1

[tiers.deep]
members = ["large"]

[[rules]]
name = "chat"  # what most people want
ladder = ["deep"]
"""
DOLLAR = 1_000_000_000
LONG_AGO_SECONDS = 86_400.0
GOOD = PairedAnswer(
    rung="large", model="large", passed=True, score=1.0, seconds=2.0, cost_nano=4_000, finish="stop"
)
BAD = msgspec.structs.replace(GOOD, passed=False, score=0.0, worst="json_schema")
CHEAP = msgspec.structs.replace(GOOD, rung="little", model="little", seconds=1.0, cost_nano=400)
CHEAP_BAD = msgspec.structs.replace(CHEAP, passed=False, score=0.0, worst="json_schema")
MARKS = {"=": (GOOD, CHEAP), "-": (GOOD, CHEAP_BAD), "+": (BAD, CHEAP), "0": (BAD, CHEAP_BAD)}
"""A pair for each mark: both pass, only what was delivered does, only the candidate does, neither does."""


def lay(folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str = POLICY) -> Path:
    """Both files in `folder`, and stands there."""
    monkeypatch.chdir(folder)
    (folder / "tiercel.toml").write_text(SETTINGS, "utf-8")
    (folder / "policy.toml").write_text(policy, "utf-8")
    return folder


def tiercel(*words: object) -> int:
    return main(["shadow", *(str(word) for word in words)])


def registered(folder: Path, *, guardrails: tuple[str, ...] = (), **changes: object) -> ShadowRun:
    """A run that began a day ago, in the default data folder of `folder`."""
    run = ShadowRun(
        id="",
        rule="chat",
        candidate="little",
        share=1.0,
        margin=0.1,
        budget_nano=10 * DOLLAR,
        started_at=time.time() - LONG_AGO_SECONDS,
        until=time.time() + LONG_AGO_SECONDS,
        terms=ShadowTerms(guardrails=guardrails),
    )
    run = msgspec.structs.replace(run, **changes)
    run = msgspec.structs.replace(run, id=run.registered_id)
    ShadowStore(folder / "tiercel-data").start(run)
    return run


def pairs_of(run: ShadowRun, marks: str, **changes: object) -> list[ShadowPair]:
    """A pair for each mark, one each second from the start of the run on."""
    return [
        msgspec.structs.replace(
            ShadowPair(
                record_id=f"rec_{at:05}",
                candidate=run.candidate,
                received_at=run.started_at + at,
                rule=run.rule or "",
                task="coding",
                propensity=run.share,
                cluster=f"rec_{at:05}",
                run=run.id,
                live=MARKS[mark][0],
                shadow=MARKS[mark][1],
            ),
            **changes,
        )
        for at, mark in enumerate(marks)
    ]


def records_of(pairs: Iterable[ShadowPair]) -> list[Record]:
    """The live requests of these pairs."""
    return [
        msgspec.structs.replace(
            record(pair.record_id, started_at=pair.received_at), rule=pair.rule, ladder=("deep",)
        )
        for pair in pairs
    ]


def keep(folder: Path, *entries: JournalEntry) -> None:
    """Put into the database of the default data folder."""
    (folder / "tiercel-data").mkdir(exist_ok=True)
    store = Store(folder / "tiercel-data")
    store.insert(entries, f"segment-{entries[0]}", 1)
    store.close()
