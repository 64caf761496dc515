"""What `tiercel eval plan` and `run` work with: the evaluation as the arguments narrow it, and whom to ask."""

import argparse
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from tiercel.checks.registry import Registry
from tiercel.cli.configuration import load_configuration
from tiercel.cli.eval.capture import traffic_rows
from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.json import Json
from tiercel.domain.money import nano_from_usd
from tiercel.domain.policy import Policy
from tiercel.domain.settings import Settings
from tiercel.evals.evaluation import Candidate, Evaluation, Item, RunSettings
from tiercel.evals.files import Surroundings, hash_of, load_evaluation
from tiercel.evals.files.surroundings import Addresses
from tiercel.evals.judging import judging_scorers
from tiercel.evals.judging.similar import Similar
from tiercel.evals.scorers.calling import right_calls
from tiercel.evals.scorers.registry import ScorerRegistry
from tiercel.testing.lab.server import Lab
from tiercel.testing.tasks import DemoTask, PlannedCall

MOST_CONCURRENCY = 1_000
MOST_REPEATS = 1_000


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluation, the configuration, and the scorers that it was read against."""

    evaluation: Evaluation
    settings: Settings
    policy: Policy
    scorers: ScorerRegistry

    @property
    def catalog(self) -> Catalog:
        return self.settings.catalog

    @property
    def simulated(self) -> bool:
        """Whether nothing but simulated models can be asked."""
        deployments = self.catalog.deployments.values()
        return bool(deployments) and all(one.provider.simulated for one in deployments)


@asynccontextmanager
async def opened(args: argparse.Namespace) -> AsyncIterator[Setting]:
    """Everything read and found usable, before anybody is asked. Raises `ConfigError` with every problem."""
    _check_arguments(args)
    checks = Registry.load()
    try:
        scorers = ScorerRegistry(checks, judging_scorers(), folder=args.file.absolute().parent)
        if args.lab:
            items = load_evaluation(args.file, Surroundings(scorers=scorers, traffic=traffic_rows)).items
            async with Lab(tasks=lab_tasks(items)) as lab:
                yield _read(args, scorers, lab.settings("unused"), lab.policy())
        else:
            loaded = load_configuration(args)
            yield _read(args, scorers, loaded.settings, loaded.policy)
    finally:
        await checks.aclose()


def configuration_of(setting: Setting) -> str:
    """Names what decides, beside its name, who answers: where each model is, and the policy where it helps."""
    places = sorted(
        f"{one.name} {one.provider.base_url} {one.upstream_name}"
        for one in setting.catalog.deployments.values()
    )
    helped = any(candidate.helped for candidate in setting.evaluation.candidates)
    text = "\n".join([*places, setting.policy.hash if helped else ""])
    return hashlib.sha256(text.encode()).hexdigest()


def lab_tasks(items: tuple[Item, ...]) -> list[DemoTask]:
    """The items that simulated models have answers to: those with a target or calls to make, and a last message of
    text."""
    found: list[DemoTask] = []
    for item in items:
        messages = item.body.get("messages") or [{}]
        prompt = _last_text(messages[-1].get("content")) if isinstance(messages[-1], dict) else None
        calls = _calls(item)
        if (item.target or calls) and prompt is not None:
            answer = item.target[0] if item.target else ""
            found.append(
                DemoTask(
                    name=item.id,
                    kind="unknown",
                    difficulty=_difficulty(item),
                    prompt=prompt,
                    answer=answer,
                    wrong=_wrong(item),
                    calls=calls,
                    json=answer.lstrip().startswith("{"),
                )
            )
    return found


def _last_text(content: Json) -> str | None:
    """What the lab knows a message by: its text, or the last one beside its pictures."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    texts = (part.get("text") for part in reversed(content) if isinstance(part, dict))
    return next((text for text in texts if isinstance(text, str)), None)


def _calls(item: Item) -> tuple[PlannedCall, ...]:
    """The calls that are right, where the item wants some."""
    return tuple(
        PlannedCall(name=name, arguments=msgspec.json.encode(arguments).decode())
        for expectation in item.expectations
        if expectation.scorer == "tool-call" and not expectation.negated
        for name, arguments in right_calls(expectation.value)
    )


def _difficulty(item: Item) -> float:
    """The skill that a simulated model needs for it, 0 to 1: `metadata.difficulty`, which means nothing elsewhere."""
    match item.metadata.get("difficulty"):
        case bool():
            return 0.5
        case int() | float() as said if 0 <= said <= 1:
            return float(said)
        case _:
            return 0.5


