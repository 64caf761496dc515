"""Who may be asked on a stage of a ladder, before a request's size puts them in order."""

from typing import TypeAlias

import msgspec

from tiercel.domain.climb import Excluded, Rung
from tiercel.domain.policy import Preference
from tiercel.domain.request import Effort
from tiercel.routing.cost import Rate


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """A rung that may be climbed. `asked` is it before the guard, `rung` after, as long as `size.upper` is no more
    than `roomy_below`; `obstacle` is what bars it whatever the size. `once` names what may appear but once."""

    asked: Rung
    rung: Rung
    obstacle: Excluded | None
    roomy_below: float
    rate: Rate
    once: tuple[str, Effort | None]


Groups: TypeAlias = tuple[tuple[Contender, ...], ...]
"""A group for each member of a stage: the deployments of one model."""


class DraftStage(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the ladder. `settled` is the order of all its contenders where neither size nor speed changes it."""

    groups: Groups
    prefer: Preference
    settled: tuple[Contender, ...] | None = None
