"""`tiercel validate`: read both files and say everything that is wrong with them, each with its fix."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tiercel.checks.registry import Registry
from tiercel.checks.resolve import resolve_policy
from tiercel.cli.configuration import add_file_arguments, load_configuration
from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import ConfigError
from tiercel.domain.money import usd_text
from tiercel.domain.policy import Gate, Policy
from tiercel.gateway.admission import check_listener
from tiercel.policy.cross_check import cross_check
from tiercel.policy.hold_notices import hold_notices
from tiercel.records.key_store import has_keys


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("validate", help="check tiercel.toml and policy.toml", description=__doc__)
    add_file_arguments(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print what was found; problems are raised as `ConfigError`."""
    loaded = load_configuration(args)
    storage = loaded.settings.storage
    known = has_keys(Path(storage.folder), database_url=storage.database_url)
    check_listener(loaded.settings.listener, has_keys=known)
    registry = Registry.load()
    named: set[str] = set()

    def problems(gate: Gate) -> list[str]:
        named.add(gate.check)
        return registry.problems(gate)

    checked = cross_check(loaded.policy, loaded.settings.catalog, problems)
    if checked.problems:
        raise ConfigError(*checked.problems)
    for notice in (*loaded.notices, *checked.notices, *registry.notes(named)):
        print(f"note: {notice}")
    catalog = loaded.settings.catalog
    resolved = resolve_policy(loaded.policy, registry)
    gates = list(gates_that_call(resolved))
    for notice in (*hold_notices(resolved), *undecided(gates, catalog)):
        print(f"note: {notice}")
    for where, gate in gates:
        print(f"calls:    {where}: {calls_of(gate)}")
    for line in second_models(loaded.policy):
        print(f"calls:    {line}")
    print(f"settings: {loaded.settings_source} ({loaded.settings.hash})")
    print(f"policy:   {loaded.policy_source} ({loaded.policy.hash})")
    print(
        f"valid: {len(catalog.deployments)} deployments of {len({d.model.name for d in catalog.deployments.values()})}"
        f" models, {len(loaded.policy.tiers)} tiers, {len(loaded.policy.rules)} rules"
    )
    return 0


def gates_that_call(policy: Policy) -> Iterator[tuple[str, Gate]]:
    """The gates that have models called, and where they stand."""
    listed = [("[defaults]", policy.gates), *((f"[rules.{r.name}]", r.gates or ()) for r in policy.rules)]
    for where, gates in listed:
        for position, gate in enumerate(gates):
            if gate.calls_models:
                yield f"{where} gates[{position}]", gate


def calls_of(gate: Gate) -> str:
    """Whom this gate has called, in words."""
    words = []
    if gate.ask:
        words.append(f"asks {' and '.join(gate.ask)}")
    if gate.embed is not None:
        words.append(f"has {gate.embed} embed texts")
    return f"{gate.check} {', '.join(words)}"


def second_models(policy: Policy) -> Iterator[str]:
    """Who reviews, who may be asked for advice, and who is tried on copies."""
    for rule in policy.rules:
        if rule.review is not None:
            yield f"[rules.{rule.name}] review: {rule.review.by} looks at every answer of text"
        if rule.advisor is not None:
            uses = rule.advisor.max_uses
            yield f"[rules.{rule.name}] advisor: {rule.advisor.by} may be asked {uses} time(s) a request"
        if rule.shadow is not None:
            tried = f"{' and '.join(rule.shadow.candidates)} on {rule.shadow.share * 100:g} % of the requests"
            yield f"[rules.{rule.name}] shadow: {tried}, for at most ${usd_text(rule.shadow.day_nano)} a day"


def undecided(gates: Iterable[tuple[str, Gate]], catalog: Catalog) -> Iterator[str]:
    """Gates that want a probability from somebody whose provider is not known to give any."""
    for where, gate in gates:
        for name in gate.ask if gate.asks == "decision" else ():
            deployments = [d for d in catalog.deployments.values() if name in (d.name, d.model.name)]
            if deployments and not any(deployment.provider.decisions for deployment in deployments):
                yield (
                    f"{where}: {name!r} is left out: its provider is not known to answer decisions; "
                    "set decisions = true there if it does"
                )