def _wrong(item: Item) -> str | None:
    """What a simulated model says that is not able enough: `metadata.wrong`."""
    said = item.metadata.get("wrong")
    return said if isinstance(said, str) else None


def _read(args: argparse.Namespace, scorers: ScorerRegistry, settings: Settings, policy: Policy) -> Setting:
    addresses = Addresses(policy, settings.catalog)
    scorers.add((Similar(find_fault=addresses.embedding_fault),))
    evaluation = load_evaluation(
        args.file, Surroundings(scorers=scorers, addresses=addresses, traffic=traffic_rows)
    )
    evaluation = narrowed(evaluation, args, addresses)
    scorers.prepare(evaluation)
    return Setting(evaluation=evaluation, settings=settings, policy=policy, scorers=scorers)


def narrowed(evaluation: Evaluation, args: argparse.Namespace, addresses: Addresses) -> Evaluation:
    """The evaluation as the arguments want it, with a hash of its own where that asks something else.

    Raises `ConfigError` for a model that is not known.
    """
    run = _run_settings(evaluation.run, args)
    analysis = evaluation.analysis
    if args.drop_losers:
        analysis = msgspec.structs.replace(analysis, drop_losers=True)
    evaluation = msgspec.structs.replace(
        evaluation,
        analysis=analysis,
        candidates=_candidates(evaluation.candidates, args.models, addresses),
        items=_items(evaluation.items, args, run.seed),
        run=run,
    )
    if not any(candidate.id == evaluation.baseline for candidate in evaluation.candidates):
        evaluation = msgspec.structs.replace(evaluation, baseline=None)
    if args.drop_losers and evaluation.baseline is None:
        raise ConfigError(
            "--drop-losers: loses against whom? Name a target as `baseline` in the file, and leave it in -m"
        )
    return msgspec.structs.replace(evaluation, hash=hash_of(evaluation))


def _run_settings(run: RunSettings, args: argparse.Namespace) -> RunSettings:
    budget = getattr(args, "budget", None)
    return msgspec.structs.replace(
        run,
        repeats=run.repeats if args.repeat is None else args.repeat,
        seed=run.seed if args.seed is None else args.seed,
        concurrency=getattr(args, "concurrency", None) or run.concurrency,
        cache=run.cache and not getattr(args, "no_cache", False),
        budget_nano=run.budget_nano if budget is None else nano_from_usd(budget),
    )


def _candidates(known: tuple[Candidate, ...], names: str, addresses: Addresses) -> tuple[Candidate, ...]:
    wanted = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    if not wanted:
        return known
    by_id = {candidate.id: candidate for candidate in known}
    found: list[Candidate] = []
    problems: list[str] = []
    for name in wanted:
        if name in by_id:
            found.append(by_id[name])
            continue
        try:
            address = addresses.find(name)
        except CallerError as error:
            problems.append(f"-m {name}: {error.message}; the file's targets are {', '.join(by_id)}")
            continue
        found.append(Candidate(id=name, address=address.name, helped=address.helped))
    if problems:
        raise ConfigError(*problems)
    return tuple(found)


def _items(items: tuple[Item, ...], args: argparse.Namespace, seed: int) -> tuple[Item, ...]:
    if args.sample is not None and args.sample < len(items):
        drawn = set(sorted((item.id for item in items), key=lambda name: _lot(name, seed))[: args.sample])
        items = tuple(item for item in items if item.id in drawn)
    return items if args.limit is None else items[: args.limit]


def _lot(item: str, seed: int) -> bytes:
    """What decides who is drawn: a larger sample of the same seed holds the smaller one."""
    return hashlib.sha256(f"{seed}/{item}".encode()).digest()


def _check_arguments(args: argparse.Namespace) -> None:
    problems: list[str] = []
    for name, most in (
        ("repeat", MOST_REPEATS),
        ("limit", None),
        ("sample", None),
        ("concurrency", MOST_CONCURRENCY),
    ):
        given = getattr(args, name, None)
        if given is not None and (given < 1 or (most is not None and given > most)):
            problems.append(f"--{name} {given}: give {f'1 to {most}' if most else 'a number from 1 on'}")
    if args.lab and (args.config or args.policy):
        problems.append("--lab brings its own configuration: leave --config and --policy out")
    if not args.file.exists():
        problems.append(
            f"{args.file}: no such file; `tiercel eval init` writes a first one, `tiercel eval suites` lists what ships"
        )
    if problems:
        raise ConfigError(*problems)
