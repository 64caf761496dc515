"""`tiercel init`: look which keys the environment has and write tiercel.toml and policy.toml from them."""

import argparse
import os
from pathlib import Path
from typing import Any

from tiercel.cli.configuration import POLICY_FILE, SETTINGS_FILE
from tiercel.domain.errors import ConfigError
from tiercel.policy.init import propose


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "init", help="write configuration files from your keys", description=__doc__
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("."), metavar="DIR", help="where to write (default: here)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write both files; nothing is overwritten unasked."""
    proposal = propose(os.environ)
    files = {
        args.folder / SETTINGS_FILE: proposal.settings_text,
        args.folder / POLICY_FILE: proposal.policy_text,
    }
    there = [str(path) for path in files if path.exists()]
    if there and not args.force:
        raise ConfigError(f"{' and '.join(there)} already there; --force overwrites")
    try:
        args.folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, "utf-8")
            print(f"wrote {path}")
    except OSError as error:
        raise ConfigError(f"cannot write to {args.folder}: {error.strerror}") from error
    for notice in proposal.notices:
        print(notice)
    print("next: tiercel validate, then tiercel serve")
    return 0
