"""`tiercel eval capture`: items drawn from your own traffic, at random within strata, with their weights.

Reads only, so it may run beside a server. The prompts must be stored: `content` under [storage] of tiercel.toml.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tiercel.cli.report import parse_since, storage_of
from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.measure.amounts import count_text

ITEMS = 300
OPTIONS = ("n", "strata", "project", "redact", "seed")


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("capture", help="items from your own traffic", description=__doc__)
    parser.add_argument(
        "--since",
        type=parse_since,
        default="7d",
        metavar="TIME",
        help="requests since then: 24h, 30d, an ISO date (default: 7d)",
    )
    parser.add_argument(
        "--n", type=_positive, default=ITEMS, metavar="N", help=f"the most items (default: {ITEMS})"
    )
    parser.add_argument(
        "--strata",
        default="",
        metavar="A,B",
        help="draw equally of each task, rule, project, complexity, risk or model_requested",
    )
    parser.add_argument("--project", metavar="NAME", help="only this project's")
    parser.add_argument(
        "--redact", action="store_true", help="take addresses, keys and numbers out, as `content` can"
    )
    parser.add_argument("--copies", action="store_true", help="draw a prompt as often as it was sent")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw (default: 0)")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="the data folder (default: as for `tiercel report`)"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("items.jsonl"),
        metavar="FILE",
        help="where to (default: items.jsonl)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the file")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write the items. Raises `ConfigError` where no prompt is stored, or the file is there."""
    from tiercel.evals.capture import Wanted, capture

    if args.out.exists() and not args.force:
        raise ConfigError(f"{args.out}: already there; --force overwrites it, -o writes elsewhere")
    wanted = Wanted(
        since=args.since,
        number=args.n,
        strata=_names(args.strata),
        project=args.project,
        redact=args.redact,
        copies=args.copies,
        seed=args.seed,
    )
    storage = storage_of(args.data)
    captured = capture(Path(storage.folder), wanted, storage.database_url)
    part: Path = args.out.with_name(args.out.name + ".part")
    # other people's words: for nobody else to read
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for row in captured.rows:
            file.write(msgspec.json.encode(row) + b"\n")
    part.replace(args.out)
    print(
        f"wrote {args.out}: {count_text(len(captured.rows), 'item')} "
        f"of {count_text(captured.requests, 'answered request')}"
    )
    for why, number in captured.left_out.items():
        print(f"left out: {count_text(number, 'request')}: {why}")
    if storage.content == "full" and not args.redact:
        print("It holds what people wrote, as they wrote it; --redact takes addresses, keys and numbers out.")
    print("They have no right answers yet: say what is measured in `defaultTest`, or give each a `target`.")
    return 0


def traffic_rows(named: str) -> list[JsonObject]:
    """The items of `traffic://last-7d?n=300&strata=task&redact=true`, for `tests`. Raises `ConfigError`."""
    from tiercel.evals.capture import Wanted, capture

    parts = urlsplit(named)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(given.keys() - {*OPTIONS})
    if unknown:
        raise ConfigError(f"{named!r}: {unknown[0]!r} is not known; there are {', '.join(OPTIONS)}")
    try:
        since = parse_since(parts.netloc.removeprefix("last-"))
        wanted = Wanted(
            since=since,
            number=_positive(given.get("n", str(ITEMS))),
            strata=_names(given.get("strata", "")),
            project=given.get("project"),
            redact=given.get("redact", "false") == "true",
            seed=int(given.get("seed", "0")),
        )
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise ConfigError(f"{named!r}: {error}; write such as traffic://last-7d?n=300&strata=task") from None
    storage = storage_of(None)
    captured = capture(Path(storage.folder), wanted, storage.database_url)
    for why, number in captured.left_out.items():
        print(f"{named}: left out {count_text(number, 'request')}: {why}", file=sys.stderr)
    return list(captured.rows)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number from 1 to 1,000,000")
    return int(text)
