"""The keys of `policy.toml` that say how far a conversation stays with its model, and when it has stalled."""

from typing import Annotated

from msgspec import Meta
from msgspec.structs import asdict

from tiercel.domain.policy import NEVER_STALLED, Stall, Sticky
from tiercel.policy.problems import Problems, Steps
from tiercel.policy.tables import Count, FilledText, Table


class StallTable(Table, frozen=True, kw_only=True):
    """When a conversation has stalled. 0 turns a sign off."""

    repeats: Annotated[
        Count, Meta(description="So many times the same call of a tool, with the same arguments and result.")
    ] = 3
    failures: Annotated[Count, Meta(description="So many results of tools in a row that are errors.")] = 3
    asked_again: Annotated[
        Count, Meta(description="So many times in a row the same from the user, the first time included.")
    ] = 2
    polling: Annotated[
        tuple[FilledText, ...],
        Meta(description="Tools that may repeat themselves, such as `wait` or `check_*`."),
    ] = ()


StickyKey = Annotated[
    Sticky,
    Meta(
        description="How far a conversation stays with its model: until its tools are done (`tool_loop`, which always "
        "holds), where losing a prompt cache would cost more than another model of the stage saves (`cache`), as long "
        "as the session lasts (`session`), or there at the highest stage it needed (`stage`)."
    ),
]
StallKey = Annotated[
    bool | StallTable,
    Meta(
        description="Whether a conversation that has stalled begins a stage higher; a table says when it has."
    ),
]
RuleStickyKey = Annotated[
    Sticky | None, Meta(description="How far a conversation stays with its model, for this rule.")
]
RuleStallKey = Annotated[
    bool | StallTable | None,
    Meta(description="Whether a conversation that has stalled begins a stage higher, for this rule."),
]


def stall_of(table: bool | StallTable | None) -> Stall | None:
    """`true` is a table that says nothing; `None` where the key is missing."""
    if table is None:
        return None
    if isinstance(table, bool):
        return Stall() if table else NEVER_STALLED
    return Stall(**asdict(table))


def find_stall_contradictions(table: bool | StallTable | None, path: Steps, problems: Problems) -> None:
    """What would hold of every conversation."""
    if not isinstance(table, StallTable):
        return
    for key, times in (("repeats", table.repeats), ("asked_again", table.asked_again)):
        if times == 1:
            problems.add((*path, "stall", key), "once is no repetition; write 2 or more, or 0 for never")
