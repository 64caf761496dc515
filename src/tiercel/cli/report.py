"""`tiercel report`: what the recorded requests cost and how they went, in tables of 80 columns or as JSON.

Reads only, so it may run beside a server. The tables are ASCII, so that they survive any terminal and any pipe.
"""

import argparse
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.amounts import moment, period_text
from tiercel.cli.configuration import SETTINGS_FILE
from tiercel.cli.report_checks import made_account, render_account
from tiercel.domain.json import Json
from tiercel.domain.settings import Storage
from tiercel.measure.amounts import (
    UNKNOWN,
    count_text,
    dollars,
    duration,
    money,
    percent,
    printable,
    rate_text,
    wall_time,
)
from tiercel.measure.cost import Cost
from tiercel.measure.rate import Rate
from tiercel.measure.report import By, Group, Report, summarise, summarise_sessions, summarise_tallies
from tiercel.policy.settings_file import load_storage

EXACT_UP_TO = 2_000
"""So many requests are looked at one by one; of more, sums are."""
MOST_SESSIONS = 20
"""More of them fill more than a screen of each table."""
_UNIT_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

SPEED_NOTE = "TTFT, tok/s: where the upstream streamed; p95: from 20 values on"


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("report", help="what requests cost and how they went", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--by",
        choices=get_args(By),
        help="a line for each task, model, tier, effort or session",
    )
    what.add_argument(
        "--checks",
        action="store_true",
        help="what each check did at each rung, what it cost, and what it saved",
    )
    parser.add_argument(
        "--sessions",
        type=_positive,
        default=MOST_SESSIONS,
        metavar="N",
        help=f"by session: the N with the most requests (default: {MOST_SESSIONS})",
    )
    parser.add_argument(
        "--since",
        type=parse_since,
        metavar="TIME",
        help="only requests that started since then: 90m, 24h, 7d, 2w ago, or an ISO date such as 2026-08-01 (UTC)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help=f"the data folder (default: the one that ./{SETTINGS_FILE} names, else {Storage().folder})",
    )
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print the report. Raises `ConfigError` where nothing was recorded yet."""
    console = Console(highlight=False)
    if args.checks:
        account = made_account(storage_of(args.data), args.since)
        found: Json = dollars(msgspec.to_builtins(account))
        show = partial(render_account, account, console)
    else:
        report = made(storage_of(args.data), args.since, args.by, args.sessions)
        found = in_dollars(report)
        show = partial(render, report, console)
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        show()
    return 0


def made(storage: Storage, since: float | None, by: By | None, most: int | None = None) -> Report:
    """The report: of few records from themselves, of many from sums; `most` rows of sessions. Raises `ConfigError`."""
    # SQLAlchemy takes long to load, and no other command needs it here
    from tiercel.records.pairs import read_shadow_spent

    report = _made(storage, since, by, most)
    copied = read_shadow_spent(Path(storage.folder), since=since, database_url=storage.database_url)
    return msgspec.structs.replace(
        report,
        shadow_copies=sum(one.pairs for one in copied),
        shadow_nano=sum(one.nano for one in copied),
    )


def _made(storage: Storage, since: float | None, by: By | None, most: int | None) -> Report:
    from tiercel.records.query import load_history
    from tiercel.records.summed import load_sessions, load_tallies

    folder, url = Path(storage.folder), storage.database_url
    if by == "session":
        sums = load_sessions(folder, most or MOST_SESSIONS, since=since, database_url=url)
        report = summarise_sessions(sums.answers, sums.sessions, sums.groups)
    else:
        report = summarise_tallies(load_tallies(folder, since=since, database_url=url), by)
    if report.total.requests > EXACT_UP_TO:
        return report
    history = load_history(folder, since=since, database_url=url)
    return summarise(history.records, history.feedback, by, most if by == "session" else None)


def storage_of(folder: Path | None) -> Storage:
    """Where records are kept; a folder that is named stands for itself, without PostgreSQL."""
    if folder is not None:
        return Storage(folder=str(folder))
    config = Path(SETTINGS_FILE)
    return load_storage(config, os.environ) if config.exists() else Storage()


def parse_since(text: str) -> float:
    """The Unix time that `text` means: so long ago (`24h`), or an ISO date or time, UTC where it names no zone."""
    ago = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if ago:
        return time.time() - int(ago[1]) * _UNIT_SECONDS[ago[2]]
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write 90m, 24h, 7d, 2w, or an ISO date such as 2026-08-01"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of sessions; write 1 or more")
    return int(text)


def in_dollars(report: Report) -> Json:
    """The report as plain JSON values, money in decimal dollars."""
    return dollars(msgspec.to_builtins(report))


def render(report: Report, console: Console, *, timed: bool = True) -> None:
    """Print the report; without requests, what to do to have some. Unless it was `timed`, no speed is shown: simulated
    models that answer in no time have none."""
    if not report.total.requests:
        console.print("No requests were recorded in this time.", soft_wrap=True)
        console.print(
            'Next: send one to `tiercel serve` with model "auto", or try `tiercel demo`.', soft_wrap=True
        )
        return
    for line in _heading(report):
        console.print(Text(line))
    for part in (SESSIONS, *PARTS) if report.by == "session" else PARTS:
        if part is SPEED and not timed:
            continue
        console.print()
        console.print(table_of(part, f"by {report.by}" if report.by else "", (*report.rows, report.total)))
    console.print()
    for line in _notes(report):
        if timed or line != SPEED_NOTE:
            console.print(Text(line))


class Part(NamedTuple):
    """One table of groups: its title and, after the group's name, its columns."""

    title: str
    columns: tuple[tuple[str, Callable[[Group], str]], ...]


