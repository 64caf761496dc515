"""`tiercel export`: records with their attempts and feedback, as JSON Lines or Parquet, for other tools.

Reads only, so it may run beside a server. Field names are those of docs/records.md; a plan and a rung are not apart.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from tiercel.cli.report import parse_since, storage_of
from tiercel.domain.errors import ConfigError
from tiercel.measure.amounts import count_text


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("export", help="records as JSON Lines or Parquet", description=__doc__)
    parser.add_argument("--format", choices=("jsonl", "parquet"), default="jsonl", help="default: jsonl")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to; JSON Lines go to standard output where left out"
    )
    parser.add_argument(
        "--since",
        type=parse_since,
        metavar="TIME",
        help="only requests since then: 24h, 30d, 2w, an ISO date",
    )
    parser.add_argument("--project", metavar="NAME", help="only this project's")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="the data folder (default: as for `tiercel report`)"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write the records. Raises `ConfigError` where nothing was recorded yet."""
    from tiercel.records.export import json_lines, write_parquet
    from tiercel.records.query import each_record

    storage = storage_of(args.data)
    found = each_record(
        Path(storage.folder), since=args.since, project=args.project, database_url=storage.database_url
    )
    if args.out is None:
        if args.format == "parquet":
            raise ConfigError("--format parquet needs --out FILE")
        for line in json_lines(found):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        return 0
    # under another name until it is whole, and for nobody else to read
    part: Path = args.out.with_name(args.out.name + ".part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    if args.format == "parquet":
        written = write_parquet(found, part)
    else:
        written = 0
        with part.open("wb") as file:
            for line in json_lines(found):
                file.write(line)
                written += 1
    os.replace(part, args.out)
    print(f"{count_text(written, 'record')} written to {args.out}.")
    return 0
