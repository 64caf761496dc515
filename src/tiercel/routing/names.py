"""What `model` may name: `auto`, a rule as `auto:NAME`, a tier, an alias, a model, a deployment."""

from difflib import get_close_matches
from typing import Literal

import msgspec

from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import CallerError
from tiercel.domain.policy import Policy
from tiercel.domain.request import Effort
from tiercel.routing.expand import serving, split_effort

AUTO = "auto"
RULE_PREFIX = "auto:"
MAX_ALIASES = 8
"""Aliases of aliases are followed no further than this."""
MAX_SHOWN = 60

Kind = Literal["auto", "rule", "tier", "alias", "model", "deployment"]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a name stands for, once its aliases are resolved: `name` without an effort that was given with it."""

    name: str
    kind: Kind
    effort: Effort | None = None


def known_models(policy: Policy, catalog: Catalog) -> tuple[Named, ...]:
    """Every name that a client may give as `model`, each once."""
    named: dict[str, Kind] = {AUTO: "auto"}
    groups: tuple[tuple[Kind, list[str]], ...] = (
        ("tier", list(policy.tiers)),
        ("rule", [RULE_PREFIX + rule.name for rule in policy.rules]),
        ("alias", list(policy.aliases)),
        ("model", list(dict.fromkeys(d.model.name for d in catalog.deployments.values()))),
        ("deployment", list(catalog.deployments)),
    )
    for kind, names in groups:
        for name in names:
            named.setdefault(name, kind)
    return tuple(Named(name=name, kind=kind) for name, kind in named.items())


def resolve(model: str, policy: Policy, catalog: Catalog) -> Named:
    """What this name stands for. Raises `CallerError` with the nearest known name where it stands for nothing."""
    name = model
    for _ in range(MAX_ALIASES):
        if name not in policy.aliases:
            break
        name = policy.aliases[name]
    if name == AUTO:
        return Named(name=name, kind="auto")
    if name.startswith(RULE_PREFIX):
        rule = name.removeprefix(RULE_PREFIX)
        if any(rule == known.name for known in policy.rules):
            return Named(name=rule, kind="rule")
        raise _unknown(model, policy, catalog)
    base, effort = split_effort(name)
    if base in policy.tiers:
        return Named(name=base, kind="tier", effort=effort)
    deployments = serving(base, catalog)
    if not deployments:
        raise _unknown(model, policy, catalog)
    kind: Kind = "model" if deployments[0].model.name == base else "deployment"
    return Named(name=base, kind=kind, effort=effort)


def _unknown(model: str, policy: Policy, catalog: Catalog) -> CallerError:
    names = [known.name for known in known_models(policy, catalog)]
    nearest = get_close_matches(model[:MAX_SHOWN], names, n=1, cutoff=0.6)
    hint = f"did you mean {nearest[0]!r}?" if nearest else "GET /v1/models lists what there is"
    message = f"no model, tier or alias is called {model[:MAX_SHOWN]!r}; {hint}"
    return CallerError("model_not_found", message, param="model")
