"""`tiercel copy`: keys, shadow runs and records of a data folder's SQLite into the PostgreSQL that tiercel.toml names.

The SQLite is only read. What is in PostgreSQL already stays as it is, so the command may be stopped and run again until
it says that all is there. The folder's own server must be stopped; one on another folder may run.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from tiercel.cli.configuration import SETTINGS_FILE
from tiercel.domain.errors import ConfigError
from tiercel.domain.money import usd_text
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Storage
from tiercel.measure.amounts import count_text
from tiercel.policy.settings_file import load_storage

PROGRESS_SECONDS = 5.0


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("copy", help="from SQLite into PostgreSQL", description=__doc__)
    parser.add_argument(
        "--only", choices=("keys", "runs", "records"), help="one of them (default: all, in this order)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="the data folder to read (default: the one that tiercel.toml names)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"settings that name the PostgreSQL (default: ./{SETTINGS_FILE})",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Copy, count, and say what came of it: 0 where all is there, 1 where something is missing."""
    storage = _storage(args.config or Path(SETTINGS_FILE))
    url = storage.database_url
    if url is None:
        raise ConfigError(f"{SETTINGS_FILE}: [storage] database_url_env names no PostgreSQL to copy to")
    folder: Path = args.data or Path(storage.folder)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder; name the right one with --data")
    if args.only in (None, "keys"):
        _copy_keys(folder, url)
    if args.only in (None, "runs"):
        _copy_runs(folder, url)
    return _copy_records(folder, url) if args.only in (None, "records") else 0


def _storage(config: Path) -> Storage:
    return load_storage(config, os.environ)


def _copy_keys(folder: Path, url: Secret) -> None:
    from tiercel.records.key_store import copy_keys

    keys, projects = copy_keys(folder, url)
    print(f"{count_text(keys, 'key')} and {count_text(projects, 'project')} with a budget are in PostgreSQL.")


def _copy_runs(folder: Path, url: Secret) -> None:
    from tiercel.records.shadow_store import copy_runs

    print(f"{count_text(copy_runs(folder, url), 'registered shadow run')} in PostgreSQL.")


def _copy_records(folder: Path, url: Secret) -> int:
    from tiercel.records.copying import copy_records
    from tiercel.records.segments import segments

    told_at = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= PROGRESS_SECONDS:
            told_at = time.monotonic()
            print(f"{done:,} of {total:,} records", file=sys.stderr, flush=True)

    copied = copy_records(folder, url, progress)
    for kind, number in copied.there.items():
        print(f"{kind:10} {number:>14,} in SQLite {copied.here[kind]:>14,} of them in PostgreSQL")
    cost_there, cost_here = usd_text(copied.cost_there_nano), usd_text(copied.cost_here_nano)
    print(f"{'cost':10} {'$' + cost_there:>14} in SQLite {'$' + cost_here:>14} of it in PostgreSQL")
    waiting = sum(segment.stat().st_size for segment in segments(folder))
    if waiting:
        print(
            f"{waiting:,} bytes wait in the journal; `tiercel serve` on this folder takes them into PostgreSQL."
        )
    if copied.is_whole:
        print("All of it is there.")
        return 0
    print("Something is missing: run the same command again.")
    return 1
