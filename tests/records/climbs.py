"""Climbs with checks: calls that can be put together by hand, and many of them made up by chance."""

import random
from typing import get_args

from tiercel.domain.climb import ASIDE, Verdict, Why
from tiercel.domain.record import AttemptRecord, JournalEntry, Outcome, Record
from tiercel.domain.response import Usage

START = 1_785_542_400.0 + 23 * 3_600
"""An hour before midnight UTC, so that all spans have borders within a few hours."""
CHECKS = ("json_schema", "agreement", "judge", "code")
RUNGS = ("cheap", "dear@low", "dear@high")


def said(
    check: str,
    score: float = 1.0,
    *,
    error: str | None = None,
    elects: int | None = None,
    repairs: tuple[str, ...] = (),
    seconds: float = 0.0,
) -> Verdict:
    return Verdict(
        check=check, score=score, reason="", error=error, elects=elects, repairs=repairs, seconds=seconds
    )


def call(
    number: int,
    why: Why = "first",
    rung: str = "cheap",
    *verdicts: Verdict,
    cost_nano: int | None = 100,
    missed: str | None = None,
    next_nano: int | None = None,
    asked_by: str | None = None,
    began_seconds: float = 0.0,
    seconds: float = 1.0,
) -> AttemptRecord:
    return AttemptRecord(
        number=number,
        why=why,
        rung=rung,
        deployment=rung,
        provider="p",
        model=rung,
        verdicts=verdicts,
        missed=missed,
        next_nano=next_nano,
        asked_by=asked_by,
        cost_nano=cost_nano,
        usage=Usage(uncached=10, visible=5),
        began_seconds=began_seconds,
        seconds=seconds,
        finish_reason="stop",
    )


def climb(*attempts: AttemptRecord, delivered: int | None, outcome: Outcome = "passed") -> Record:
    return Record(
        id="r",
        started_at=START,
        seconds=sum(attempt.seconds for attempt in attempts),
        outcome=outcome,
        attempts=attempts,
        delivered=delivered,
    )


def made_up(seed: int, n: int) -> list[JournalEntry]:
    """Requests of some hours around midnight, with whatever could stand in a record, likely or not."""
    chance = random.Random(seed)
    entries: list[JournalEntry] = []
    for i in range(n):
        numbers = range(1, chance.randrange(5) + 1)
        entries.append(
            Record(
                id=f"{seed}-{i:04d}",
                started_at=START + chance.random() * 3 * 3_600,
                seconds=1.0,
                outcome=chance.choice(get_args(Outcome)),
                project=chance.choice(("", "search")),
                attempts=tuple(_made_up_call(chance, number) for number in numbers),
                delivered=chance.choice((*numbers, None)),
                simulated=chance.random() < 0.2,
            )
        )
    return entries


def _made_up_call(chance: random.Random, number: int) -> AttemptRecord:
    why: Why = "first" if number == 1 else chance.choice(get_args(Why))
    verdicts = tuple(
        said(
            check,
            chance.random(),
            error=chance.choice((None, None, "broke")),
            elects=chance.choice((None, None, number + 1)),
            repairs=chance.choice(((), (), ("fences",))),
            seconds=chance.random() / 7,
        )
        for check in CHECKS
        if chance.random() < 0.5
    )
    return call(
        number,
        why,
        chance.choice(RUNGS),
        *verdicts,
        cost_nano=chance.choice((1_000, 2_000, None)),
        missed=chance.choice((None, *(verdict.check for verdict in verdicts))),
        next_nano=chance.choice((None, 9_000)),
        asked_by=chance.choice(("agreement", "judge")) if why in ASIDE else None,
        began_seconds=chance.random(),
        seconds=chance.random() * 2,
    )
