"""The gateway that is measured is configured as a real one: shipped rules and gates, a model in each tier."""

from bench.subjects import TIERS, policy_text, settings_text
from tiercel.checks.registry import Registry
from tiercel.policy import cross_check, read_policy, read_settings, shipped_policy


def test_policy_differs_from_the_shipped_one_in_its_members_only() -> None:
    measured, shipped = read_policy(policy_text(), "policy.toml"), shipped_policy()
    assert (measured.rules, measured.gates, measured.limits) == (shipped.rules, shipped.gates, shipped.limits)
    assert {name: tier.members for name, tier in measured.tiers.items()} == {
        tier: (f"bench-{tier}",) for tier in TIERS
    }


def test_settings_serve_every_tier() -> None:
    settings = read_settings(settings_text(9), "tiercel.toml", {})
    policy = read_policy(policy_text(), "policy.toml")
    assert cross_check(policy, settings.catalog, Registry.load().problems).problems == ()
    assert {f"mock/bench-{tier}" for tier in TIERS} <= settings.catalog.deployments.keys()
