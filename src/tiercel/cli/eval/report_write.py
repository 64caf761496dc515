"""Writes the reports that `tiercel eval report` was asked for."""

import argparse
import os
from pathlib import Path

from tiercel.cli.eval.runs_named import command_of, look
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.reporting.csv_report import as_csv
from tiercel.evals.reporting.github import annotations, within_limit
from tiercel.evals.reporting.html import as_html
from tiercel.evals.reporting.json_report import as_json
from tiercel.evals.reporting.junit import as_junit
from tiercel.evals.reporting.markdown import as_markdown


def write_reports(args: argparse.Namespace, outputs: list[Path]) -> None:
    """A file for each of `outputs`. Raises `ConfigError` where the runs cannot be read or a file not be written."""
    looked = look(args)
    assessment = looked.assessment
    for path in outputs:
        _write(path, report_text(assessment, path.suffix.lower(), command_of(args, looked, path)))
        print(f"wrote {path}")
    if args.github:
        tell_github(assessment, command_of(args, looked, outputs[0]))


def report_text(assessment: Assessment, ending: str, command: str) -> str:
    """The report in the format that goes with a file's ending."""
    match ending:
        case ".html":
            return as_html(assessment, command)
        case ".md":
            return as_markdown(assessment, command)
        case ".json":
            return as_json(assessment, command)
        case ".csv":
            return as_csv(assessment)
        case _:
            return as_junit(assessment.title, assessment.answers)


def tell_github(assessment: Assessment, command: str) -> None:
    """Annotations on stdout, where the runner reads them, and the summary where it asks for it."""
    for line in annotations(assessment, os.environ.get("GITHUB_WORKSPACE", str(Path.cwd()))):
        print(line)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(within_limit(as_markdown(assessment, command)))
        except OSError as error:
            raise ConfigError(f"GITHUB_STEP_SUMMARY: {summary}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
