"""`eval.yaml` and everything that it names, as one evaluation; or every mistake in it at once."""

import hashlib
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from tiercel.domain.errors import ConfigError
from tiercel.domain.money import nano_from_usd
from tiercel.evals.evaluation import (
    GUARDRAILS,
    Analysis,
    Evaluation,
    Guardrail,
    Item,
    JudgeSettings,
    RunSettings,
)
from tiercel.evals.files.complaints import Complaints, LinedProblems
from tiercel.evals.files.documents import SCHEME, Document, find_file, read_document, read_whole
from tiercel.evals.files.expectations import ExpectationReader, Place
from tiercel.evals.files.prompts import read_prompts
from tiercel.evals.files.rows import RowReader
from tiercel.evals.files.short_form import ShortForm
from tiercel.evals.files.sources import Sources
from tiercel.evals.files.surroundings import KnownScorers, Surroundings
from tiercel.evals.files.tables import AnalysisTable, DefaultTable, EvaluationTable, JudgeTable, RunTable
from tiercel.evals.files.targets import UnknownTarget, find_address, read_targets
from tiercel.policy.problems import Steps, nearest
from tiercel.policy.shape import find_problems

DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?\s*\Z")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, None: 1.0}
LONGEST_SECONDS = 86_400.0
BOUND = re.compile(r"\s*(?:<=|≤)?\s*\$?(\d+(?:\.\d+)?)\s*(x|ms|s|%)?\s*\Z")
OTHER_NAMES = {
    "p50_e2e": "p50_seconds",
    "invalid_json": "invalid_format",
    "p95_e2e": "p95_seconds",
    "p95_ttfa": "p95_ttfa_seconds",
}
PROMPTFOO = frozenset(("evaluateOptions", "outputPath", "sharing", "env", "scenarios", "extensions", "tags"))
HASH_DIGITS = 12

T = TypeVar("T")


def load_evaluation(path: Path, surroundings: Surroundings) -> Evaluation:
    """The evaluation in this file. Raises one `ConfigError` with every problem: file, line, key and fix."""
    document = read_document(path, path.name)
    complaints = Complaints()
    table = _table(document, complaints)
    evaluation = _Reader(document, path, surroundings, complaints).evaluation(table)
    complaints.raise_if_any()
    return replace(evaluation, hash=hash_of(evaluation))


def hash_of(evaluation: Evaluation) -> str:
    """Twelve hex digits that name what is asked, of whom, and how it is measured; places in files do not count."""
    items = [
        replace(
            item,
            source="",
            line=None,
            expectations=tuple(replace(one, line=None) for one in item.expectations),
        )
        for item in evaluation.items
    ]
    content = [items, evaluation.candidates, evaluation.baseline, evaluation.judges, evaluation.analysis]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:HASH_DIGITS]


def _table(document: Document, complaints: Complaints) -> EvaluationTable:
    """The whole file in its types. Raises `ConfigError` where it does not have them."""
    if not isinstance(document.value, dict):
        raise ConfigError(f"{document.name}: an evaluation is a table with `targets` and `tests`")
    for key in sorted(PROMPTFOO & document.value.keys()):
        complaints.add(
            document.name,
            "promptfoo's own; `tiercel eval import promptfoo FILE` carries over what it can",
            line=document.line_of((key,)),
            key=(key,),
        )
    known = {key: value for key, value in document.value.items() if key not in PROMPTFOO}
    find_problems(known, EvaluationTable, LinedProblems(complaints, document.name, document.line_of))
    complaints.raise_if_any()
    return msgspec.convert(known, EvaluationTable)