def table_of(part: Part, heading: str, groups: Sequence[Group]) -> Table:
    """The groups as a table, their names under `heading`; where sessions share one, with whose they are."""
    times = Counter(group.name for group in groups)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title=part.title, title_justify="left")
    table.title_style = table.header_style = "bold"
    # only the name may be folded where it gets narrow: a number is never broken or cut
    table.add_column(heading, overflow="fold", vertical="bottom")
    for column, _ in part.columns:
        table.add_column(column, justify="right", vertical="bottom", no_wrap=True)
    for group in groups:
        name = group.name
        if times[name] > 1 and group.key_id is not None:
            name += f" ({', '.join(filter(None, (group.project, group.key_id))) or 'no key'})"
        table.add_row(Text(printable(name)), *(Text(cell(group)) for _, cell in part.columns))
    return table


def _heading(report: Report) -> list[str]:
    total = report.total
    lines = [
        f"Tiercel report: {count_text(total.requests, 'request')}, {period_text(report.since, report.until)}"
    ]
    if total.simulated == total.requests:
        lines.append(f"All {count_text(total.requests, 'request')} were answered by simulated providers.")
    elif total.simulated and total.simulated == total.called:
        lines.append(f"All {total.called} that reached a model were answered by simulated providers.")
    elif total.simulated:
        lines.append(
            f"Simulated providers answered {total.simulated} of the {total.called} that reached a model."
        )
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in total.quality.outcomes.items())
    return [*lines, f"Outcomes: {outcomes}"]


def _notes(report: Report) -> list[str]:
    lines = [
        "success: delivered, every gate passed, not rejected by the user (95 % interval)",
        "verified: share of the successes that a check beyond `finished` has measured",
        "per success: what all attempts cost, divided by the successes",
        SPEED_NOTE,
        "as it came: valid without a repair, of the same answers as format valid",
    ]
    if report.by == "session":
        lines.append("last: when its last request came; lasted: until its last answer ended")
    if report.groups > len(report.rows) and report.by:
        lines.append(
            f"{len(report.rows)} of {count_text(report.groups, report.by)}, those with the most requests (--sessions)"
        )
    if report.percentile_error:
        lines.append(f"p50, p95: within {percent(report.percentile_error)}; all other numbers are exact")
    if report.by in ("model", "tier", "effort"):
        lines.append(f"calls: to this {report.by}; all else: requests it answered (none: nobody did)")
    if report.shadow_copies:
        pairs = count_text(report.shadow_copies, "pair")
        lines.append(f"shadow: {pairs} with candidates cost {money(report.shadow_nano)} besides")
    if report.total.cost.unknown:
        unknown = count_text(report.total.cost.unknown, "request")
        lines.append(f"+: the cost of {unknown} is not known; tiercel.toml may give models prices")
    return lines


