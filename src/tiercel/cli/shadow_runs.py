"""A registered run with all that its records say of it: for `status` and for `adopt`."""

from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.settings import Storage
from tiercel.domain.shadow import ShadowRun
from tiercel.evals.live.flow import Drawn, drawn
from tiercel.evals.live.trial import AuditTrial, Trial, audited, tried
from tiercel.records.pairs import each_pair
from tiercel.records.query import is_empty
from tiercel.records.routed import each_routed


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A run, or an audit, with its pairs, and the requests that its lot fell on."""

    trial: Trial | AuditTrial
    drawn: Drawn

    @property
    def run(self) -> ShadowRun:
        return self.trial.run

    @property
    def passed_over(self) -> int:
        """Requests that were drawn and have no pair: passed over, waiting, or being answered just now."""
        return max(0, self.drawn.requests - len(self.trial.every))

    @property
    def spent_nano(self) -> int:
        """What all copies cost, as far as prices are known."""
        return sum(pair.cost_nano for pair in self.trial.every)


def look(run: ShadowRun, storage: Storage, now: float) -> Looked:
    """The run at the Unix second `now`. Raises `ConfigError` where its records cannot be read."""
    folder = Path(storage.folder)
    if storage.database_url is None and is_empty(folder):
        return Looked(trial=tried(run, (), now), drawn=Drawn())
    pairs = each_pair(folder, run=run.id, with_texts=False, database_url=storage.database_url)
    trial = audited(run, pairs, now) if run.terms.audits is not None else tried(run, pairs, now)
    requests = each_routed(folder, since=run.started_at, rule=run.rule, database_url=storage.database_url)
    return Looked(trial=trial, drawn=drawn(run, requests))


def require_registered(run: ShadowRun) -> None:
    """Raise `ConfigError` where the row is not what was registered."""
    if not run.is_as_registered:
        raise ConfigError(
            f"{run.id}: what was registered has been changed since, or it was never registered by `tiercel shadow "
            "start`; its verdict would mean nothing. Stop it and start anew"
        )


def ended(run: ShadowRun, spent_nano: int, now: float) -> str | None:
    """Why nothing is copied for it any more; `None` while something is."""
    if run.stopped_at is not None:
        return run.stop_reason or "stopped"
    if run.until is not None and run.until <= now:
        return "its time is over"
    if spent_nano >= run.budget_nano:
        return "its dollars are used up"
    return None


def kept_days(storage: Storage) -> int | None:
    """After how many days the first pairs are removed with their records; `None` where none ever is."""
    days = [days for _, days in storage.project_retention_days]
    if storage.retention_days is not None:
        days.append(storage.retention_days)
    return min(days, default=None)
