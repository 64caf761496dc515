"""A changed policy as a file of its own, with what changes in words and line by line. Comments and order stay.

Nothing is put in force here: a person reads the proposal and takes it over, or not. Loads tomlkit (extra `evals`).
"""

import difflib
from collections.abc import MutableMapping
from typing import Any

import msgspec
import tomlkit
from tomlkit.exceptions import ParseError

from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Evidence, Rule
from tiercel.policy.policy_file import read_policy

PROPOSED = "policy.proposed.toml"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The whole `text` of the new file, what changes in `words`, and the same as a unified `diff`."""

    text: str
    words: tuple[str, ...]
    diff: str


def lead_with(text: str, name: str, rule: str, entry: str, evidence: Evidence) -> Proposal:
    """The policy in `text` (of the file `name`) with `entry` first on the ladder of `rule`, and what that rests on.

    Whoever stood there comes next, and is climbed to where a gate is missed. Raises `ConfigError` where the rule is not
    there, already begins with it, or shares its first place out by a split.
    """
    policy = read_policy(text, name)
    before = next((one for one in policy.rules if one.name == rule), None)
    if before is None:
        raise ConfigError(f"{name}: there is no rule {rule!r} any more; it was renamed or taken out")
    if before.split is not None:
        raise ConfigError(
            f"{name}: [rules.{rule}] split: its arms take the first place of the ladder; end the split first"
        )
    if before.ladder[0] == entry:
        raise ConfigError(
            f"{name}: [rules.{rule}] ladder begins with {entry!r} already; there is nothing to propose"
        )
    ladder = (entry, *(one for one in before.ladder if one != entry))
    changed = _edited(text, name, rule, ladder, evidence)
    after = next(one for one in read_policy(changed, PROPOSED).rules if one.name == rule)
    return Proposal(text=changed, words=tuple(_words(before, after)), diff=_diff(text, changed, name))


def _edited(text: str, name: str, rule: str, ladder: tuple[str, ...], evidence: Evidence) -> str:
    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise ConfigError(f"{name}: cannot be edited: {error}") from error
    tables: Any = document["rules"]
    table: MutableMapping[str, Any] = next(one for one in tables if one["name"] == rule)
    table["ladder"] = list(ladder)
    rests_on = tomlkit.inline_table()
    rests_on.update({"date": evidence.date, "source": evidence.source})
    table["evidence"] = rests_on
    return tomlkit.dumps(document)


def _words(before: Rule, after: Rule) -> list[str]:
    words = [
        f"Rule {after.name} asks {after.ladder[0]} first, which stood {_place(before, after.ladder[0])}."
    ]
    words.append(f"Its ladder: {' > '.join(after.ladder)} (so far {' > '.join(before.ladder)}).")
    if after.evidence is not None:
        words.append(f"On the evidence of {after.evidence.date}: {after.evidence.source}")
    return words


def _place(before: Rule, entry: str) -> str:
    return f"in place {before.ladder.index(entry) + 1}" if entry in before.ladder else "nowhere on its ladder"


def _diff(before: str, after: str, name: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, PROPOSED, n=2
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
