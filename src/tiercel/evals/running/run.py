"""Runs an evaluation: every candidate is asked every item, each answer is measured and written down at once.

What was answered is never asked again. Whatever ends a run, it can be gone on with where it stopped.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from typing import Protocol

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Choice, ModelResponse
from tiercel.evals.asked import Ask, Asked
from tiercel.evals.dropped import Dropped
from tiercel.evals.evaluation import Candidate, Evaluation, Item
from tiercel.evals.results import Key, Result, read_results
from tiercel.evals.run_folder import RunFolder
from tiercel.evals.running import outcome
from tiercel.evals.running.answer_cache import AnswerCache, cache_key
from tiercel.evals.running.baselines import Baselines
from tiercel.evals.running.budget import Budget
from tiercel.evals.running.failures import Failed, timed_out, why
from tiercel.evals.running.folders import finished, write_manifest
from tiercel.evals.running.race import Race, groups_in_order, is_race
from tiercel.evals.running.rows_file import RowsFile
from tiercel.evals.running.schedule import Schedule, Unit
from tiercel.evals.running.unscored import UnscoredFile, read_unscored
from tiercel.evals.scorers.run import Scorers, score_answer
from tiercel.evals.scorers.scorer import Answer, compares
from tiercel.records.lock import FolderLock
from tiercel.wire.registry import CODECS

FIRST_WAIT_SECONDS = 0.5
MOST_WAIT_SECONDS = 60.0
OUT_AFTER = 10
"""A candidate is asked no more once so many items in a row were given up, or so many calls failed and none ever
succeeded."""
MOST_SCORING = 32
"""Answers that are measured at the same time."""
MOST_BEHIND = 96
"""Answers that may wait to be measured. Beyond that nobody is asked: answers are of no use without their scores."""

Estimate = Callable[[JsonObject, bool], int | None]
"""Nano-dollars that a request is expected to cost, helped or not; `None` where a price is unknown."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is. `total` counts what is asked in this sitting; money counts the whole run."""

    total: int
    done: int
    passed: int
    failed: int
    errors: int
    cached: int
    spent_nano: int


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a sitting ended. `stopped` says why before all was asked, `out` which candidates are asked no more and why,
    but for those that were `dropped` as losers, by this sitting or before; `unpriced` counts calls of unknown cost."""

    progress: Progress
    stopped: str | None = None
    out: dict[str, str] = {}
    unpriced: int = 0
    dropped: tuple[Dropped, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether everything was asked."""
        return self.stopped is None and not self.out


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a run asks, measures and pays with. `configuration` names, for the cache, what decides who answers an
    address (a candidate's), and `cache` is `None` where no answer may come from it."""

    ask: Ask
    scorers: Scorers
    budget: Budget
    estimate: Estimate
    cache: AnswerCache | None = None
    configuration: str = ""


class Tells(Protocol):
    """Is told of each row."""

    def __call__(self, progress: Progress, /) -> None: ...


async def run_evaluation(
    run: RunFolder, means: Means, *, retry_errors: bool = False, tell: Tells | None = None
) -> Ended:
    """Ask what this run has not asked yet; with `retry_errors` also what came to an error that asking again may change.

    Raises `ConfigError` where its files cannot be read or written to begin with.
    """
    with ExitStack() as stack:
        stack.callback(_locked(run).release)
        rows = stack.enter_context(RowsFile(run.results_path))
        unscored = stack.enter_context(UnscoredFile(run.path))
        sitting = _Sitting(run, means, rows, unscored, retry_errors=retry_errors, tell=tell)
        ended = await sitting.sit()
        run = sitting.run
        if ended.is_whole:
            finished(run)
        if ended.is_whole and all(row.kind != "scorer" for row in to_retry(run)):
            unscored.remove()
    return ended


def _locked(run: RunFolder) -> FolderLock:
    """So that no second process goes on with the same run. Raises `ConfigError` where one does already."""
    try:
        return FolderLock.acquire(run.path)
    except ConfigError as error:
        raise ConfigError(f"{run.path}: another process is at this run; wait until it has ended") from error


def spent_nano(run: RunFolder) -> int:
    """What this run's answers have cost so far, judges included, as far as it is known. An answer that was measured
    twice, or still waits for its scores, was paid once."""
    rows = list(read_results(run.results_path)) if run.results_path.exists() else []
    waiting = [kept.result for kept in read_unscored(run.path).values()]
    answers = {(row.key, row.at): row.cost_nano or 0 for row in (*rows, *waiting) if not row.cached}
    return sum(answers.values()) + sum(row.judges_nano for row in rows)


def units_of(
    evaluation: Evaluation, done: Iterable[Key] = (), asked_no_more: Collection[str] = ()
) -> list[Unit]:
    """What is to be asked but for what is done, and but for candidates that are asked no more. Candidates take turns
    within an item; whole rounds for repeats, in a race group by group."""
    asked = set(done)
    groups = groups_in_order(evaluation) if is_race(evaluation) else [evaluation.items]
    units = (
        Unit(item=item, candidate=candidate, repeat=repeat)
        for group in groups
        for repeat in range(1, evaluation.run.repeats + 1)
        for item in group
        for candidate in evaluation.candidates
        if candidate.id not in asked_no_more
    )
    return [unit for unit in units if unit.key not in asked]


def to_retry(run: RunFolder) -> list[Result]:
    """The errors that would be asked again where that is wanted: of who is still asked, and what may come out
    otherwise."""
    return [
        row
        for row in run.results().values()
        if row.state == "error"
        and not row.extra.get(outcome.NEVER_AGAIN, False)
        and row.candidate not in run.manifest.asked_no_more
    ]


def body_of(item: Item, candidate: Candidate, *, stream: bool) -> JsonObject:
    """The request as a client would send it."""
    body = {**item.body, **candidate.fields, "model": candidate.address}
    return {**body, "stream": True} if stream else body


def may_be_cached(item: Item, scorers: Scorers) -> bool:
    """Whether nothing is measured of its answers that one from the cache does not have."""
    found = (scorers.get(one) for one in item.expectations if one.weight > 0)
    return not any(one.info.reads_times for one in found if one is not None)


class _Sitting:
    """One sitting over a run: its schedule, what it waits for, what it counts."""

    def __init__(
        self,
        run: RunFolder,
        means: Means,
        rows: RowsFile,
        unscored: UnscoredFile,
        *,
        retry_errors: bool,
        tell: Tells | None,
    ) -> None:
        self.run = run
        self._evaluation = run.manifest.evaluation
        self._settings = self._evaluation.run
        self._means = means
        self._rows = rows
        self._unscored = unscored
        self._tell = tell
        known = run.results()
        again = {row.key for row in to_retry(run)} if retry_errors else set()
        done = {key: row for key, row in known.items() if key not in again}
        units = units_of(self._evaluation, done, run.manifest.asked_no_more)
        self._race = Race(self._evaluation, run.manifest.dropped) if is_race(self._evaluation) else None
        self.schedule = Schedule(
            units,
            concurrency=self._settings.concurrency,
            adaptive=self._settings.adaptive,
            clock=time.monotonic,
            may_begin=None if self._race is None else self._race.may_begin,
        )
        self._total = len(units)
        self._counts = dict.fromkeys(("passed", "failed", "error", "cached"), 0)
        self._permits = asyncio.Semaphore(MOST_SCORING)
        self._behind = 0
        self._caught_up = asyncio.Event()
        self._scoring = asyncio.TaskGroup()
        self._baselines = Baselines(self._evaluation.baseline, units, known, self._compares)
        self._cacheable: dict[str, bool] = {}
        for row in done.values():
            self._race_on(row)

    async def sit(self) -> Ended:
        async with self._scoring:
            async with asyncio.TaskGroup() as asking:
                for _ in range(max(1, min(self._settings.concurrency, self._total))):
                    asking.create_task(self._work())
            self._baselines.no_more()
        dropped = self.run.manifest.asked_no_more
        lanes = [lane for lane in self.schedule.lanes if lane.candidate.id not in dropped]
        out = {lane.candidate.id: lane.out for lane in lanes if lane.out is not None}
        return Ended(
            progress=self._progress(),
            stopped=self.schedule.stopped,
            out=out,
            unpriced=self._means.budget.unpriced,
            dropped=self.run.manifest.dropped,
        )

    async def _work(self) -> None:
        while (unit := await self.schedule.take()) is not None:
            await self._serve(unit)
            while self._behind > MOST_BEHIND:
                self._caught_up.clear()
                await self._caught_up.wait()

    async def _serve(self, unit: Unit) -> None:
        due = time.perf_counter()
        content = body_of(unit.item, unit.candidate, stream=self._settings.stream)
        body = msgspec.json.encode(content)
        left = self._unscored.take(unit.key)
        if left is not None:
            self.schedule.done(unit)
            self._measure_soon(unit, left.result, left.response, body)
            return
        key = cache_key(body, unit.candidate.id, unit.repeat, self._means.configuration)
        cache = self._means.cache if self._is_cacheable(unit.item) else None
        kept = cache.get(key) if cache is not None else None
        if kept is not None:
            self.schedule.done(unit)
            self._measure_soon(unit, outcome.from_cache(unit, kept), kept.response, body)
            return
        asked, failed, queue_seconds = await self._ask(unit, content, body, due)
        if asked is None:
            return
        if failed is not None:
            self._fail(unit, asked, failed)
            return
        assert asked.response is not None
        self.schedule.done(unit)
        result = outcome.answered(unit, asked, asked.response, queue_seconds)
        if cache is not None and asked.response.choices:
            cache.put(key, outcome.to_keep(result, asked.response))
        try:
            self._unscored.add(result, asked.response)
        except OSError as error:
            self.schedule.stop(f"disk: {error.strerror}")
        self._measure_soon(unit, result, asked.response, body)

    async def _ask(
        self, unit: Unit, content: JsonObject, body: bytes, due: float
    ) -> tuple[Asked | None, Failed | None, float]:
        """What came back, why it is no answer, and how long it waited with us. `None` where it was not asked, as the
        budget is used up."""
        budget, candidate = self._means.budget, unit.candidate
        expected = max(self._means.estimate(content, candidate.helped) or 0, budget.usual_nano(candidate.id))
        began = time.perf_counter()
        if not await budget.room_for(expected):
            self.schedule.stop("budget")
            self.schedule.again(unit, 0.0, counts=False)
            return None, None, 0.0
        cost: int | None = 0
        sent = time.perf_counter()
        due += sent - began  # until there was money it was not due
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                asked = await self._means.ask(body, helped=candidate.helped)
            record = asked.record
            cost = 0 if record is None else record.cost_nano if record.cost_known else None
            return asked, why(asked), sent - due
        except TimeoutError:
            cost = None  # it may be billed all the same
            return Asked(), timed_out(self._settings.timeout_seconds), sent - due
        finally:
            budget.settle(expected, cost, candidate.id)

    def _fail(self, unit: Unit, asked: Asked, failed: Failed) -> None:
        """Ask again, or not: as the failure says, and as often as an item may be asked."""
        lane = self.schedule.lane(unit)
        if failed.then == "out":
            self._put_out(unit, failed.reason)
            return
        if failed.then == "again":
            lane.calls_in_vain += 1
            if not lane.has_answered and lane.calls_in_vain >= OUT_AFTER:
                self._put_out(unit, f"{lane.calls_in_vain} calls and no answer: {failed.reason}")
                return
        if failed.then == "slower":
            lane.pace.slow_down(failed.wait_seconds)
        if failed.then in ("again", "slower") and unit.tries < self._settings.attempts:
            wait = 0.0 if failed.then == "slower" else FIRST_WAIT_SECONDS * 2 ** (unit.tries - 1)
            seconds = min(max(wait, failed.wait_seconds or 0.0), MOST_WAIT_SECONDS)
            self.schedule.again(unit, seconds, counts=failed.called or failed.then != "slower")
            return
        if failed.is_own:
            self.schedule.done(unit)
        else:
            if failed.then != "never":
                lane.failures_in_a_row += 1
            if lane.failures_in_a_row >= OUT_AFTER:
                self._put_out(unit, f"{OUT_AFTER} items in a row were not answered: {failed.reason}")
                return
            self.schedule.failed(unit)
        self._baselines.say(unit, None)
        self._write(outcome.unanswered(unit, failed, asked))

    def _put_out(self, unit: Unit, reason: str) -> None:
        """Its candidate is asked no more; the others do not wait for it."""
        self.schedule.put_out(unit, reason)
        if self._race is not None:
            self._race.leave(unit.candidate.id)
            self.schedule.look_again()

    def _race_on(self, row: Result) -> None:
        """Who is shown by this result to lose is dropped, on the disk first; the others may go on."""
        if self._race is None:
            return
        for lost in self._race.learn(row):
            manifest = self.run.manifest
            manifest = msgspec.structs.replace(manifest, dropped=(*manifest.dropped, lost))
            self.run = RunFolder(path=self.run.path, manifest=manifest)
            try:
                write_manifest(self.run)
            except ConfigError as error:
                self.schedule.stop(f"disk: {error}")
            for candidate in manifest.asked_no_more:
                self._total -= self.schedule.close(candidate, lost.after)
        self.schedule.look_again()

    def _measure_soon(self, unit: Unit, result: Result, response: ModelResponse, body: bytes) -> None:
        """Measure it beside what is being asked: a judge takes longer than an answer."""
        self._baselines.say(unit, response)
        self._scoring.create_task(self._measure(unit, result, response, body))

    async def _measure(self, unit: Unit, result: Result, response: ModelResponse, body: bytes) -> None:
        baseline = await self._baselines.wait_for(unit)
        self._behind += 1
        async with self._permits:
            answer = Answer(
                item=unit.item,
                candidate=unit.candidate,
                request=_request(body),
                response=response if response.choices else ModelResponse(choices=(Choice(),)),
                repeat=unit.repeat,
                seconds=result.seconds,
                ttft_seconds=result.ttft_seconds,
                ttfa_seconds=result.ttfa_seconds,
                cost_nano=result.cost_nano,
                baseline=baseline,
            )
            scores = await score_answer(answer, self._means.scorers)
        self._behind -= 1
        self._caught_up.set()
        if self._means.budget.is_over and scores.unmeasured is not None:
            self.schedule.stop("budget")
            return  # it waits until there is money for its judge
        self._write(outcome.measured(result, scores, unit.item.threshold, response))

    def _write(self, result: Result) -> None:
        if (self.schedule.stopped or "").startswith("disk"):
            return
        try:
            self._rows.add(result)
        except OSError as error:
            self.schedule.stop(f"disk: {error.strerror}")
            return
        self._counts[result.state] += 1
        self._counts["cached"] += result.cached
        self._race_on(result)
        if self._tell is not None:
            self._tell(self._progress())

    def _progress(self) -> Progress:
        counts = self._counts
        return Progress(
            total=self._total,
            done=counts["passed"] + counts["failed"] + counts["error"],
            passed=counts["passed"],
            failed=counts["failed"],
            errors=counts["error"],
            cached=counts["cached"],
            spent_nano=self._means.budget.spent_nano,
        )

    def _is_cacheable(self, item: Item) -> bool:
        if item.id not in self._cacheable:
            self._cacheable[item.id] = may_be_cached(item, self._means.scorers)
        return self._cacheable[item.id]

    def _compares(self, item: Item) -> bool:
        judges = self._evaluation.judges
        found = ((one, self._means.scorers.get(one)) for one in item.expectations)
        return any(scorer is not None and compares(one, scorer.info, judges) for one, scorer in found)


def _request(body: bytes) -> ModelRequest:
    return CODECS["openai_chat"].decode_request(body)
