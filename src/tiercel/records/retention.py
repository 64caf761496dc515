"""How long records are kept. Nothing is forgotten unless somebody said so."""

from collections.abc import Collection
from typing import Protocol

import msgspec

from tiercel.domain.settings import Storage

SECONDS_PER_DAY = 86_400.0
SECONDS_PER_HOUR = 3_600.0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How many days records are kept, `None` for ever; of some projects other numbers of days."""

    days: int | None = None
    projects: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, storage: Storage) -> "Retention":
        return cls(days=storage.retention_days, projects=storage.project_retention_days)


class Forgetful(Protocol):
    """What records can be deleted from."""

    def forget_before(
        self, unix_seconds: float, *, project: str | None = None, but: Collection[str] = ()
    ) -> int: ...


def apply(retention: Retention, store: Forgetful, *, now: float) -> int:
    """Deletes what is kept long enough, by whole hours, as sums are kept of them. Returns how many records."""
    forgotten = 0
    now = now // SECONDS_PER_HOUR * SECONDS_PER_HOUR
    for project, days in retention.projects:
        forgotten += store.forget_before(now - days * SECONDS_PER_DAY, project=project)
    if retention.days is not None:
        own = [project for project, _ in retention.projects]
        forgotten += store.forget_before(now - retention.days * SECONDS_PER_DAY, but=own)
    return forgotten
