"""A rule's split: what it means, and what no single value of it shows, such as shares that do not add up."""

import math

from tiercel.domain.policy import Arm, Split
from tiercel.policy.policy_tables import RuleTable, SplitTable
from tiercel.policy.problems import Problems

SHARES_WITHIN = 2e-3
"""So that thirds may be written as 0.333."""


def split_of(table: SplitTable | None) -> Split | None:
    """The split that a rule's table describes."""
    if table is None:
        return None
    arms = tuple(Arm(name=name, use=arm.use, share=arm.share) for name, arm in table.arms.items())
    return Split(name=table.name, arms=arms, by=table.by)


def find_split_contradictions(rules: tuple[RuleTable, ...], problems: Problems) -> None:
    """Notes what is wrong with the splits of these rules."""
    known: dict[str, tuple[str, SplitTable]] = {}
    for rule in rules:
        if rule.split is None:
            continue
        _find_in(rule, rule.split, problems)
        other, first = known.setdefault(rule.split.name, (rule.name, rule.split))
        if (first.by, first.arms) != (rule.split.by, rule.split.arms):
            problems.add(
                ("rules", rule.name, "split", "name"),
                f"the split of this name in rule {other!r} has other arms; give this one a name of its own, "
                "or both the same arms, shares and 'by'",
                rule.split.name,
            )


def _find_in(rule: RuleTable, split: SplitTable, problems: Problems) -> None:
    path = ("rules", rule.name, "split", "arms")
    if len(split.arms) < 2:
        problems.add(path, "a split needs two arms at least")
    total = math.fsum(arm.share for arm in split.arms.values())
    if abs(total - 1) > SHARES_WITHIN:
        problems.add(path, f"the shares add up to {total:g}; they must add up to 1")
    used: dict[str, str] = {}
    for name, arm in split.arms.items():
        here = (*path, name, "use")
        other = used.setdefault(arm.use, name)
        if other != name:
            problems.add(here, f"is what arm {other!r} uses; arms must differ", arm.use)
        if arm.use in rule.ladder[1:]:
            problems.add(
                here,
                "stands on this ladder already, above its first entry, which is what arms replace",
                arm.use,
            )
