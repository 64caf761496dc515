"""How the commands that make an evaluation write it: together or not at all, and never over what is there unasked."""

from collections.abc import Mapping
from pathlib import Path

from tiercel.domain.errors import ConfigError

EVALUATION, ITEMS = "eval.yaml", "items.jsonl"


def refuse_overwriting(folder: Path, names: list[str], *, force: bool) -> None:
    """Raises `ConfigError` where one of the files is there already."""
    there = [str(folder / name) for name in names if (folder / name).exists()]
    if there and not force:
        raise ConfigError(
            f"{' and '.join(there)} already there; --force overwrites, --folder writes elsewhere"
        )


def write_files(folder: Path, files: Mapping[str, str | bytes], *, force: bool) -> None:
    """Write them, by their names below the folder, and say so. Raises `ConfigError` where one is there, or cannot be
    written."""
    refuse_overwriting(folder, list(files), force=force)
    try:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            print(f"wrote {folder / name}")
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from error
