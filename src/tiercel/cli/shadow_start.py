"""`tiercel shadow start`: registers a candidate before its first pair, or says why it could never be decided."""

import argparse
import math
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tiercel.cli.amounts import moment
from tiercel.cli.configuration import Loaded, load_configuration
from tiercel.cli.shadow_runs import kept_days
from tiercel.domain.catalog import Deployment
from tiercel.domain.errors import ConfigError
from tiercel.domain.settings import Storage
from tiercel.domain.shadow import ShadowRun, ShadowTerms
from tiercel.evals.live.flow import Traffic, traffic
from tiercel.evals.live.outlook import USUAL_DISCORDANCE, needed
from tiercel.measure.amounts import count_text, money, percent
from tiercel.policy.cross_check import budget_doubt
from tiercel.policy.problems import nearest
from tiercel.records.query import is_empty
from tiercel.records.routed import each_routed
from tiercel.records.shadow_store import ShadowStore
from tiercel.routing.expand import serving, split_effort

LOOK_BACK_SECONDS = 7 * 86_400.0
DAY_SECONDS = 86_400.0


def run_start(args: argparse.Namespace) -> int:
    """Register a run for each candidate. Raises `ConfigError` where one could not work."""
    loaded = load_configuration(args)
    storage = loaded.settings.storage if args.data is None else Storage(folder=str(args.data))
    now = time.time()
    _require_rule(args.rule, loaded)
    runs = [_run(candidate, args, now, storage) for candidate in dict.fromkeys(args.candidate)]
    store = ShadowStore(Path(storage.folder), storage.database_url)
    try:
        _require_new(runs, store)
        seen = {run.id: _checked(run, loaded, storage, now) for run in runs}
        for run in runs:
            store.start(run)
    finally:
        store.close()
    for run in runs:
        _tell(run, seen[run.id], _deployments(run.candidate, loaded))
    if len(runs) > 1:
        print(
            f"{len(runs)} candidates: each is judged at {100 * runs[0].alpha:.3g} %, and has its part of the dollars."
        )
    print("A running server begins within seconds. What it finds: tiercel shadow status")
    return 0


def _run(candidate: str, args: argparse.Namespace, now: float, storage: Storage) -> ShadowRun:
    rivals = len(dict.fromkeys(args.candidate))
    _require_time(args.until, storage)
    run = ShadowRun(
        id="",
        rule=args.rule,
        candidate=candidate,
        share=args.share,
        margin=args.margin,
        alpha=args.alpha / rivals,
        budget_nano=args.max_usd // rivals,
        started_at=now,
        until=now + args.until,
        project=args.project,
        terms=ShadowTerms(
            guardrails=tuple(_guardrails(args.guardrail)), window_seconds=args.window, rivals=rivals
        ),
    )
    return msgspec.structs.replace(run, id=run.registered_id)


def _require_rule(name: str, loaded: Loaded) -> None:
    rules = [rule.name for rule in loaded.policy.rules]
    if name not in rules:
        hint = nearest(name, rules) or f"; there are {', '.join(rules)}"
        raise ConfigError(f"--rule {name}: {loaded.policy_source} has no such rule{hint}")


def _require_time(seconds: float, storage: Storage) -> None:
    """Pairs are deleted with their records, and evidence with them."""
    days = kept_days(storage)
    if days is not None and seconds > days * DAY_SECONDS:
        raise ConfigError(
            f"--until {seconds / DAY_SECONDS:g}d: records are removed after {count_text(days, 'day')}, and pairs "
            f"with them; write --until {days}d or less, or raise retention_days"
        )


def _guardrails(texts: list[str]) -> list[str]:
    if not texts:
        return []
    # the statistics of guardrails are not in every installation
    from tiercel.evals.live.guarding import read_guardrail

    for text in texts:
        read_guardrail(text)
    return texts


def _require_new(runs: list[ShadowRun], store: ShadowStore) -> None:
    for known in store.open_runs():
        is_over = known.until is not None and known.until <= time.time()
        for run in runs:
            alike = (known.rule, known.candidate, known.project) == (run.rule, run.candidate, run.project)
            if alike and known.terms.audits is None and not is_over:
                raise ConfigError(
                    f"--candidate {run.candidate}: {known.id} tries it on this rule already, and what was registered "
                    f"is never changed; `tiercel shadow stop {known.id}` ends it"
                )


