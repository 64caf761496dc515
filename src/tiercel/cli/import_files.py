"""`tiercel import`: configuration files made of another gateway's, with a list of what could not be carried over."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from tiercel.checks.registry import Registry
from tiercel.cli.configuration import POLICY_FILE, SETTINGS_FILE
from tiercel.domain.errors import ConfigError
from tiercel.measure.amounts import printable
from tiercel.policy import read_policy, read_settings
from tiercel.policy.cross_check import cross_check
from tiercel.policy.litellm_import import Imported, import_litellm


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "import", help="bring another gateway's configuration", description=__doc__
    )
    sources = parser.add_subparsers(dest="import_source", metavar="SOURCE", required=True)
    litellm = sources.add_parser(
        "litellm", help="the config.yaml of LiteLLM's proxy", description=run_litellm.__doc__
    )
    litellm.add_argument("file", type=Path, metavar="FILE", help="the configuration, such as config.yaml")
    litellm.add_argument(
        "--folder", type=Path, default=Path("."), metavar="DIR", help="where to write (default: here)"
    )
    litellm.add_argument("--force", action="store_true", help="overwrite files that are there")
    litellm.add_argument("--print", action="store_true", help="print both files and write none")
    litellm.set_defaults(func=run_litellm)


def run_litellm(args: argparse.Namespace) -> int:
    """Write tiercel.toml and policy.toml from the config.yaml of LiteLLM's proxy. Keys are never copied."""
    try:
        text = args.file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{args.file}: is not text in UTF-8") from error
    imported = import_litellm(text, args.file.name, os.environ)
    validate(imported)
    if args.print:
        print(f"# ── {SETTINGS_FILE}\n{imported.settings_text}\n# ── {POLICY_FILE}\n{imported.policy_text}")
        tell(imported, file=sys.stderr)
        return 0
    write(imported, args.folder, force=args.force)
    tell(imported, file=sys.stdout)
    print("next: tiercel validate, then tiercel serve")
    return 0


def validate(imported: Imported) -> None:
    """Raises `ConfigError` where the files would be refused: that is a fault of the import, and nothing is written."""
    settings = read_settings(imported.settings_text, SETTINGS_FILE, imported.stand_in_environment)
    policy = read_policy(imported.policy_text, POLICY_FILE)
    problems = cross_check(policy, settings.catalog, Registry.load().problems).problems
    if problems:
        raise ConfigError(*problems)


def write(imported: Imported, folder: Path, *, force: bool) -> None:
    files = {folder / SETTINGS_FILE: imported.settings_text, folder / POLICY_FILE: imported.policy_text}
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise ConfigError(
            f"{' and '.join(there)} already there; --force overwrites, --folder writes elsewhere"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, "utf-8")
            print(f"wrote {path}")
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from error


def tell(imported: Imported, file: Any) -> None:
    """What was carried over, what was not, and what is left to do."""
    print(f"{imported.models} models at {imported.deployments} places", file=file)
    if imported.left:
        print("not carried over, or not quite the same:", file=file)
        for line in imported.left:
            print(f"  {printable(line)}", file=file)
    missing = {name: use for name, use in imported.variables.items() if not os.environ.get(name, "").strip()}
    if missing:
        print("to be set in the environment:", file=file)
        for name, use in missing.items():
            print(f"  {name}  (for {use})", file=file)
    if imported.commands:
        print("to be run, for budgets and limits:", file=file)
        for command in imported.commands:
            print(f"  {printable(command)}", file=file)
