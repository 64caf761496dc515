"""One sitting of `tiercel eval run`: opens what is needed, runs, shows how far it is, and says how it ended."""

import argparse
import asyncio
import shlex
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from tiercel import __version__
from tiercel.cli.asking import asking
from tiercel.cli.eval.exits import INTERRUPTED, OF_OUTCOME, PASSED, UNDECIDED
from tiercel.cli.eval.gauge import Gauge
from tiercel.cli.eval.pricing import Pricing, prices_of
from tiercel.cli.eval.setting import Setting, configuration_of, opened
from tiercel.evals.asked import AskAndEmbed
from tiercel.evals.dropped import saved_nano
from tiercel.evals.judging import judging_scorers
from tiercel.evals.judging.desk import JudgeDesk
from tiercel.evals.judging.family import family_warnings
from tiercel.evals.run_folder import Manifest, RunFolder, open_run
from tiercel.evals.running.answer_cache import AnswerCache
from tiercel.evals.running.budget import Budget
from tiercel.evals.running.folders import new_run, run_to_resume, runs_beside
from tiercel.evals.running.run import Ended, Means, run_evaluation, spent_nano, to_retry
from tiercel.evals.running.unscored import read_unscored
from tiercel.evals.scorers.scorer import Scorer
from tiercel.measure.amounts import count_text, money

if TYPE_CHECKING:
    from tiercel.evals.comparing.gate import FailOn

MOST_REASONS = 5
"""Why answers are not measured: the commonest are told, the report has all."""
STOPPED = {
    "budget": "the budget has no room for more",
    "disk": "the results cannot be written",
}


async def sit(args: argparse.Namespace) -> int:
    """Run what the arguments ask for. Raises `ConfigError` where that cannot be done, before anybody is asked."""
    async with opened(args) as setting:
        for warning in family_warnings(setting.evaluation, lambda name: maker_of(setting, name)):
            print(f"warning: {warning}", flush=True)
        run = _run(args, setting)
        print(_heading(setting, run), flush=True)
        try:
            ended = await _sit(args, setting, run)
        except asyncio.CancelledError:
            print(f"\nStopped. What was answered is kept; go on with\n  {_resume(args, run)}", flush=True)
            raise
        run = open_run(run.path)
        _tell_end(args, run, ended)
    if not ended.is_whole:
        return INTERRUPTED
    code = _decided(run, args.fail_on)
    print(f"All of it: tiercel eval report {run.path} -o report.html")
    return code


def maker_of(setting: Setting, address: str) -> str:
    """Who made the model of this address; empty for what is no model."""
    for deployment in setting.catalog.deployments.values():
        if address.partition("@")[0] in (deployment.name, deployment.model.name):
            return deployment.model.maker
    return ""


async def _sit(args: argparse.Namespace, setting: Setting, run: RunFolder) -> Ended:
    evaluation = setting.evaluation
    budget = Budget(evaluation.run.budget_nano, spent_nano=spent_nano(run))
    pricing = Pricing(setting.policy, setting.catalog)
    # only a budget needs to know beforehand, and a hundred thousand plans take their time
    estimate = pricing.nano if budget.cap_nano is not None else _unknown
    helped = any(candidate.helped for candidate in evaluation.candidates)
    with ExitStack() as stack:
        cache = None
        if evaluation.run.cache:
            cache = AnswerCache(runs_beside(args.file))
            stack.callback(cache.close)
        tell = stack.enter_context(Gauge())
        async with asking(setting.settings, setting.policy, gates=False, helped=helped) as ask:
            means = Means(
                ask=ask,
                scorers=setting.scorers,
                budget=budget,
                estimate=estimate,
                cache=cache,
                configuration=configuration_of(setting),
            )
            setting.scorers.add(_judges(setting, means, ask))
            return await run_evaluation(run, means, retry_errors=args.retry_errors, tell=tell)


def _judges(setting: Setting, means: Means, ask: AskAndEmbed) -> tuple[Scorer, ...]:
    evaluation = setting.evaluation
    desk = JudgeDesk(ask, evaluation.judges, evaluation.run, budget=means.budget, estimate=means.estimate)
    return judging_scorers(desk, evaluation.baseline)


def _unknown(body: object, helped: bool) -> int | None:
    return None


def _run(args: argparse.Namespace, setting: Setting) -> RunFolder:
    """The run to go on with, under the settings of this sitting, or a new one."""
    runs = runs_beside(args.file)
    if args.resume is not None:
        found = run_to_resume(runs, args.resume, setting.evaluation)
        manifest = msgspec.structs.replace(found.manifest, evaluation=setting.evaluation)
        return RunFolder(path=found.path, manifest=manifest)
    manifest = Manifest(
        id="",
        evaluation=setting.evaluation,
        started_at=time.time(),
        tiercel=__version__,
        prices_of=prices_of(),
        policy_hash=setting.policy.hash,
        simulated=setting.simulated,
    )
    return new_run(runs, manifest)


