"""The gateway that is measured is configured as a real one: shipped rules and gates, a model in each tier."""

from pathlib import Path

import msgspec

from bench.subjects import PROJECT, TIERS, issue_key, policy_text, settings_text
from tiercel.checks.registry import Registry
from tiercel.gateway.keyring import Keyring
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


def test_the_key_has_every_limit_there_is(tmp_path: Path) -> None:
    """So that a round with keys pays for all of them; the folder is the one that the settings name."""
    text = issue_key(tmp_path)
    keyring = Keyring.open(tmp_path / read_settings(settings_text(9), "tiercel.toml", {}).storage.folder)
    try:
        found = keyring.find(text)
        assert found is not None
        key = found.key
        limits = [*msgspec.structs.astuple(key.quota), *msgspec.structs.astuple(key.budget)]
        limits += msgspec.structs.astuple(keyring.project_budget(PROJECT))
        assert None not in limits
        assert len(limits) == 7
        assert key.allowed == TIERS
    finally:
        keyring.close()