class _Reader:
    """Puts one evaluation together."""

    def __init__(
        self, document: Document, path: Path, surroundings: Surroundings, complaints: Complaints
    ) -> None:
        self._document = document
        self._path = path
        self._folder = path.parent
        self._surroundings = surroundings
        self._complaints = complaints

    def evaluation(self, table: EvaluationTable) -> Evaluation:
        judges = {
            name: judge
            for name, row in table.judges.items()
            if (judge := self._tried(("judges", name), partial(self._judge, name, row))) is not None
        }
        candidates = read_targets(table, self._document, self._surroundings.addresses, self._complaints)
        return Evaluation(
            name=self._path.stem if self._path.stem != "eval" else self._path.absolute().parent.name,
            description=table.description,
            candidates=tuple(candidates),
            items=tuple(self._items(table)),
            baseline=table.baseline,
            judges=judges,
            analysis=self._analysis(table.analysis, table.baseline),
            run=self._run(table.run),
        )

    def _judge(self, name: str, row: JudgeTable) -> JudgeSettings:
        named = row.models or ((row.model,) if row.model is not None else ())
        if not named or (row.models and row.model is not None):
            raise ConfigError("give it either a `model` or several `models`")
        if row.labels is not None:
            find_file(row.labels, self._folder)
        criteria = row.criteria
        if criteria is not None and criteria.startswith(SCHEME):
            criteria = read_whole(find_file(criteria, self._folder))
        try:
            models = tuple(find_address(one, self._surroundings.addresses).name for one in named)
        except UnknownTarget as error:
            raise ConfigError(str(error)) from error
        return JudgeSettings(
            name=name, models=models, mode=row.mode, orders=row.orders, criteria=criteria, labels=row.labels
        )

    def _items(self, table: EvaluationTable) -> list[Item]:
        scorers = KnownScorers(self._surroundings.scorers)
        expectations = ExpectationReader(scorers, table.judges, self._complaints)
        default, place = self._default(table)
        reader = RowReader(
            default=default,
            default_expectations=expectations.read(default.asserts, place),
            prompts=read_prompts(table, self._document, self._folder, self._complaints),
            expectations=expectations,
            cluster=table.analysis.cluster,
            complaints=self._complaints,
        )
        sources = Sources(
            folder=self._folder,
            surroundings=self._surroundings,
            short=ShortForm(scorers),
            complaints=self._complaints,
        )
        before = len(self._complaints)
        items = [item for row in sources.rows(table.tests, self._document) for item in reader.items(row)]
        if not items and len(self._complaints) == before:
            self._complain(("tests",), "there is no item in it")
        self._refuse_twins(items)
        self._refuse_unmeasured(items)
        return items

    def _default(self, table: EvaluationTable) -> tuple[DefaultTable, Place]:
        """`defaultTest`, here or in a file of its own, and where its assertions stand."""
        place = Place(
            file=self._document.name,
            folder=self._folder,
            line_of=self._document.line_of,
            key=("defaultTest", "assert"),
        )
        if isinstance(table.default_test, DefaultTable):
            return table.default_test, place
        read = self._tried(("defaultTest",), partial(self._document_named, table.default_test))
        if read is None:
            return DefaultTable(), place
        before = len(self._complaints)
        find_problems(read.value, DefaultTable, LinedProblems(self._complaints, read.name, read.line_of))
        if len(self._complaints) > before:
            return DefaultTable(), place
        place = replace(place, file=read.name, line_of=read.line_of, key=("assert",))
        return msgspec.convert(read.value, DefaultTable), place

    def _document_named(self, named: str) -> Document:
        return read_document(find_file(named, self._folder), named.removeprefix(SCHEME))

    def _refuse_twins(self, items: Iterable[Item]) -> None:
        seen: dict[str, Item] = {}
        for item in items:
            first = seen.setdefault(item.id, item)
            if first is item:
                continue
            where = f"{first.source}: line {first.line}" if first.line else first.source
            self._complaints.add(
                item.source,
                f"the id {item.id!r} is that of {where} already; take one away, or give each an `id` of its own",
                line=item.line,
            )

    def _refuse_unmeasured(self, items: list[Item]) -> None:
        bare = [item for item in items if not item.expectations]
        if bare:
            first = f"{bare[0].source}: line {bare[0].line}" if bare[0].line else bare[0].source
            self._complain(
                ("tests",),
                f"{len(bare)} of {len(items)} items are measured by nothing (the first: {first}); "
                "say what is right in `defaultTest: {assert: [...]}` or in each",
            )

    def _analysis(self, table: AnalysisTable, baseline: str | None) -> Analysis:
        if table.drop_losers and baseline is None:
            self._complain(("analysis", "drop_losers"), "loses against whom? Name a target as `baseline`")
        rails = {
            name: rail
            for name, bound in table.guardrails.items()
            if (rail := self._tried(("analysis", "guardrails", name), partial(guardrail_of, name, bound)))
        }
        for name, rail in rails.items():
            if rail.relative and baseline is None:
                self._complain(
                    ("analysis", "guardrails", name),
                    "a multiple of whose? Name a target as `baseline`, or give a bound without `x`",
                )
        if table.cluster is not None and not table.cluster.startswith(("metadata.", "vars.")):
            self._complain(("analysis", "cluster"), f"{table.cluster!r}: write `metadata.{table.cluster}`")
        for position, one in enumerate(table.slices):
            if not one.startswith("metadata."):
                self._complain(("analysis", "slices", position), f"{one!r}: write `metadata.{one}`")
        return Analysis(
            decided_by=table.primary,
            margin=table.margin,
            alpha=table.alpha,
            guardrails=tuple(rails.values()),
            correction=table.correction,
            slices=tuple(one.removeprefix("metadata.") for one in table.slices),
            drop_losers=table.drop_losers,
        )

    def _run(self, table: RunTable) -> RunSettings:
        timeout = self._tried(("run", "timeout"), lambda: _seconds(table.timeout))
        return RunSettings(
            concurrency=table.concurrency,
            adaptive=table.adaptive,
            repeats=table.repeat,
            timeout_seconds=timeout or 60.0,
            attempts=table.max_retries + 1,
            budget_nano=None if table.budget_usd is None else nano_from_usd(str(table.budget_usd)),
            cache=table.cache,
            stream=table.stream,
            seed=table.seed,
        )

    def _tried(self, key: Steps, read: Callable[[], T]) -> T | None:
        """What `read` gives; `None` where it raised `ConfigError`, which is noted at `key`."""
        try:
            return read()
        except ConfigError as error:
            for problem in error.problems:
                self._complain(key, problem)
            return None

    def _complain(self, key: Steps, message: str) -> None:
        self._complaints.add(self._document.name, message, line=self._document.line_of(key), key=key)


