"""How old that is on which rules were decided."""

from collections.abc import Sequence
from datetime import date

from tiercel.domain.policy import Rule


def evidence_ages(rules: Sequence[Rule], today: date) -> dict[str, int]:
    """How many days old the evidence of each rule is, where it has any."""
    return {
        rule.name: (today - date.fromisoformat(rule.evidence.date)).days
        for rule in rules
        if rule.evidence is not None
    }
