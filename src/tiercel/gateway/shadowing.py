"""Copies of requests for candidates: drawn when the live answer has gone out, answered off the path, kept as pairs.

What is wanted stands in the rules of the policy and in the registered runs, which a thread looks after as another does
after keys. Each comparison has a queue of its own, bounded in number and bytes, and dollars of its own. Nothing here is
ever waited for by a client: what does not fit is dropped, and counted.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Excluded, Plan
from tiercel.domain.errors import ConfigError, UnavailableError
from tiercel.domain.policy import Policy
from tiercel.domain.record import Block, Record, ShadowPair
from tiercel.domain.request import Media, ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.domain.session import session_key
from tiercel.domain.settings import Storage
from tiercel.domain.shadow import ShadowRun
from tiercel.engine.attempt import Machinery
from tiercel.engine.shadow import Copy, live_answer
from tiercel.gateway.budgets import day_begin
from tiercel.gateway.shadow_audits import ShadowAudits
from tiercel.gateway.shadow_counts import ShadowCounts
from tiercel.gateway.shadow_purse import Claim, Purse
from tiercel.records.instance import instance_of
from tiercel.records.prometheus import Family
from tiercel.records.recorder import Recorder
from tiercel.records.shadow_store import ShadowStore
from tiercel.routing.cost import most_nano
from tiercel.routing.shadow import PAIRED, is_drawn, is_ruled, shadow_plan

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""How often the registered runs are looked at."""
RUN_AT_ONCE = 4
WAITING = 64
WAITING_BYTES = 64_000_000
"""What one comparison may have in its queue; a request is held in memory until its copy is answered."""
DRAIN_SECONDS = 5.0
"""How long a server that stops waits for copies, if it may drain for so long: nobody else waits for them."""
LOOK_SECONDS = 5.0
"""How often it is asked what other gateways have spent of the same dollars, and how soon again where nobody answers."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One wish for copies: a rule's own, or a registered run. `limit_nano` is of a day, or of a run in all."""

    name: str
    run: str
    rule: str
    candidates: tuple[str, ...]
    share: float
    limit_nano: int
    at_once: int


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was answered, with the configuration it was answered under."""

    request: ModelRequest
    plan: Plan
    record: Record
    response: ModelResponse | None
    policy: Policy
    catalog: Catalog
    machinery: Machinery


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that was drawn."""

    served: Served
    comparison: Comparison
    candidate: str
    bytes: int


class Lane:
    """The queue of one comparison, and its money. `run` answers one copy."""

    def __init__(self, run: Callable[[Job, "Lane"], "asyncio.Future[None]"]) -> None:
        self._run = run
        self._waiting: deque[Job] = deque()
        self._bytes = 0
        self.flying: set[asyncio.Future[None]] = set()
        self.purse: Purse | None = None
        self.look_at = 0.0
        """When it is asked again what was spent, in Unix seconds."""
        self.looking = asyncio.Lock()

    def put(self, job: Job) -> bool:
        """Whether there was room for it."""
        if len(self._waiting) >= WAITING or self._bytes + job.bytes > WAITING_BYTES:
            return False
        self._waiting.append(job)
        self._bytes += job.bytes
        self._go_on(job.comparison.at_once)
        return True

    def drop(self) -> int:
        """Nothing that waits is answered any more; returns how many."""
        dropped = len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return dropped

    def _go_on(self, at_once: int) -> None:
        while self._waiting and len(self.flying) < at_once:
            job = self._waiting.popleft()
            self._bytes -= job.bytes
            task = self._run(job, self)
            self.flying.add(task)
            task.add_done_callback(partial(self._ended, at_once))

    def _ended(self, at_once: int, task: "asyncio.Future[None]") -> None:
        self.flying.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a copy broke; no live request is concerned", exc_info=task.exception())
        self._go_on(at_once)


