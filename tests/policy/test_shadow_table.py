"""The table `shadow` of a rule: what is read from it, and what is refused."""

import pytest

from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Shadow
from tiercel.policy.policy_file import read_policy

POLICY = """
version = 1
[tiers.fast]
members = ["cheap"]
[[rules]]
name = "any"
ladder = ["fast"]
shadow = { %s }
"""


def test_read() -> None:
    """Dollars become nano-dollars, and four copies are answered at once where nothing is said."""
    text = POLICY % 'candidates = ["new@low"], share = 0.05, budget_usd_per_day = 5.0'
    assert read_policy(text).rules[0].shadow == Shadow(
        candidates=("new@low",), share=0.05, day_nano=5_000_000_000, at_once=4
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('candidates = ["new"], share = 0.05', "budget_usd_per_day"),
        ('candidates = ["new"], budget_usd_per_day = 1', "share"),
        ("candidates = [], share = 0.05, budget_usd_per_day = 1", "candidates"),
        ('candidates = ["new"], share = 0, budget_usd_per_day = 1', "must be above 0"),
        ('candidates = ["new"], share = 5, budget_usd_per_day = 1', "share: 5 is too large"),
        (
            'candidates = ["new"], share = 0.05, budget_usd_per_day = -1',
            "budget_usd_per_day: -1 is too small",
        ),
        ('candidates = ["new", "new"], share = 0.05, budget_usd_per_day = 1', "is tried twice; remove one"),
        (
            'candidates = ["new@hih"], share = 0.05, budget_usd_per_day = 1',
            "no such effort; did you mean 'high'",
        ),
        (
            'candidates = ["new"], share = 0.05, budget_usd_per_day = 1, at_once = 0',
            "at_once: 0 is too small",
        ),
        ('candidate = ["new"], share = 0.05, budget_usd_per_day = 1', "did you mean 'candidates'"),
    ],
)
def test_refused(table: str, message: str) -> None:
    """Each mistake is told with its place and its fix."""
    with pytest.raises(ConfigError) as told:
        read_policy(POLICY % table)
    assert message in str(told.value)
    assert "[rules.any] shadow" in str(told.value)
