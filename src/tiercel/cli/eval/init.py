"""`tiercel eval init`: a first evaluation that runs at once, or one made of another tool's files."""

import argparse
from pathlib import Path
from typing import Any

from tiercel.cli.configuration import add_file_arguments, load_configuration
from tiercel.cli.eval.import_files import SOURCES, run_import
from tiercel.cli.eval.writing import EVALUATION, write_files
from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import ConfigError

LABELS = "labels.example.jsonl"


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "init", help="write a first eval.yaml and items.jsonl", description=__doc__
    )
    parser.add_argument(
        "--from",
        dest="source",
        nargs=2,
        metavar=("SOURCE", "FILE"),
        help=f"make them of another tool's file, as `tiercel eval import` does: {', '.join(SOURCES)}",
    )
    parser.add_argument(
        "--suite", metavar="NAME", help="one that comes with Tiercel: see `tiercel eval suites`"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("."), metavar="DIR", help="where to write (default: here)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    parser.add_argument(
        "--lab", action="store_true", help="compare simulated models, without a key: shows how it works"
    )
    add_file_arguments(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write the files; nothing is overwritten unasked."""
    if args.source is not None:
        source, file = args.source
        for flag, given in (("--lab", args.lab), ("--suite", args.suite is not None)):
            if given:
                raise ConfigError(f"{flag} writes an evaluation of its own; leave it or --from out")
        if source not in SOURCES:
            raise ConfigError(f"--from {source}: there are {', '.join(SOURCES)}")
        args.source, args.file, args.name = source, Path(file), None
        return run_import(args)
    path = write_evaluation(args, args.folder, args.suite)
    lab = " --lab" if args.lab else ""
    print(f"next: tiercel eval plan {path}{lab}, then tiercel eval run {path}{lab}")
    return 0


def write_evaluation(args: argparse.Namespace, folder: Path, suite: str | None) -> Path:
    """Write an evaluation of the configured models, or of the lab's, and give its `eval.yaml`. Raises `ConfigError`."""
    from tiercel.checks.registry import Registry
    from tiercel.evals.files.starter import starter
    from tiercel.evals.suites import shipped_suite

    shipped = None if suite is None else shipped_suite(suite, Registry.load().resolve)
    made = starter(_catalog(args), simulated=args.lab, suite=shipped)
    contents: dict[str, str | bytes] = {EVALUATION: made.evaluation, made.items_file: made.items}
    contents |= made.pictures
    if made.labels is not None:
        contents[LABELS] = made.labels
    write_files(folder, contents, force=getattr(args, "force", False))
    return folder / EVALUATION


def _catalog(args: argparse.Namespace) -> Catalog:
    """The models to choose from: the configuration's, or the lab's."""
    if not args.lab:
        return load_configuration(args).settings.catalog
    from tiercel.testing.lab.setup import lab_settings

    return lab_settings("http://127.0.0.1:1", "unused").catalog
