"""Who asks: the key that was shown, its role and project, and what it may use and spend."""

from typing import Literal

import msgspec

from tiercel.domain.facts import Risk, Task

Role = Literal["client", "viewer", "operator"]
"""A client asks models. A viewer reads what its project asked. An operator does both, for all projects."""


class Budget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nano-dollars a UTC day and a UTC month; `None` is no limit."""

    day_nano: int | None = None
    month_nano: int | None = None

    @property
    def bounds(self) -> bool:
        """Whether there is any limit in it."""
        return self.day_nano is not None or self.month_nano is not None


class Quota(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits in any minute, and of requests under way at once; `None` is no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None


NO_BUDGET = Budget()
NO_QUOTA = Quota()


class AccessKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a key, but for its secret. Times are Unix seconds.

    `allowed` names tiers, models and deployments as the policy does; empty allows all. `task` and `risk` hold where a
    request states none of its own. Whoever comes without a key of the store has one with an empty `id`.
    """

    id: str = ""
    role: Role = "client"
    project: str = ""
    label: str = ""
    created_at: float = 0.0
    expires_at: float | None = None
    revoked_at: float | None = None
    allowed: tuple[str, ...] = ()
    task: Task | None = None
    risk: Risk | None = None
    quota: Quota = NO_QUOTA
    budget: Budget = NO_BUDGET

    def sees(self, project: str, key_id: str) -> bool:
        """Whether a record of this project and key may be shown to it."""
        if self.role == "operator":
            return True
        return self.project == project and (self.role == "viewer" or self.id == key_id)


ANYBODY = AccessKey(role="operator")
"""Programs of this machine, where no keys are configured."""
UNLIMITED_CLIENT = AccessKey()
"""Whoever shows a key from the environment: a client of no project, without limits."""