def _heading(setting: Setting, run: RunFolder) -> str:
    evaluation = setting.evaluation
    scored = run.results().keys()
    waiting = len(read_unscored(run.path).keys() - scored)
    total = len(evaluation.items) * len(evaluation.candidates) * evaluation.run.repeats
    simulated = "SIMULATED: no real model answers.\n" if setting.simulated else ""
    repeats = f" x {evaluation.run.repeats} repeats" if evaluation.run.repeats > 1 else ""
    answered = len(scored) + waiting
    known = f", {answered} answered already" if answered else ""
    known += f", {waiting} of them only to be scored" if waiting else ""
    out = run.manifest.asked_no_more
    known += f"; not asked further: {', '.join(sorted(out))}" if out else ""
    return (
        f"{simulated}{evaluation.name}: {count_text(len(evaluation.items), 'item')} x "
        f"{count_text(len(evaluation.candidates), 'target')}{repeats}: {count_text(total, 'answer')}{known}.\n"
        f"Run: {run.path}"
    )


def _resume(args: argparse.Namespace, run: RunFolder) -> str:
    """The command that goes on with this run: a run of a part is gone on with as that part."""
    narrowing = [
        f"{name} {shlex.quote(str(value))}"
        for name, value in (
            ("--config", args.config),
            ("--policy", args.policy),
            ("-m", args.models or None),
            ("--repeat", args.repeat),
            ("--limit", args.limit),
            ("--sample", args.sample),
            ("--seed", args.seed),
        )
        if value is not None
    ]
    flags = [name for name, given in (("--drop-losers", args.drop_losers), ("--lab", args.lab)) if given]
    return " ".join(
        ["tiercel eval run", shlex.quote(str(args.file)), *narrowing, *flags, "--resume", run.path.name]
    )


def _tell_end(args: argparse.Namespace, run: RunFolder, ended: Ended) -> None:
    rows = run.results().values()
    states = Counter(row.state for row in rows)
    cached = f", {ended.progress.cached} from the cache" if ended.progress.cached else ""
    print(
        f"{states['passed']} passed, {states['failed']} failed, {states['error']} not measured{cached}; "
        f"spent {money(ended.progress.spent_nano)}"
    )
    reasons = Counter((row.candidate, row.reason or row.kind) for row in rows if row.state == "error")
    for (candidate, reason), times in reasons.most_common(MOST_REASONS):
        print(f"{candidate}: {reason} ({count_text(times, 'answer')})")
    if ended.unpriced:
        print(
            f"not counted: {count_text(ended.unpriced, 'call')} of unknown price; tiercel.toml may give one"
        )
    for lost in ended.dropped:
        print(f"{lost.words}{_saved(run, lost.candidate)}")
    for candidate in run.manifest.asked_no_more - {lost.candidate for lost in ended.dropped}:
        words = f"{candidate} was asked no more once nobody was left to compare with it."
        print(f"{words}{_saved(run, candidate)}")
    for candidate, reason in ended.out.items():
        print(f"{candidate}: asked no more: {reason}")
    if ended.out:
        print("Look at the provider's address, key, quota and name of the model (tiercel.toml).")
    if ended.stopped is not None:
        kind, _, detail = ended.stopped.partition(": ")
        print(f"Stopped: {STOPPED.get(kind, kind)}{f' ({detail})' if detail else ''}.")
    if not ended.is_whole:
        more = " --budget MORE" if ended.stopped == "budget" else ""
        print(f"What was answered is kept. Go on with\n  {_resume(args, run)}{more}")
    elif to_retry(run):
        print(f"Ask again what was not measured:\n  {_resume(args, run)} --retry-errors")


def _saved(run: RunFolder, candidate: str) -> str:
    evaluation = run.manifest.evaluation
    rows = [row for row in run.results().values() if row.candidate == candidate]
    saved = saved_nano(rows, len(evaluation.items) * evaluation.run.repeats)
    return "" if saved is None else f" That saved about {money(saved)}."


def _decided(run: RunFolder, fail_on: "FailOn") -> int:
    """What the results say of the gates; what that says in full is told by `tiercel eval report`."""
    results = tuple(run.results().values())
    evaluation = run.manifest.evaluation
    if evaluation.baseline is None and not evaluation.analysis.guardrails:
        print(
            "Without a baseline nothing is compared, and no guardrail is set: the exit code says that it ran."
        )
        answered = any(result.state != "error" for result in results)
        return PASSED if answered or not results else INTERRUPTED
    try:
        from tiercel.evals.comparing.answers import Measured
        from tiercel.evals.comparing.assessment import assess_run
        from tiercel.evals.comparing.gate import outcome
        from tiercel.evals.reporting.words import bounds_kept
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tiercel"):
            raise
        print(
            "Nothing is compared without the extra: pip install 'tiercel[evals]'; then `tiercel eval compare`."
        )
        return PASSED if fail_on == "never" else UNDECIDED
    measured = Measured(manifest=run.manifest, results=results)
    assessment = assess_run(measured)
    for contender in assessment.contenders:
        if contender.dropped is not None:
            continue  # it has been told
        comparison = contender.comparison
        words = contender.why if comparison is None else comparison.words(contender.name, contender.baseline)
        print(words if words.startswith(contender.name) else f"{contender.name}: {words}")
    for one in assessment.alone:
        if one.guardrails:
            print(bounds_kept(one.name, one.guardrails))
    return OF_OUTCOME[outcome(assessment, fail_on)]
