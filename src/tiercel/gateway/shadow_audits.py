"""The audits of adopted candidates: the model that was replaced answers a few copies, and an alarm is raised where it
turns out that the new one is worse by more than was put up with.

A bet is made on every pair, from the database alone, so a restart changes nothing and several gateways say the same.
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from tiercel.domain.settings import Storage
from tiercel.domain.shadow import ShadowRun
from tiercel.measure.betting import Bet
from tiercel.measure.observing import observed, suspicion
from tiercel.records.prometheus import Family

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
"""How often the pairs of audits are read."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where one audit stands."""

    run: ShadowRun
    bet: Bet

    @property
    def is_alarmed(self) -> bool:
        return self.bet.proves(self.run.alpha)


class ShadowAudits:
    """For the thread that looks after the runs; `families` may be asked from another."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._look_at = 0.0
        self._standings: dict[str, Standing] = {}

    def look(self, runs: Iterable[ShadowRun]) -> None:
        """Bet on what there is, once a minute; an alarm is logged once. Raises `ConfigError`."""
        watched = [run for run in runs if run.terms.audits is not None]
        now = self._clock()
        if now < self._look_at or not (watched or self._standings):
            return
        self._look_at = now + EVERY_SECONDS
        standings = {run.id: self._standing(run, now) for run in watched}
        for name, standing in standings.items():
            before = self._standings.get(name)
            if standing.is_alarmed and not (before is not None and before.is_alarmed):
                log.warning("%s", _alarm(standing))
        self._standings = standings

    def _standing(self, run: ShadowRun, now: float) -> Standing:
        from tiercel.records.pairs import each_pair  # loads SQLAlchemy, as ingest has done

        folder = Path(self._storage.folder)
        pairs = each_pair(folder, since=run.started_at, run=run.id, database_url=self._storage.database_url)
        found = observed(pairs, now=now, window_seconds=run.terms.window_seconds)
        return Standing(run=run, bet=suspicion(found, run.margin))

    def families(self) -> list[Family]:
        """For Prometheus; none without an audit."""
        standings = list(self._standings.values())
        if not standings:
            return []
        return [
            Family(
                name="tiercel_shadow_audit_capital",
                kind="gauge",
                help="What bets on an adopted model being worse than was put up with have come to; they began with 1.",
                labels=("rule", "run"),
                values=[(_labels(one.run), f"{one.bet.capital:.6g}") for one in standings],
            ),
            Family(
                name="tiercel_shadow_audit_alarm",
                kind="gauge",
                help="1 where these bets ever reached what is evidence: the question is open again.",
                labels=("rule", "run"),
                values=[(_labels(one.run), int(one.is_alarmed)) for one in standings],
            ),
        ]


def _labels(run: ShadowRun) -> tuple[str, str]:
    return run.rule or "", run.id


def _alarm(standing: Standing) -> str:
    run = standing.run
    return (
        f"shadow audit {run.id}: {run.terms.leader} is worse than {run.candidate} by more than "
        f"{100 * run.margin:g} points after all, on {standing.bet.n} observations of rule {run.rule}; "
        f"`tiercel shadow status {run.id}` shows them"
    )
