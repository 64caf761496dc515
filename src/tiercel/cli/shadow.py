"""`tiercel shadow`: may a candidate take over, on copies of live requests that no client sees?

A run is registered before its first pair: rule, candidate, margin, dollars, time. Its verdict may then be read as often
as one likes, and leads to a proposal for `policy.toml`, which a person accepts or not.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiercel.cli.argument import argument
from tiercel.cli.configuration import POLICY_FILE, SETTINGS_FILE, add_file_arguments
from tiercel.cli.report import parse_since, storage_of
from tiercel.domain.errors import ConfigError
from tiercel.domain.settings import Storage
from tiercel.domain.shadow import WINDOW_SECONDS
from tiercel.policy.key_forms import dollars, duration, project_name

PROPOSED = "policy.proposed.toml"


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "shadow", help="may a candidate take over, on copies of requests", description=__doc__
    )
    commands = parser.add_subparsers(dest="shadow_command", metavar="COMMAND", required=True)
    _add_start(commands)
    _add_status(commands)
    _add_stop(commands)
    _add_adopt(commands)


def _add_start(commands: Any) -> None:
    start = commands.add_parser(
        "start",
        help="register a candidate before its first pair",
        description="Register a candidate for a rule's requests. A running server begins within seconds. What was "
        "registered is never changed; `stop` ends it.",
    )
    start.add_argument("--rule", required=True, metavar="NAME", help="the rule whose requests are copied")
    start.add_argument(
        "--candidate",
        required=True,
        action="append",
        metavar="MODEL",
        help="a model or deployment, with an optional @effort; several share alpha and dollars",
    )
    start.add_argument(
        "--share",
        type=_share,
        default=0.05,
        metavar="S",
        help="of the requests that are copied (default: 0.05)",
    )
    start.add_argument(
        "--max-usd",
        type=argument(dollars),
        required=True,
        metavar="USD",
        help="what all copies may cost together",
    )
    start.add_argument(
        "--until",
        type=argument(_length),
        default=14 * 86_400.0,
        metavar="TIME",
        help="how long requests are copied (default: 14d)",
    )
    start.add_argument(
        "--project", type=argument(project_name), metavar="NAME", help="only requests of this project's keys"
    )
    _add_question(start)
    add_file_arguments(start)
    _add_data(start)
    start.set_defaults(func=_run_start)


def _add_question(start: argparse.ArgumentParser) -> None:
    """What is to be decided, and how surely."""
    start.add_argument(
        "--margin",
        type=_between,
        default=0.03,
        metavar="M",
        help="by how much the candidate may pass less often (default: 0.03, three points)",
    )
    start.add_argument(
        "--alpha",
        type=_between,
        default=0.05,
        metavar="A",
        help="the risk of a wrong verdict (default: 0.05)",
    )
    start.add_argument(
        "--guardrail",
        action="append",
        default=[],
        metavar="BOUND",
        help='what must hold besides, such as "cost<=0.5x", "p95<=1.2x" or "format<=0.01"; may be repeated',
    )
    start.add_argument(
        "--window",
        type=argument(duration),
        default=WINDOW_SECONDS,
        metavar="TIME",
        help="the pairs of a session within this time of its first are one observation (default: 1h)",
    )


def _add_status(commands: Any) -> None:
    status = commands.add_parser(
        "status",
        help="verdicts of registered runs, and pairs by rule and candidate",
        description="The verdict of each registered run so far, and pairs by rule and candidate. Looking often costs "
        "nothing: the verdict is as sure however often it is read.",
    )
    status.add_argument("run", nargs="?", metavar="RUN", help="only this run, also where it has ended")
    status.add_argument("--all", action="store_true", help="also runs that were stopped")
    status.add_argument("--rule", metavar="NAME", help="only runs and pairs of this rule")
    status.add_argument(
        "--since",
        type=parse_since,
        metavar="TIME",
        help="in the table of pairs only requests that came since then: 90m, 24h, 7d, 2w ago, or an ISO date (UTC)",
    )
    _add_data(status)
    status.add_argument("--json", action="store_true", help="print all numbers as JSON")
    status.set_defaults(func=_run_status)


def _add_stop(commands: Any) -> None:
    stop = commands.add_parser(
        "stop", help="end a run; its pairs stay", description="End a run, or an audit. Its pairs stay."
    )
    stop.add_argument("run", metavar="RUN", help="its id, as `status` shows it")
    stop.add_argument("--reason", default="by hand", metavar="TEXT", help="kept with it (default: by hand)")
    _add_data(stop)
    stop.set_defaults(func=_run_stop)


def _add_adopt(commands: Any) -> None:
    adopt = commands.add_parser(
        "adopt",
        help=f"write {PROPOSED} with the candidate first",
        description=f"Write {PROPOSED}, in which the rule's ladder begins with the candidate, and show what changes. "
        "Nothing is put in force. Once the proposal is, the model that was replaced answers a few copies: an audit.",
    )
    adopt.add_argument("run", metavar="RUN", help="its id, as `status` shows it")
    adopt.add_argument(
        "--policy", type=Path, default=Path(POLICY_FILE), metavar="FILE", help=f"default: ./{POLICY_FILE}"
    )
    adopt.add_argument(
        "--anyway", action="store_true", help="without a verdict that allows it; the proposal says so"
    )
    adopt.add_argument(
        "--audit-share",
        type=_share_or_none,
        default=0.02,
        metavar="S",
        help="of the requests whose copies the replaced model answers, 0 for no audit (default: 0.02)",
    )
    adopt.add_argument(
        "--audit-max-usd",
        type=argument(dollars),
        metavar="USD",
        help="what the audit may cost (default: as much as the run)",
    )
    _add_data(adopt)
    adopt.set_defaults(func=_run_adopt)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help=f"the data folder (default: the one that ./{SETTINGS_FILE} names, else {Storage().folder})",
    )


def _run_start(args: argparse.Namespace) -> int:
    from tiercel.cli.shadow_start import run_start

    return _with_extra(run_start, args)


def _run_status(args: argparse.Namespace) -> int:
    # SQLAlchemy and the evaluations take long to load, and `tiercel serve` loads this module
    from tiercel.cli.shadow_status import run_status

    return run_status(args)


def _run_stop(args: argparse.Namespace) -> int:
    from tiercel.records.shadow_store import ShadowStore

    storage = storage_of(args.data)
    store = ShadowStore(Path(storage.folder), storage.database_url)
    try:
        before = store.find(args.run)
        run = store.stop(args.run, at=time.time(), reason=args.reason)
    finally:
        store.close()
    if before.stopped_at is not None:
        print(f"{run.id} has ended already: {run.stop_reason}")
    else:
        print(f"Ended {run.id}. Servers stop copying for it within seconds; its pairs stay.")
    return 0


def _run_adopt(args: argparse.Namespace) -> int:
    try:
        from tiercel.cli.shadow_adopt import run_adopt
    except ModuleNotFoundError as error:
        raise _without(error) from error
    return _with_extra(run_adopt, args)


def _with_extra(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    try:
        return run(args)
    except ModuleNotFoundError as error:
        raise _without(error) from error


def _without(error: ModuleNotFoundError) -> ConfigError:
    """What to install; a module of our own that is missing is a fault, and raised again."""
    if (error.name or "").startswith("tiercel"):
        raise error
    return ConfigError(f"{error.name} is not installed: pip install 'tiercel[evals]'")


def _length(text: str) -> float:
    seconds = duration(text)
    if not seconds:
        raise ConfigError(f"{text!r}: a run that ends at once sees nothing; write 7d or 2w")
    return seconds


def _between(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a share between 0 and 1, such as 0.03")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a share above 0 and up to 1, such as 0.05 or 5%")
    return value


def _share_or_none(text: str) -> float:
    return 0.0 if _number(text) == 0 else _share(text)


def _number(text: str) -> float:
    """`0.05` and `5%`."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write 0.05 or 5%") from None
