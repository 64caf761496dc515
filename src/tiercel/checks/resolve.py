"""A policy as read knows its checks by name only; resolved, each gate also carries what its check says of itself."""

import msgspec

from tiercel.checks.registry import Registry
from tiercel.domain.policy import Policy


def resolve_policy(policy: Policy, registry: Registry) -> Policy:
    """The policy with every gate resolved. Raises `ConfigError` for a gate that cannot be used."""
    rules = tuple(
        msgspec.structs.replace(
            rule, gates=None if rule.gates is None else tuple(map(registry.resolve, rule.gates))
        )
        for rule in policy.rules
    )
    return msgspec.structs.replace(policy, rules=rules, gates=tuple(map(registry.resolve, policy.gates)))
