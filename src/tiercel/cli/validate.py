"""`tiercel validate`: read both files and say everything that is wrong with them, each with its fix."""

import argparse
from pathlib import Path
from typing import Any

from tiercel.checks.registry import Registry
from tiercel.cli.configuration import add_file_arguments, load_configuration
from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Gate
from tiercel.gateway.admission import check_listener
from tiercel.policy.cross_check import cross_check
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
    print(f"settings: {loaded.settings_source} ({loaded.settings.hash})")
    print(f"policy:   {loaded.policy_source} ({loaded.policy.hash})")
    print(
        f"valid: {len(catalog.deployments)} deployments of {len({d.model.name for d in catalog.deployments.values()})}"
        f" models, {len(loaded.policy.tiers)} tiers, {len(loaded.policy.rules)} rules"
    )
    return 0