class Shadowing:
    """All comparisons. For the event loop, but for `look`."""

    def __init__(self, recorder: Recorder, storage: Storage, clock: Callable[[], float] = time.time) -> None:
        """`clock` is Unix seconds."""
        self._recorder = recorder
        self._storage = storage
        self._clock = clock
        self._store = ShadowStore(Path(storage.folder), storage.database_url)
        self._lanes: dict[str, Lane] = {}
        self._is_stopping = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._problem: str | None = None
        self._audits = ShadowAudits(storage, clock)
        self.counts = ShadowCounts()
        self.runs: tuple[ShadowRun, ...] = ()
        """The registered runs that were not stopped."""

    @classmethod
    def open(cls, recorder: Recorder, storage: Storage) -> "Shadowing":
        """With a thread that looks after the registered runs from now on, until `close`."""
        shadowing = cls(recorder, storage)
        shadowing._thread = threading.Thread(target=shadowing._watch, name="shadow-runs", daemon=True)
        shadowing._thread.start()
        return shadowing

    def offer(self, served: Served) -> None:
        """Draw for each comparison that wants such requests. To be told after the last byte of the live answer."""
        record = served.record
        if record.outcome not in PAIRED or not is_ruled(record.rule):
            return
        for comparison in self._wanting(served):
            if not is_drawn(comparison.name, record.id, comparison.share):
                continue
            for candidate in comparison.candidates:
                if self._is_stopping:
                    self.counts.skip("stopping")
                elif not self._lane(comparison).put(_job(served, comparison, candidate)):
                    self.counts.skip("queue_full")

    async def drain(self, seconds: float) -> None:
        """Make no more copies, and wait so long for those that are being answered; then stop them, and keep what they
        cost."""
        self._is_stopping = True
        for lane in self._lanes.values():
            for _ in range(lane.drop()):
                self.counts.skip("stopping")
        flying = [task for lane in self._lanes.values() for task in lane.flying]
        if flying:
            _, late = await asyncio.wait(flying, timeout=min(seconds, DRAIN_SECONDS))
            for task in late:
                task.cancel()
            if late:
                log.warning("%d copies for candidates were cut off", len(late))
                await asyncio.wait(late, timeout=DRAIN_SECONDS)

    async def close(self) -> None:
        """Stop everything. May be called twice."""
        await self.drain(0.0)
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._store.close()

    def look(self) -> None:
        """Read the registered runs again. The thread does it several times a second. Raises `ConfigError`."""
        self.runs = self._store.open_runs()

    def families(self) -> list[Family]:
        """What happened, for Prometheus."""
        return [*self.counts.families(), *self._audits.families()]

    def _watch(self) -> None:
        while True:
            try:
                self.look()
                self._audits.look(self.runs)
            except ConfigError as error:
                if str(error) != self._problem:
                    self._problem = str(error)
                    log.error("shadow runs cannot be looked after at the moment: %s", error)
            else:
                self._problem = None
            if self._stop.wait(POLL_SECONDS):
                return

    def _wanting(self, served: Served) -> Iterator[Comparison]:
        shadow, record = served.plan.shadow, served.record
        if shadow is not None:
            yield Comparison(
                name=f"rule:{record.rule}",
                run="",
                rule=record.rule,
                candidates=shadow.candidates,
                share=shadow.share,
                limit_nano=shadow.day_nano,
                at_once=shadow.at_once,
            )
        for run in self.runs:
            if run.wants(
                record.rule,
                record.key_id,
                record.project,
                record.started_at,
                next(iter(served.plan.stages), None),
            ):
                yield Comparison(
                    name=run.id,
                    run=run.id,
                    rule=record.rule,
                    candidates=(run.candidate,),
                    share=run.share,
                    limit_nano=run.budget_nano,
                    at_once=RUN_AT_ONCE,
                )

    def _lane(self, comparison: Comparison) -> Lane:
        lane = self._lanes.get(comparison.name)
        if lane is None:
            lane = self._lanes[comparison.name] = Lane(self._start)
        return lane

    def _start(self, job: Job, lane: Lane) -> "asyncio.Future[None]":
        return asyncio.ensure_future(self._answer(job, lane))

    async def _answer(self, job: Job, lane: Lane) -> None:
        """One copy, if it may be made at all."""
        comparison, served = job.comparison, job.served
        if comparison.run and all(run.id != comparison.run for run in self.runs):
            self.counts.skip("run_ended")
            return
        purse = await self._opened(lane, comparison)
        if purse is None:
            self.counts.skip("spending_unknown")
            return
        plan = self._plan(job)
        if isinstance(plan, Excluded):
            self.counts.exclude(plan)
            return
        most = most_nano(plan.rungs[0], plan.facts)
        if most is None:
            self.counts.skip("no_price")
            return
        claim = Claim(purse, comparison.limit_nano, self._clock(), most)
        if not claim.covers(most):
            self.counts.skip("budget")
            return
        copy = Copy(served.machinery, served.request, plan, claim)
        try:
            await copy.run()
        finally:
            claim.close()
            if copy.attempts:
                self._keep(job, plan, copy)

    def _plan(self, job: Job) -> Plan | Excluded:
        served = job.served
        resting = served.machinery.health.resting(served.catalog.deployments)
        return shadow_plan(job.candidate, served.request, served.plan, served.policy, served.catalog, resting)

    async def _opened(self, lane: Lane, comparison: Comparison) -> Purse | None:
        """The lane's money, less what was spent before this process began and through other gateways; `None` while
        nobody knows that."""
        async with lane.looking:
            now = self._clock()
            is_known = lane.purse is not None and self._storage.database_url is None
            if not is_known and now >= lane.look_at:
                lane.look_at = now + LOOK_SECONDS
                try:
                    own, elsewhere = await asyncio.to_thread(self._spent, comparison, now)
                except ConfigError as error:
                    log.warning("what copies for %s have cost is not known: %s", comparison.name, error)
                else:
                    lane.purse = lane.purse or Purse(own, now, daily=not comparison.run)
                    lane.purse.elsewhere = elsewhere
            return lane.purse

    def _spent(self, comparison: Comparison, now: float) -> tuple[int, int]:
        """Through this gateway, and through others, as the records say."""
        from tiercel.records.pairs import read_shadow_spent  # loads SQLAlchemy, as ingest has done

        folder = Path(self._storage.folder)
        found = read_shadow_spent(
            folder,
            since=None if comparison.run else day_begin(now),
            run=comparison.run,
            rule=None if comparison.run else comparison.rule,
            database_url=self._storage.database_url,
        )
        own = sum(one.nano for one in found if one.instance in ("", instance_of(folder)))
        return own, sum(one.nano for one in found) - own

    def _keep(self, job: Job, plan: Plan, copy: Copy) -> None:
        served = job.served
        record = served.record
        pair = ShadowPair(
            record_id=record.id,
            candidate=job.candidate,
            received_at=record.started_at,
            rule=record.rule,
            task=record.task,
            propensity=job.comparison.share,
            cluster=session_key(record.session, record.project, record.key_id) or record.id,
            run=job.comparison.run,
            session=record.session,
            project=record.project,
            key_id=record.key_id,
            live=live_answer(record, served.plan, plan, self._block(served.response)),
            shadow=copy.answer(self._block(copy.response)),
            attempts=copy.attempts,
            simulated=any(attempt.simulated for attempt in copy.attempts),
        )
        self.counts.add(pair)
        try:
            self._recorder.paired(pair)
        except UnavailableError as error:
            log.error("the pair of record %s is lost: %s", record.id, error.message)

    def _block(self, response: ModelResponse | None) -> Block | None:
        return None if response is None else self._recorder.answer_block(response)


def _job(served: Served, comparison: Comparison, candidate: str) -> Job:
    return Job(served=served, comparison=comparison, candidate=candidate, bytes=_bytes_of(served.request))


def _bytes_of(request: ModelRequest) -> int:
    """About what it takes in memory."""
    if request.raw is not None:
        return 2 * len(request.raw)
    pieces = 0
    for message in request.messages:
        for part in message.parts:
            pieces += len(part.data or "") if isinstance(part, Media) else 0
        pieces += len(message.text)
    return pieces
