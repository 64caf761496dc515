"""The forms in which a run can be exported, and what writes each."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.evals.evaluation import Candidate
from tiercel.evals.exporting.inspect_ai import inspect_log
from tiercel.evals.exporting.promptfoo import promptfoo_results
from tiercel.evals.exporting.tables import csv_lines, json_lines, write_parquet
from tiercel.evals.run_folder import RunFolder

FORMATS = ("jsonl", "csv", "parquet", "inspect-json", "promptfoo-json")


def export_run(run: RunFolder, form: str, target: Path, *, candidate: str | None = None) -> None:
    """Write the file, whole or not at all, for nobody else to read.

    Raises `ConfigError` where it cannot be, or where `candidate` must say which one a log of Inspect is of.
    """
    part = target.with_name(target.name + ".part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        if form == "parquet":
            write_parquet(run, part)
        else:
            with part.open("wb") as file:
                file.writelines(pieces(run, form, candidate=candidate))
        part.replace(target)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def pieces(run: RunFolder, form: str, *, candidate: str | None = None) -> Iterable[bytes]:
    """What is written, in any form but Parquet. Raises `ConfigError` as above."""
    match form:
        case "jsonl":
            return json_lines(run)
        case "csv":
            return csv_lines(run)
        case "inspect-json":
            chosen = _candidate(run, candidate)
            results = [one for one in run.results().values() if one.candidate == chosen.id]
            return _one(inspect_log(run.manifest, chosen, results))
        case "promptfoo-json":
            return _one(promptfoo_results(run))
        case _:
            raise ConfigError(f"{form!r} is no form; there are {', '.join(FORMATS)}")


def _candidate(run: RunFolder, named: str | None) -> Candidate:
    candidates = run.manifest.evaluation.candidates
    ids = ", ".join(one.id for one in candidates)
    if named is None:
        if len(candidates) != 1:
            raise ConfigError(f"a log of Inspect is of one model: say which with --candidate: {ids}")
        return candidates[0]
    found = next((one for one in candidates if one.id == named), None)
    if found is None:
        raise ConfigError(f"--candidate {named}: the run has {ids}")
    return found


def _one(value: Json) -> Iterator[bytes]:
    yield msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
