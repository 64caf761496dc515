"""The shipped policy fitted to the models that somebody has keys for, its comments kept."""

import re
import tomllib
from collections.abc import Sequence

from tiercel.policy.builtin import built_in_models
from tiercel.policy.policy_file import shipped_policy_text
from tiercel.policy.problems import dotted

ENTRIES = re.compile(r"^(members|ladder) = (\[.*\])$", re.MULTILINE)
SECOND = re.compile(r'^(review|advisor) = \{ by = "([^"@]+)(.*)$', re.MULTILINE)
"""A rule's second model: what for, its name, and the rest of the line with its effort."""
TIER = re.compile(r"^\[tiers\.(\w+)\]$", re.MULTILINE)
RULE = re.compile(r'^name = "(.+)"$', re.MULTILINE)


def fitted_policy(served: set[str]) -> tuple[str, list[str]]:
    """The shipped policy without the members nobody here serves, and a notice for each change. A tier that is left
    without any gets the models that stand in for it."""
    fitting = Fitting(served)
    blocks = [fitting.fitted(block) for block in shipped_policy_text().split("\n\n")]
    return "\n\n".join(blocks), fitting.notices


class Fitting:
    """Goes through the file paragraph by paragraph: tiers come before the rules that climb them."""

    def __init__(self, served: set[str]) -> None:
        tiers: dict[str, list[str]] = {
            name: [member for member in tier["members"] if member in served]
            for name, tier in tomllib.loads(shipped_policy_text())["tiers"].items()
        }
        stand_ins = {name: [model for model in stand_ins_of(name) if model in served] for name in tiers}
        self.notices: list[str] = []
        self._tiers = {
            name: found for name, members in tiers.items() if (found := members or stand_ins[name])
        }
        self._usable = {*served, *self._tiers}
        self._best = list(self._tiers)[-1:] or sorted(served)[:1]

    def fitted(self, block: str) -> str:
        """One paragraph: a tier, a rule, or something that stays as it is."""
        line = ENTRIES.search(block)
        if line is None:
            return block
        entries: list[str] = tomllib.loads(line.group())[line.group(1)]
        kept = [entry for entry in entries if entry in self._usable]
        if kept != entries:
            missing = ", ".join(entry for entry in entries if entry not in self._usable)
            tier = TIER.search(block)
            if tier is not None and not kept and tier.group(1) in self._tiers:
                kept = self._tiers[tier.group(1)]
                self.notices.append(f"tier {tier.group(1)!r}: {', '.join(kept)}, for want of {missing}")
            elif tier is not None and not kept:
                self.notices.append(f"tier {tier.group(1)!r} is left out: no key for {missing}")
                head = block[: tier.start()]
                return f"{head}# [tiers.{tier.group(1)}] is left out: no key for {missing}"
            elif tier is not None:
                self.notices.append(f"tier {tier.group(1)!r}: no key for {missing}")
            elif not kept:
                kept = self._best
                self.notices.append(
                    f"rule {name_of(block)!r} climbs {dotted(tuple(kept))!r}, for want of {missing}"
                )
            items = ", ".join(f'"{entry}"' for entry in kept)
            fitted = f"{line.group(1)} = [{items}]  # no key for {missing}"
            block = block[: line.start()] + fitted + block[line.end() :]
        return self._with_second_model(block, kept)

    def _with_second_model(self, block: str, ladder: Sequence[str]) -> str:
        """The rule with somebody of the best tier in the place of a reviewer or advisor that nobody serves; with nobody
        where that would be the only model on the ladder, for none is asked about itself."""
        line = SECOND.search(block)
        if line is None or line.group(2) in self._usable:
            return block
        mode, missing, rest = line.groups()
        climbed = {member for entry in ladder for member in self._tiers.get(entry, [entry])}
        able = [
            member for tier in self._best for member in self._tiers.get(tier, [tier]) if {member} != climbed
        ]
        if able:
            self.notices.append(f"rule {name_of(block)!r}: {mode} by {able[0]!r}, for want of {missing}")
            fitted = f'{mode} = {{ by = "{able[0]}{rest}  # no key for {missing}'
        else:
            self.notices.append(f"rule {name_of(block)!r} has no {mode}, for want of {missing}")
            fitted = f"# no {mode}: no key for {missing}"
        return block[: line.start()] + fitted + block[line.end() :]


def stand_ins_of(tier: str) -> list[str]:
    """The built-in models that fill this tier where nobody else does."""
    return [name for name, model in built_in_models().items() if model.stands_in == tier]


def name_of(block: str) -> str:
    """The name of the rule in this paragraph; empty where it has none."""
    found = RULE.search(block)
    return found.group(1) if found else ""
