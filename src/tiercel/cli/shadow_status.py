"""`tiercel shadow status`: the verdict of each registered run, its guardrails and its flow, and pairs as a table."""

import argparse
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.text import Text

from tiercel.cli.amounts import moment
from tiercel.cli.report import storage_of
from tiercel.cli.shadow_pairs import render
from tiercel.cli.shadow_runs import Looked, ended, look
from tiercel.domain.settings import Storage
from tiercel.domain.shadow import ShadowRun
from tiercel.evals.live.path import path_of
from tiercel.evals.live.trial import ALLOWING, AuditTrial, Trial
from tiercel.measure.amounts import count_text, dollars, money, printable
from tiercel.measure.pairs import PairNumbers, numbers_of
from tiercel.records.pairs import each_pair
from tiercel.records.query import is_empty
from tiercel.records.shadow_store import ShadowStore

if TYPE_CHECKING:
    from tiercel.evals.comparing.guardrails import Guarded

COLOURS = {"better": "green", "not worse": "green", "worse": "red", "undecided": "yellow"}


def run_status(args: argparse.Namespace) -> int:
    """Print runs and pairs. Raises `ConfigError` where nothing was recorded yet."""
    storage = storage_of(args.data)
    now = time.time()
    runs = _runs(args, storage)
    found = [look(run, storage, now) for run in runs]
    if args.json:
        print(_json(found, args, storage, now))
        return 0
    console = Console(highlight=False)
    for one in found:
        _print_run(one, now, console)
        console.print()
    if args.run is None and not (found and _nothing_yet(storage)):
        render(_numbers(found, args, storage), console)
    return 0


def _nothing_yet(storage: Storage) -> bool:
    return storage.database_url is None and is_empty(Path(storage.folder))


def _runs(args: argparse.Namespace, storage: Storage) -> tuple[ShadowRun, ...]:
    store = ShadowStore(Path(storage.folder), storage.database_url)
    try:
        if args.run is not None:
            return (store.find(args.run),)
        runs = store.runs() if args.all else store.open_runs()
        return tuple(run for run in runs if args.rule in (None, run.rule))
    finally:
        store.close()


def _numbers(found: list[Looked], args: argparse.Namespace, storage: Storage) -> list[PairNumbers]:
    """Of all pairs; those of the runs were read already."""
    since: float | None = args.since
    known = [pair for one in found for pair in one.trial.every if since is None or pair.received_at >= since]
    others = each_pair(
        Path(storage.folder),
        since=since,
        rule=args.rule,
        but_of={one.run.id for one in found},
        with_texts=False,
        database_url=storage.database_url,
    )
    return numbers_of(known if args.run is not None else chain(known, others))


def _print_run(one: Looked, now: float, console: Console) -> None:
    run, trial = one.run, one.trial
    over = ended(run, one.spent_nano, now)
    state = f"ended: {over}" if over else "copying"
    kind = "audit" if run.terms.audits else "run"
    head = f"{run.id} ({kind}, {state}): {run.candidate} on {run.rule or 'every rule'}"
    console.print(_text(head, "bold"), soft_wrap=True)
    if not run.is_as_registered:
        console.print(
            _text("  What was registered has been changed since: no verdict.", "red"), soft_wrap=True
        )
        return
    console.print(_verdict(trial), soft_wrap=True)
    guardrails, are_met = _guardrails(trial)
    for line in (*_flow(one), *guardrails):
        console.print(_text(f"  {line}"), soft_wrap=True)
    if isinstance(trial, Trial) and trial.verdict in ALLOWING and are_met:
        console.print(_text(f"  Next: tiercel shadow adopt {run.id}"), soft_wrap=True)


def _verdict(trial: Trial | AuditTrial) -> Text:
    if isinstance(trial, AuditTrial):
        return _text(f"  {trial.words()}", "red" if trial.is_alarmed else "green")
    return _text(f"  {trial.words()}", COLOURS[trial.verdict])


