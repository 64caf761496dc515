"""The keys of `policy.toml` that say how far a conversation stays with its model, and when it has stalled."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta
from msgspec.structs import asdict

from tiercel.domain.policy import NEVER_STALLED, Policy, Rule, Stall, Sticky
from tiercel.policy.problems import Problems, Steps
from tiercel.policy.tables import Count, FilledText, Table


class StallTable(Table, frozen=True, kw_only=True):
    """When a conversation has stalled. 0 turns a sign off."""

    repeats: Annotated[
        Count,
        Meta(
            description="So many times in a row the same calls of tools, with the same arguments and results."
        ),
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


def session_notices(rule: Rule, policy: Policy) -> Iterator[tuple[Steps, str]]:
    """What of a rule's keys can do nothing, each with the key."""
    if rule.stall is not None and rule.stall != NEVER_STALLED and len(rule.ladder) == 1:
        yield ("stall",), "does nothing: the ladder has one entry, and no stage above it"
    if rule.sticky == "cache":
        tiers = [policy.tiers.get(entry.partition("@")[0]) for entry in rule.ladder]
        chosen = [rule.prefer or (tier.prefer if tier else None) or policy.prefer for tier in tiers]
        if "cheapest" not in chosen:
            yield ("sticky",), "does nothing: prompt caches count where a tier is ordered by 'cheapest'"