def _interval(rate: Rate) -> str:
    if rate.low is None or rate.high is None:
        return UNKNOWN
    return f"{100 * rate.low:.0f}-{100 * rate.high:.0f} %"


def _cost(cost: Cost) -> str:
    return money(cost.known_nano) + ("+" if cost.unknown else "")


def per_success(cost: Cost) -> str:
    """What a successful task cost, or for how many requests that is not known."""
    if cost.unknown:
        return f"unknown\nfor {cost.unknown}"
    return UNKNOWN if cost.per_success_nano is None else money(cost.per_success_nano)


def tokens_per_second(speed: float | None) -> str:
    """A speed in whole tokens, slow ones with one digit more."""
    if speed is None:
        return UNKNOWN
    return f"{speed:.0f}" if speed >= 9.95 else f"{speed:.1f}"


SPEED = Part(
    "Speed of delivered answers",
    (
        ("n", lambda g: str(g.speed.latency_seconds.n)),
        ("latency\np50", lambda g: duration(g.speed.latency_seconds.p50)),
        ("latency\np95", lambda g: duration(g.speed.latency_seconds.p95)),
        ("n", lambda g: str(g.speed.ttft_seconds.n)),
        ("TTFT\np50", lambda g: duration(g.speed.ttft_seconds.p50)),
        ("TTFT\np95", lambda g: duration(g.speed.ttft_seconds.p95)),
        ("n", lambda g: str(g.speed.tokens_per_second.n)),
        ("tok/s\np50", lambda g: tokens_per_second(g.speed.tokens_per_second.p50)),
    ),
)
SESSIONS = Part(
    "Sessions",
    (
        ("first request, UTC", lambda g: moment(g.first_at)),
        ("last, UTC", lambda g: moment(g.last_at)),
        ("lasted", lambda g: wall_time(g.wall_seconds)),
        ("requests", lambda g: str(g.requests)),
        ("calls", lambda g: str(g.calls.n)),
    ),
)
PARTS = (
    Part(
        "Success",
        (
            ("requests", lambda g: str(g.requests)),
            ("success", lambda g: percent(g.quality.success.share)),
            ("95 %", lambda g: _interval(g.quality.success)),
            ("verified", lambda g: rate_text(g.quality.verified)),
            ("accepted\nby users", lambda g: rate_text(g.quality.accepted)),
        ),
    ),
    Part(
        "Cost, and requests with at least one ...",
        (
            ("requests", lambda g: str(g.requests)),
            ("cost", lambda g: _cost(g.cost)),
            ("per\nsuccess", lambda g: per_success(g.cost)),
            ("retry", lambda g: percent(g.climbing.retry.share)),
            ("fall-\nback", lambda g: percent(g.climbing.fallback.share)),
            ("re-ask", lambda g: percent(g.climbing.re_ask.share)),
            ("esca-\nlation", lambda g: percent(g.climbing.escalation.share)),
            ("hedge", lambda g: percent(g.climbing.hedge.share)),
        ),
    ),
    SPEED,
    Part(
        "Calls",
        (
            ("failed", lambda g: rate_text(g.calls.failed)),
            ("empty", lambda g: rate_text(g.calls.empty)),
            ("non-stop\nfinish", lambda g: rate_text(g.calls.non_stop)),
            ("format\nvalid", lambda g: rate_text(g.calls.format_valid)),
            ("as it\ncame", lambda g: percent(g.calls.format_valid_as_is.share)),
        ),
    ),
    Part(
        "Tokens of these calls",
        (
            ("calls", lambda g: str(g.calls.n)),
            ("in", lambda g: f"{g.calls.tokens.input:,}"),
            ("out", lambda g: f"{g.calls.tokens.output:,}"),
            ("of them\nreasoning", lambda g: f"{g.calls.tokens.reasoning:,}"),
            ("missed\na gate", lambda g: rate_text(g.calls.missed)),
        ),
    ),
)