def _flow(one: Looked) -> list[str]:
    run, seen = one.run, one.trial.observed
    asked = f"margin {100 * run.margin:g} points, alpha {100 * run.alpha:.3g} %"
    lines = [f"Registered {moment(run.started_at)} UTC, until {moment(run.until)}: {asked}."]
    counted = count_text(len(seen.pairs), "pair")
    lines.append(
        f"{one.drawn.requests:,} requests were drawn, {len(one.trial.every):,} copied, "
        f"{one.passed_over:,} not (or not yet); "
        f"{counted} count, as {count_text(len(seen.observations), 'observation')}; "
        f"cost {money(one.spent_nano)} of {money(run.budget_nano)}."
    )
    kept_back = [
        f"{number:,} {what}"
        for number, what in (
            (seen.waiting, "wait until the time of their session is over"),
            (seen.late, "came after it"),
            (seen.cut_off, "were cut off by a stopping gateway"),
        )
        if number
    ]
    if kept_back:
        lines.append(f"Pairs that do not count: {', '.join(kept_back)}.")
    if len(one.drawn.leaders) > 1:
        several = " and ".join(one.drawn.leaders)
        lines.append(
            f"What was delivered came from ladders that begin with {several}: it is held against them all."
        )
    simulated = sum(pair.simulated for pair in one.trial.every)
    if simulated:
        lines.append(f"{simulated:,} copies were answered by simulated providers.")
    return lines


def _guardrails(trial: Trial | AuditTrial) -> tuple[list[str], bool]:
    """What is said of them, and whether all are met."""
    if isinstance(trial, AuditTrial) or not trial.run.terms.guardrails:
        return [], True
    try:
        held = guardrails_of(trial)
    except ModuleNotFoundError as error:
        return [f"Guardrails are not measured: {error.name} is missing: pip install 'tiercel[evals]'."], False
    lines = [f"Guardrail {guardrail_words(text, one)}" for text, one in held]
    return lines, all(one.state == "met" for _, one in held)


def guardrails_of(trial: Trial) -> "list[tuple[str, Guarded]]":
    """Each guardrail as it was written, and how it stands. Raises `ModuleNotFoundError` without the extra."""
    from tiercel.evals.live.guarding import guarded_by

    return list(zip(trial.run.terms.guardrails, guarded_by(trial), strict=True))


def guardrail_words(text: str, one: "Guarded") -> str:
    """`cost<=0.5x: met (0.21, 95 % interval 0.19 to 0.24)`."""
    figure = one.figure
    if figure.value is None:
        return f"{text}: {one.state} ({figure.why})"
    unit = "x" if one.guardrail.relative else ""
    within = f"; {figure.why}" if figure.why else ""
    if figure.low is not None and figure.high is not None:
        within = f", interval {figure.low:.3g} to {figure.high:.3g}"
    return f"{text}: {one.state} ({figure.value:.3g}{unit}{within})"


def _json(found: list[Looked], args: argparse.Namespace, storage: Storage, now: float) -> str:
    pairs = [] if found and _nothing_yet(storage) else _numbers(found, args, storage)
    told = {"runs": [_run_json(one, now) for one in found], "pairs": pairs}
    plain = dollars(msgspec.to_builtins(told))
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()


def _run_json(one: Looked, now: float) -> dict[str, Any]:
    run, trial = one.run, one.trial
    seen = trial.observed
    told: dict[str, Any] = {
        "registered": run,
        "as_registered": run.is_as_registered,
        "ended": ended(run, one.spent_nano, now),
        "drawn": one.drawn.requests,
        "leaders": one.drawn.leaders,
        "copied": len(trial.every),
        "pairs": len(seen.pairs),
        "observations": len(seen.observations),
        "waiting": seen.waiting,
        "late": seen.late,
        "cut_off": seen.cut_off,
        "spent_nano": one.spent_nano,
        "difference": trial.difference if isinstance(trial, AuditTrial) else trial.evidence.difference,
    }
    if not run.is_as_registered:
        return told
    told["path"] = path_of(trial)
    if isinstance(trial, AuditTrial):
        return told | {
            "words": trial.words(),
            "alarm": trial.is_alarmed,
            "capital": trial.audit.too_bad.capital,
        }
    return told | {
        "verdict": trial.verdict,
        "words": trial.words(),
        "interval": trial.interval,
        "capital": trial.evidence.not_worse.capital,
        "more": trial.more,
        "guardrails": _guardrails_json(trial),
    }


def _guardrails_json(trial: Trial) -> Any:
    try:
        held = guardrails_of(trial) if trial.run.terms.guardrails else []
    except ModuleNotFoundError as error:
        return f"not measured: {error.name} is missing: pip install 'tiercel[evals]'"
    return [{"bound": text, "state": one.state, "figure": one.figure} for text, one in held]


def _text(words: str, style: str = "") -> Text:
    return Text(printable(words), style)