def _deployments(candidate: str, loaded: Loaded) -> tuple[Deployment, ...]:
    return serving(split_effort(candidate)[0], loaded.settings.catalog)


def _checked(run: ShadowRun, loaded: Loaded, storage: Storage, now: float) -> Traffic:
    """What the rule's requests of a week say of the run. Raises `ConfigError` where it could never decide anything."""
    deployments = _deployments(run.candidate, loaded)
    catalog = loaded.settings.catalog
    if not deployments:
        name = split_effort(run.candidate)[0]
        known = {*catalog.models, *catalog.deployments, *catalog.keyless}
        if name in known:
            raise ConfigError(f"--candidate {run.candidate}: no provider that has a key serves it")
        if name in loaded.policy.tiers:
            raise ConfigError(f"--candidate {run.candidate}: is a tier; name one model of it")
        raise ConfigError(f"--candidate {run.candidate}: there is no such model{nearest(name, known)}")
    if not any(deployment.billing.known for deployment in deployments):
        raise ConfigError(
            f"--candidate {run.candidate}: its price is unknown, so no budget can be kept; "
            "give it `prices` in tiercel.toml"
        )
    found = _traffic(run, deployments, storage, now)
    asked = needed(run.margin, run.alpha)
    if found.cost_nano and (buys := run.budget_nano // found.cost_nano) < asked.least:
        raise ConfigError(
            f"--max-usd: {money(run.budget_nano)} buys about {count_text(buys, 'pair')}, and nothing can be "
            f"decided with fewer than {asked.least:,} (about {money(asked.least * found.cost_nano)}); usually it takes "
            f"about {asked.usual:,} (about {money(asked.usual * found.cost_nano)}). "
            "Give more dollars, or a wider --margin"
        )
    return found


def _traffic(run: ShadowRun, deployments: tuple[Deployment, ...], storage: Storage, now: float) -> Traffic:
    folder = Path(storage.folder)
    if storage.database_url is None and is_empty(folder):
        return Traffic(requests=0, cost_nano=None)
    since = now - LOOK_BACK_SECONDS
    requests = each_routed(
        folder, since=since, rule=run.rule, with_usage=True, database_url=storage.database_url
    )
    return traffic(
        (one for one in requests if run.project in (None, one.project)),
        [deployment.billing for deployment in deployments],
    )


def _tell(run: ShadowRun, seen: Traffic, deployments: tuple[Deployment, ...]) -> None:
    asked = needed(run.margin, run.alpha)
    margin = f"{100 * run.margin:g} points"
    print(f"Registered {run.id}: {run.candidate} on {100 * run.share:g} % of the requests of {run.rule},")
    print(f"until {moment(run.until)} UTC, for at most {money(run.budget_nano)}.")
    print(f"Asked: does it pass the gates less often than what {run.rule} delivers, by more than {margin}?")
    price = "" if seen.cost_nano is None else f" (about {money(asked.usual * seen.cost_nano)})"
    print(
        f"That takes {asked.least:,} pairs at the least, and about {asked.usual:,}{price} where the two differ on "
        f"{percent(USUAL_DISCORDANCE)} of the requests."
    )
    for note in _notes(run, seen, asked.least, deployments):
        print(f"note: {note}")


def _notes(run: ShadowRun, seen: Traffic, least: int, deployments: tuple[Deployment, ...]) -> list[str]:
    notes = []
    if doubt := budget_doubt(deployments, run.budget_nano, "the budget"):
        notes.append(f"{run.candidate} {doubt}")
    if not seen.requests:
        notes.append(f"rule {run.rule} had no request in the last 7 days, so nobody knows what a copy costs")
        return notes
    seconds = (run.until or math.inf) - run.started_at
    expected = int(seen.requests * run.share * seconds / LOOK_BACK_SECONDS)
    when = datetime.fromtimestamp(run.started_at + seconds, UTC).strftime("%Y-%m-%d")
    if expected < least:
        notes.append(
            f"at the traffic of the last 7 days about {count_text(expected, 'pair')} will have come by "
            f"{when}, too few for any verdict: take a larger --share, a later --until or a wider --margin"
        )
    return notes
