"""`tiercel shadow adopt`: a verdict becomes a proposal for `policy.toml`, which a person accepts or not.

The file in force is never touched. The audit that is registered beside it copies nothing until the proposal is in
force, for it wants only requests whose ladder begins with the adopted model.
"""

import argparse
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tiercel.cli.amounts import moment
from tiercel.cli.report import storage_of
from tiercel.cli.shadow_runs import kept_days, look, require_registered
from tiercel.cli.shadow_status import guardrail_words, guardrails_of
from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Evidence
from tiercel.domain.settings import Storage
from tiercel.domain.shadow import ShadowRun, ShadowTerms
from tiercel.evals.live.trial import ALLOWING, Trial
from tiercel.measure.amounts import money
from tiercel.policy.proposal import PROPOSED, lead_with
from tiercel.policy.toml_reader import read_text
from tiercel.records.shadow_store import ShadowStore

AUDIT_DAYS = 30
"""An audit remembers its good time, so that what gets worse late is noticed late: it is renewed monthly."""


def run_adopt(args: argparse.Namespace) -> int:
    """Write the proposal, register the audit, end the run. Raises `ConfigError` where the verdict does not allow it."""
    storage = storage_of(args.data)
    now = time.time()
    store = ShadowStore(Path(storage.folder), storage.database_url)
    try:
        run = store.find(args.run)
        require_registered(run)
        trial = look(run, storage, now).trial
        if not isinstance(trial, Trial) or run.rule is None:
            raise ConfigError(f"{run.id}: only a run that tries a candidate on one rule can be adopted")
        objections = _objections(trial)
        if objections and not args.anyway:
            raise ConfigError(
                f"{run.id}: {'; '.join(objections)}. --anyway proposes it nevertheless, and says so"
            )
        source = _source(trial, objections)
        evidence = Evidence(date=datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d"), source=source)
        policy_text = read_text(args.policy)
        proposal = lead_with(policy_text, args.policy.name, run.rule, run.candidate, evidence)
        target = args.policy.parent / PROPOSED
        _write_new(target, proposal.text)
        audit = next((one for one in store.open_runs() if one.terms.audits == run.id), None)
        if audit is None and (audit := _audit(trial, args, now, storage)) is not None:
            store.start(audit)
        store.stop(run.id, at=now, reason=f"proposed: {trial.verdict}")
    finally:
        store.close()
    for line in proposal.words:
        print(line)
    print()
    print(proposal.diff)
    print(f"Written to {target}. Nothing is in force yet: read it, then")
    print(f"  tiercel validate --policy {target}")
    print(f"  mv {target} {args.policy}     (and SIGHUP to a running server)")
    if audit is not None:
        print(
            f"From then on {audit.candidate} answers {100 * audit.share:g} % of the requests as copies, until "
            f"{moment(audit.until)} UTC and for at most {money(audit.budget_nano)}: audit {audit.id}."
        )
    return 0


def _objections(trial: Trial) -> list[str]:
    """Why the verdict does not allow it."""
    said = []
    if trial.verdict not in ALLOWING:
        said.append(trial.words().rstrip("."))
    if trial.run.terms.guardrails:
        said += [
            f"guardrail {guardrail_words(text, one)}"
            for text, one in guardrails_of(trial)
            if one.state != "met"
        ]
    return said


def _source(trial: Trial, objections: list[str]) -> str:
    run = trial.run
    words = [f"tiercel shadow status {run.id}: {trial.words()}"]
    if objections:
        words.insert(0, "Without a verdict that allows it (--anyway).")
    simulated = sum(pair.simulated for pair in trial.every)
    if simulated:
        words.append(f"{simulated:,} of {len(trial.every):,} copies were answered by simulated providers.")
    if run.terms.guardrails:
        words += [f"Guardrail {guardrail_words(text, one)}." for text, one in guardrails_of(trial)]
    return " ".join(words)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(
            f"{path}: there is a proposal already; accept it, or remove it, and adopt again"
        ) from None


def _audit(trial: Trial, args: argparse.Namespace, now: float, storage: Storage) -> ShadowRun | None:
    run = trial.run
    former = Counter(pair.live.rung for pair in trial.every if pair.live.rung).most_common(1)
    if not args.audit_share or not former:
        return None
    days = min(AUDIT_DAYS, kept_days(storage) or AUDIT_DAYS)
    audit = ShadowRun(
        id="",
        rule=run.rule,
        candidate=former[0][0],
        share=args.audit_share,
        margin=run.margin,
        alpha=run.alpha,
        budget_nano=run.budget_nano if args.audit_max_usd is None else args.audit_max_usd,
        started_at=now,
        until=now + days * 86_400.0,
        project=run.project,
        terms=ShadowTerms(window_seconds=run.terms.window_seconds, leader=run.candidate, audits=run.id),
    )
    return msgspec.structs.replace(audit, id=audit.registered_id)
