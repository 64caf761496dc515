"""`tiercel forget`: deletes records for good, of one project or of all, older than a time.

Their attempts, feedback and sums go with them. The server must be stopped; while it runs, `retention_days` and
`project_retention_days` of tiercel.toml do the same by age.
"""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from tiercel.cli.report import parse_since, storage_of
from tiercel.domain.errors import ConfigError
from tiercel.measure.amounts import count_text


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("forget", help="delete old records", description=__doc__)
    parser.add_argument(
        "--before",
        type=parse_since,
        required=True,
        metavar="TIME",
        help="those that started before: 90d, 24h ago, or an ISO date such as 2026-08-01 (UTC); to the minute",
    )
    parser.add_argument("--project", metavar="NAME", help="only this project's")
    parser.add_argument(
        "--yes", action="store_true", help="do it; without this it is only said what would be"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="the data folder (default: as for `tiercel report`)"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Delete, or say what would be. Raises `ConfigError` while a server has the folder."""
    from tiercel.records.query import count_records, is_empty

    storage = storage_of(args.data)
    folder = Path(storage.folder)
    if storage.database_url is None and is_empty(folder):
        raise ConfigError(f"{folder}: nothing was recorded here; name the right folder with --data")
    whose = f" of project {args.project}" if args.project is not None else ""
    if not args.yes:
        found = count_records(
            folder, before=args.before, project=args.project, database_url=storage.database_url
        )
        print(f"{count_text(found, 'record')}{whose} would be deleted for good; say --yes to do it.")
        return 0
    from tiercel.records.forgetting import forget

    storage = msgspec.structs.replace(storage, folder=str(folder))
    print(f"{count_text(forget(storage, args.before, args.project), 'record')}{whose} deleted.")
    return 0
