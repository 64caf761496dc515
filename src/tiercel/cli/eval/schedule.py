"""`tiercel eval schedule`: the same evaluation again and again; an alarm when a model got worse, slower, another.

`run` does it once; `systemd` and `cron` print what does it every day.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from tiercel.cli.eval.arguments import DEFAULT_FILE, add_narrowing_arguments
from tiercel.cli.eval.extra import without_extra
from tiercel.cli.eval.suites import find_evaluation
from tiercel.domain.errors import ConfigError


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "schedule", help="run it again and again, with an alarm", description=__doc__
    )
    actions = parser.add_subparsers(dest="schedule_command", metavar="ACTION", required=True)
    _add_run(actions)
    keep = actions.add_parser("keep", help="hold later runs against this one")
    keep.add_argument("run", type=Path, metavar="RUN", help="a run's folder")
    keep.set_defaults(func=keep_run)
    for action, help_text in (
        ("systemd", "print a systemd service and its timer"),
        ("cron", "print a crontab line"),
    ):
        timer = actions.add_parser(action, help=help_text)
        timer.add_argument(
            "file", nargs="?", type=Path, default=DEFAULT_FILE, metavar="FILE", help="the evaluation"
        )
        timer.add_argument(
            "--every", choices=("hourly", "daily", "weekly"), default="daily", help="default: daily"
        )
        if action == "systemd":
            timer.add_argument("-o", "--out", type=Path, metavar="DIR", help="write the two files there")
        _add_telling(timer)
        timer.set_defaults(func=show_timer)


def _add_run(actions: Any) -> None:
    parser = actions.add_parser("run", help="run it once, and hold it against the run that was kept")
    add_narrowing_arguments(parser)
    _add_telling(parser)
    # nothing from the cache: its answers have no latency and are yesterday's
    parser.set_defaults(
        func=run,
        concurrency=None,
        budget=None,
        resume=None,
        retry_errors=False,
        no_cache=True,
        fail_on="never",
    )


def _add_telling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--webhook-env",
        metavar="NAME",
        help="the environment variable with the https address that alarms are posted to",
    )
    parser.add_argument(
        "--metrics", type=Path, metavar="FILE", help="write gauges for node exporter's textfile collector"
    )


def run(args: argparse.Namespace) -> int:
    """0 without an alarm, 1 with one, 4 where the run did not come to its end."""
    find_evaluation(args)
    try:
        from tiercel.cli.eval.schedule_run import run_once
        from tiercel.cli.serve import run_async
    except ModuleNotFoundError as error:
        return without_extra(error)
    return run_async(run_once(args))


def keep_run(args: argparse.Namespace) -> int:
    """Keep this run. Raises `ConfigError` where none lies there."""
    from tiercel.evals.run_folder import open_run
    from tiercel.evals.scheduling.kept import keep

    keep(open_run(args.run))
    print(f"later runs are held against {args.run}")
    return 0


def show_timer(args: argparse.Namespace) -> int:
    """Print, or write, what runs it from here, where the configuration is. Raises `ConfigError`."""
    from tiercel.evals.scheduling.timers import cron_line, unit_name, units

    if not args.file.is_file():
        raise ConfigError(f"{args.file}: no such file; name the eval.yaml that is to be run")
    file = args.file.absolute()
    command = [sys.executable, "-m", "tiercel", "eval", "schedule", "run", str(file)]
    if args.webhook_env:
        command += ["--webhook-env", args.webhook_env]
    if args.metrics is not None:
        command += ["--metrics", str(args.metrics.absolute())]
    if args.schedule_command == "cron":
        print(cron_line(args.every, Path.cwd(), command))
        return 0
    name = unit_name(file.parent.name if file.stem == "eval" else file.stem)
    made = units(name, args.every, Path.cwd(), command)
    for file_name, text in made.items():
        if args.out is None:
            print(f"# {file_name}\n{text}")
        else:
            (args.out / file_name).write_text(text, "utf-8")
            print(f"wrote {args.out / file_name}")
    print(
        f"# in ~/.config/systemd/user: systemctl --user daemon-reload && systemctl --user enable --now {name}.timer"
    )
    return 0
