"""`tiercel eval import`: an evaluation made of another tool's files, and a list of what could not be carried over.

Nothing of the file is run. What a log holds of answers becomes a run that can be compared.
"""

import argparse
import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiercel.cli.configuration import add_file_arguments, load_configuration
from tiercel.cli.eval.writing import EVALUATION, ITEMS, refuse_overwriting, write_files
from tiercel.domain.errors import ConfigError
from tiercel.measure.amounts import count_text, printable

if TYPE_CHECKING:
    from tiercel.checks.registry import Registry
    from tiercel.evals.files.surroundings import Addresses
    from tiercel.evals.importing.imported import Run

SOURCES = {
    "promptfoo": "promptfooconfig.yaml or .json, also as other services export it, or its tests as .csv",
    "openai-evals": "a YAML of OpenAI's registry of evals, or its samples as .jsonl",
    "inspect": "a log of Inspect as .json or .eval, or its samples as .jsonl",
    "langfuse": "a data set of Langfuse as .csv, .json or .jsonl",
    "langsmith": "a data set of LangSmith as .csv, .json or .jsonl",
    "csv": "a table with the columns input and target, or promptfoo's",
}


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "import", help="make an evaluation of another tool's files", description=__doc__
    )
    known = "; ".join(f"{name}: {what}" for name, what in SOURCES.items())
    parser.add_argument("source", choices=tuple(SOURCES), help=known)
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to read")
    parser.add_argument(
        "--name", metavar="NAME", help="which eval, where a file of OpenAI's registry has several"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("."), metavar="DIR", help="where to write (default: here)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    add_file_arguments(parser)
    parser.set_defaults(func=run_import)


def run_import(args: argparse.Namespace) -> int:
    """Write eval.yaml and items.jsonl, and say what is not in them; 0 also where something is not."""
    from tiercel.checks.registry import Registry

    checks = Registry.load()
    try:
        _import(args, checks)
    finally:
        asyncio.run(checks.aclose())
    return 0


def _import(args: argparse.Namespace, checks: "Registry") -> None:
    from tiercel.evals.files import Surroundings, load_evaluation
    from tiercel.evals.importing import import_file
    from tiercel.evals.judging import judging_scorers
    from tiercel.evals.scorers.registry import ScorerRegistry

    refuse_overwriting(args.folder, [EVALUATION, ITEMS], force=args.force)
    surroundings = Surroundings(scorers=ScorerRegistry(checks, judging_scorers()), addresses=_addresses(args))
    imported = import_file(args.source, args.file, surroundings, name=args.name)
    texts = {EVALUATION: imported.evaluation_text(), ITEMS: imported.items_text()}
    write_files(args.folder, texts, force=args.force)
    for run in imported.runs:
        _write_run(run, args.folder)
    print(f"{count_text(len(imported.rows), 'item')} of {args.file.name}")
    _tell("could not be carried over:", imported.left)
    _tell("means something a little different here, or is yours to say:", imported.notes)
    try:
        load_evaluation(args.folder / EVALUATION, surroundings)
    except ConfigError as error:
        _tell("to be mended before it can run:", error.problems)
        return
    print(f"next: tiercel eval plan {args.folder / EVALUATION}")


def _addresses(args: argparse.Namespace) -> "Addresses | None":
    """The configured models; `None` where there are none, so that names are taken as they are."""
    from tiercel.evals.files.surroundings import Addresses

    loaded = load_configuration(args)
    catalog = loaded.settings.catalog
    return Addresses(loaded.policy, catalog) if catalog.deployments else None


def _write_run(run: "Run", folder: Path) -> None:
    """Put the answers that a log held where `tiercel eval compare` and `report` find them."""
    from tiercel import __version__
    from tiercel.evals.run_folder import Manifest
    from tiercel.evals.running.folders import new_run, runs_beside
    from tiercel.evals.running.rows_file import RowsFile

    manifest = Manifest(
        id="",
        evaluation=run.evaluation,
        started_at=run.started_at,
        finished_at=run.finished_at,
        tiercel=__version__,
    )
    made = new_run(runs_beside(folder / EVALUATION), manifest)
    with RowsFile(made.results_path) as file:
        for result in run.results:
            file.add(result)
    print(f"wrote {made.path} with {count_text(len(run.results), 'answer')} of the log")


def _tell(title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        print(title)
    for line in found:
        print(f"  {printable(line)}")
