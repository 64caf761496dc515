"""The tools whose files can be imported, by name."""

from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.evals.files.surroundings import Surroundings
from tiercel.evals.importing.datasets import import_csv, import_langfuse, import_langsmith
from tiercel.evals.importing.imported import Imported
from tiercel.evals.importing.inspect_ai import import_inspect
from tiercel.evals.importing.openai_evals import import_openai_evals
from tiercel.evals.importing.promptfoo import import_promptfoo

SOURCES = ("promptfoo", "openai-evals", "inspect", "langfuse", "langsmith", "csv")


def import_file(source: str, path: Path, surroundings: Surroundings, *, name: str | None = None) -> Imported:
    """What this file becomes. `name` says which eval of several. Raises `ConfigError` where nothing can be made."""
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    match source:
        case "promptfoo" if path.suffix.lower() == ".csv":
            return import_csv(path, surroundings)
        case "promptfoo":
            return import_promptfoo(path, surroundings)
        case "openai-evals":
            return import_openai_evals(path, name)
        case "inspect":
            return import_inspect(path)
        case "langfuse":
            return import_langfuse(path)
        case "langsmith":
            return import_langsmith(path)
        case "csv":
            return import_csv(path, surroundings)
        case _:
            raise ConfigError(f"{source!r} is no source; there are {', '.join(SOURCES)}")
