"""`tiercel eval init`: a first evaluation that runs at once, or one made of another tool's files."""

import argparse
from pathlib import Path
from typing import Any

from tiercel.cli.configuration import add_file_arguments, load_configuration
from tiercel.cli.eval.import_files import SOURCES, run_import
from tiercel.cli.eval.writing import EVALUATION, ITEMS, write_files
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
        if args.lab:
            raise ConfigError("--lab writes an evaluation of its own; leave it or --from out")
        if source not in SOURCES:
            raise ConfigError(f"--from {source}: there are {', '.join(SOURCES)}")
        args.source, args.file, args.name = source, Path(file), None
        return run_import(args)
    from tiercel.evals.files.starter import starter

    made = starter(_catalog(args), simulated=args.lab)
    texts = {EVALUATION: made.evaluation, ITEMS: made.items, LABELS: made.labels}
    write_files(args.folder, texts, force=args.force)
    path, lab = args.folder / EVALUATION, " --lab" if args.lab else ""
    print(f"next: tiercel eval plan {path}{lab}, then tiercel eval run {path}{lab}")
    return 0


def _catalog(args: argparse.Namespace) -> Catalog:
    """The models to choose from: the configuration's, or the lab's."""
    if not args.lab:
        return load_configuration(args).settings.catalog
    from tiercel.testing.lab.setup import lab_settings

    return lab_settings("http://127.0.0.1:1", "unused").catalog