def guardrail_of(name: str, bound: str | float) -> Guardrail:
    """The bound that `name` and, say, `"<= 0.5x"` stand for. Raises `ConfigError`."""
    metric = OTHER_NAMES.get(name, name)
    if metric not in GUARDRAILS:
        hint = nearest(name, GUARDRAILS) or f"; there are {', '.join(GUARDRAILS)}"
        raise ConfigError(f"there is no such bound{hint}")
    form = BOUND.match(str(bound)) if isinstance(bound, str) else None
    if form is None and isinstance(bound, str):
        raise ConfigError(
            f'{bound!r}: write "<= 0.5x" of the baseline\'s, or a bound such as "<= 2s" or 0.01'
        )
    number, unit = (float(form[1]), form[2]) if form is not None else (float(bound), None)
    is_seconds = metric.endswith("_seconds")
    if unit in ("s", "ms") and not is_seconds:
        raise ConfigError(f"{bound!r}: {GUARDRAILS[metric]} is no time")
    factor = {"ms": 0.001, "%": 0.01}.get(unit or "", 1.0)
    return Guardrail(metric=metric, at_most=number * factor, relative=unit == "x")


def _seconds(text: str | float) -> float:
    form = DURATION.match(str(text))
    seconds = float(form[1]) * SECONDS[form[2]] if form is not None else 0.0
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ConfigError(f"{text!r}: write a time such as 60s, 2m, or 90 for seconds; the most is a day")
    return seconds
