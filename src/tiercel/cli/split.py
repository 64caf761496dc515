"""`tiercel split`: what the arms of an A/B test are worth on your own requests, and how sure that is.

Reads only, so it may run beside a server. Every figure has a 95 % interval that knows which requests belong to one
session, and where there is too little for one it says so.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from tiercel.cli.report import parse_since, storage_of
from tiercel.domain.errors import ConfigError
from tiercel.domain.settings import Storage
from tiercel.policy.problems import nearest

if TYPE_CHECKING:
    from tiercel.evals.split_figures import Compared

MOST_REQUESTS = 200_000


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "split", help="what the arms of an A/B test are worth", description=__doc__
    )
    commands = parser.add_subparsers(dest="split_command", metavar="COMMAND", required=True)
    status = commands.add_parser(
        "status",
        help="each arm's success, acceptance, cost and latency, and how the arms differ",
        description="Each arm's requests, success, acceptance, cost per success and p95 latency, and how the others "
        "differ from the baseline, with intervals.",
    )
    status.add_argument("split", nargs="?", metavar="SPLIT", help="only the split of this name")
    status.add_argument("--rule", help="only requests that this rule took")
    status.add_argument(
        "--against",
        metavar="ARM",
        help="the arm that the others are compared with (default: the greatest share)",
    )
    status.add_argument(
        "--since",
        type=parse_since,
        metavar="TIME",
        help="only requests that started since then: 7d, or an ISO date",
    )
    status.add_argument(
        "--most",
        type=_positive,
        default=MOST_REQUESTS,
        metavar="N",
        help=f"look at the latest N requests at most (default: {MOST_REQUESTS:,})",
    )
    status.add_argument(
        "--data", type=Path, metavar="FOLDER", help="the data folder, as for `tiercel report`"
    )
    status.add_argument("--json", action="store_true", help="print all numbers as JSON")
    status.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print every split that there is, or the one that is named; 1 where there is none. Raises `ConfigError`."""
    try:
        # the statistics take long to load, and are not in every installation
        from tiercel.cli.split_show import in_dollars, render
    except ImportError as error:
        raise ConfigError(
            "tiercel split needs more than was installed: pip install 'tiercel[evals]'"
        ) from error
    found, is_cut = made(args, storage_of(args.data))
    if args.json:
        told = {"splits": [in_dollars(one) for one in found], "is_cut": is_cut}
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    elif found:
        render(found, Console(highlight=False), args.most if is_cut else None)
    else:
        print(nothing_found(args, storage_of(args.data)))
    return 0 if found else 1


def nothing_found(args: argparse.Namespace, storage: Storage) -> str:
    """That nothing was recorded of what was asked for; and of what something was, or how there comes to be."""
    asked = f" {args.split!r}" if args.split else ""
    asked += f" under rule {args.rule!r}" if args.rule else ""
    said = f"No request of a split{asked} was recorded in this time.\n"
    recorded: dict[str, set[str]] = {}
    if args.split or args.rule:
        from tiercel.records.splits import load_split_rows

        rows, _ = load_split_rows(
            Path(storage.folder), args.most, since=args.since, database_url=storage.database_url
        )
        for row in rows:
            recorded.setdefault(row.split, set()).add(row.rule)
    if not recorded:
        return said + "A rule of policy.toml gets one by a table [rules.split]."
    return said + "\n".join(
        f"There is {split}, rule{'s' if len(rules) > 1 else ''} {', '.join(sorted(rules))}."
        for split, rules in sorted(recorded.items())
    )


def made(args: argparse.Namespace, storage: Storage) -> "tuple[list[Compared], bool]":
    """The splits with their figures, and whether there are requests before those that were looked at."""
    # SQLAlchemy takes long to load, too
    from tiercel.evals.split_figures import compared
    from tiercel.measure.split import trials
    from tiercel.records.splits import load_split_rows

    rows, is_cut = load_split_rows(
        Path(storage.folder),
        args.most,
        split=args.split,
        rule=args.rule,
        since=args.since,
        database_url=storage.database_url,
    )
    found = trials(rows)
    if args.against is not None:
        arms = {arm.name for trial in found for arm in trial.arms}
        if arms and args.against not in arms:
            hint = nearest(args.against, arms)
            raise ConfigError(f"--against {args.against}: no arm of this name has requests{hint}")
        found = tuple(trial for trial in found if args.against in {arm.name for arm in trial.arms})
    return [compared(trial, args.against) for trial in found], is_cut


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of requests; write 1 or more")
    return int(text)
