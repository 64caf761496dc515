"""Files of other tools, what they become, and that what they become can be read."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiercel.checks.registry import Registry
from tiercel.evals.evaluation import Evaluation
from tiercel.evals.files import Surroundings, load_evaluation
from tiercel.evals.importing import Imported, import_file
from tiercel.evals.judging import judging_scorers
from tiercel.evals.scorers.registry import ScorerRegistry


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    """All scorers that there are, and no configuration."""
    checks = Registry.load()
    try:
        yield Surroundings(scorers=ScorerRegistry(checks, judging_scorers()))
    finally:
        asyncio.run(checks.aclose())


def brought(
    folder: Path, source: str, name: str, files: dict[str, str | bytes], *, which: str | None = None
) -> Imported:
    """What the file `name` becomes, beside the others."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    with surroundings() as around:
        return import_file(source, folder / name, around, name=which)


def reread(folder: Path, imported: Imported) -> Evaluation:
    """The evaluation that the written files are. Raises `ConfigError` where they are refused."""
    new = folder / "new"
    new.mkdir()
    (new / "eval.yaml").write_text(imported.evaluation_text())
    (new / "items.jsonl").write_text(imported.items_text())
    with surroundings() as around:
        return load_evaluation(new / "eval.yaml", around)
